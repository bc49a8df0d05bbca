"""NVIDIA's driver and libraries, with a stand-in driver that a C compiler makes."""

import ctypes
import re
import sys

import pytest
import stand_in_driver
from tools_of_the_build import ROOT

from d2l_gru.install import nvidia

needs_compiler = pytest.mark.skipif(not stand_in_driver.COMPILER, reason="needs a C compiler")
WHEELS = list(dict.fromkeys(wheel for *_, wheel in nvidia.LIBRARIES))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = stand_in_driver.build(tmp_path_factory.mktemp("driver"), name="stand-in.so")
    return ctypes.CDLL(str(folder / "stand-in.so"))


@needs_compiler
@pytest.mark.parametrize(
    ("version", "gpus", "name", "usable", "expected"),
    [
        (11080, "80", "X", True, [("gpu(0), X 0, compute capability 8.0", True)]),
        (12040, "90,86", "X", True, [("gpu(0), X 0, compute capability 9.0", False),
                                     ("gpu(1), X 1, compute capability 8.6", True)]),
        (10020, "37", "X", False, [("gpu(0), X 0, compute capability 3.7", False)]),
        (11000, "50", "X", True, [("gpu(0), X 0, compute capability 5.0", True)]),
        (12040, "89,120", "X", True, [("gpu(0), X 0, compute capability 8.9", True),
                                      ("gpu(1), X 1, compute capability 12.0", False)]),
        (13000, "", "X", True, []),
        (13000, "-1", "X", True, []),
        # the sign ® in Latin-1
        (11080, "80", "R\udcae", True, [("gpu(0), R\ufffd 0, compute capability 8.0", True)]),
    ],
)  # fmt: skip
def test_the_driver_is_asked(library, monkeypatch, version, gpus, name, usable, expected):
    monkeypatch.setenv("STAND_IN_CUDA", str(version))
    monkeypatch.setenv("STAND_IN_GPUS", gpus)
    monkeypatch.setenv("STAND_IN_NAME", name)
    monkeypatch.setattr(nvidia.ctypes, "CDLL", {"libcuda.so.1": library}.__getitem__)
    found = nvidia.find_driver()
    assert [(str(gpu), gpu.usable) for gpu in found.gpus] == expected
    assert found.usable == usable
    assert str(found) == f"supports CUDA {version // 1000}.{version // 10 % 100}"


@needs_compiler
def test_the_driver_is_the_library_that_the_system_finds(tmp_path):
    code = "from d2l_gru.install import nvidia; print(*nvidia.find_driver().gpus)"
    done = stand_in_driver.python(code, stand_in_driver.build(tmp_path), "86")
    assert done.stdout == "gpu(0), Stand-in 0, compute capability 8.6\n", done.stderr


def test_no_driver_is_none(monkeypatch):
    def fail(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(nvidia.ctypes, "CDLL", fail)
    assert nvidia.find_driver() is None


@pytest.mark.parametrize(
    ("removed", "missing"),
    [
        ([], []),
        (["cublas", "cudnn"], ["nvidia-cublas-cu11==11.11.3.6", "nvidia-cudnn-cu11==8.9.6.50"]),
        (None, WHEELS),  # not even the package nvidia
    ],
)
def test_libraries_are_loaded_for_all_leaves_first_and_missing_wheels_named(
    tmp_path, monkeypatch, removed, missing
):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "nvidia", raising=False)
    there = []
    for library, folder, _ in nvidia.LIBRARIES if removed is not None else ():
        path = tmp_path / "nvidia" / folder / "lib" / library
        if folder not in removed:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            there.append((str(path), nvidia.ctypes.RTLD_GLOBAL))
    loaded = []
    monkeypatch.setattr(nvidia.ctypes, "CDLL", lambda path, mode: loaded.append((path, mode)))
    nvidia.preload()
    assert loaded == there and nvidia.missing_wheels() == missing
    names = [library for library, _, _ in nvidia.LIBRARIES]
    assert names.index("libcublasLt.so.11") < names.index("libcublas.so.11")


def test_the_wheels_are_those_of_pyproject():
    extra = re.search(r"^gpu = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.S | re.M)[1]
    pins = set(re.findall(r'"(nvidia-[^"]+)"', extra))
    assert pins == {*WHEELS} and len(pins) == 9
