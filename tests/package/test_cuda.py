"""NVIDIA's driver and libraries, with a stand-in driver that a C compiler makes."""

import ctypes
import re
import sys

import pytest
import stand_in_driver
from tools_of_the_build import ROOT

from d2l_gru.install import nvidia

needs_compiler = pytest.mark.skipif(not stand_in_driver.COMPILER, reason="needs a C compiler")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = stand_in_driver.build(tmp_path_factory.mktemp("driver"), name="stand-in.so")
    return ctypes.CDLL(str(folder / "stand-in.so"))


@pytest.fixture
def ask(library, monkeypatch):
    """Return a function that asks a driver of that version, with such GPUs."""

    def find(version, gpus, name="Stand-in"):
        monkeypatch.setenv("STAND_IN_CUDA", str(version))
        monkeypatch.setenv("STAND_IN_GPUS", gpus)
        monkeypatch.setenv("STAND_IN_NAME", name)
        return nvidia.find_driver()

    monkeypatch.setattr(nvidia.ctypes, "CDLL", {"libcuda.so.1": library}.__getitem__)
    return find


@needs_compiler
@pytest.mark.parametrize(
    ("version", "gpus", "expected"),
    [
        (11080, "80", ((11, 8), True, [(0, "Stand-in 0", (8, 0), True)])),
        (12040, "90,86", ((12, 4), True, [(0, "Stand-in 0", (9, 0), False),
                                          (1, "Stand-in 1", (8, 6), True)])),
        (10020, "37", ((10, 2), False, [(0, "Stand-in 0", (3, 7), False)])),
        (11000, "50", ((11, 0), True, [(0, "Stand-in 0", (5, 0), True)])),
        (13000, "", ((13, 0), True, [])),
        (13000, "-1", ((13, 0), True, [])),
    ],
)  # fmt: skip
def test_the_driver_is_asked(ask, version, gpus, expected):
    found = ask(version, gpus)
    gpus = [(*gpu, gpu.usable) for gpu in found.gpus]
    assert (found.cuda, found.usable, gpus) == expected
    assert str(found) == f"speaks CUDA {version // 1000}.{version // 10 % 100}"


@needs_compiler
def test_a_name_in_another_encoding_is_no_error(ask):
    (gpu,) = ask(12040, "80", "GeForce\udcae").gpus  # the sign ® in Latin-1
    assert gpu.name == "GeForce\ufffd 0"


@needs_compiler
@pytest.mark.processes
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
    ("capability", "usable"),
    [((3, 7), False), ((5, 0), True), ((8, 9), True), ((9, 0), False), ((12, 0), False)],
)
def test_what_the_build_has_code_for(capability, usable):
    gpu = nvidia.Gpu(1, "X", capability)
    assert gpu.usable == usable
    assert str(gpu) == f"gpu(1), X, compute capability {capability[0]}.{capability[1]}"


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """Install every library as an empty file; return the folder and what is loaded."""
    for library, folder, _ in nvidia.LIBRARIES:
        path = tmp_path / "nvidia" / folder / "lib" / library
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "nvidia", raising=False)
    loaded = []
    monkeypatch.setattr(nvidia.ctypes, "CDLL", lambda path, mode: loaded.append((path, mode)))
    return tmp_path / "nvidia", loaded


def test_libraries_are_loaded_for_all_leaves_first(wheels):
    _, loaded = wheels
    nvidia.preload()
    names = [path.rpartition("/")[2] for path, _ in loaded]
    assert names == [library for library, _, _ in nvidia.LIBRARIES]
    assert names.index("libcublasLt.so.11") < names.index("libcublas.so.11")
    assert {mode for _, mode in loaded} == {nvidia.ctypes.RTLD_GLOBAL}
    assert nvidia.missing_wheels() == []


def test_missing_wheels_are_named_once_and_left_out(wheels):
    folder, loaded = wheels
    (folder / "cublas/lib/libcublas.so.11").unlink()
    (folder / "cublas/lib/libcublasLt.so.11").unlink()
    (folder / "cudnn/lib/libcudnn.so.8").unlink()
    nvidia.preload()
    assert len(loaded) == len(nvidia.LIBRARIES) - 3
    assert nvidia.missing_wheels() == [
        "nvidia-cublas-cu11==11.11.3.6",
        "nvidia-cudnn-cu11==8.9.6.50",
    ]


def test_without_the_package_nvidia_all_wheels_are_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "nvidia", raising=False)
    nvidia.preload()
    assert nvidia.missing_wheels() == list(dict.fromkeys(wheel for *_, wheel in nvidia.LIBRARIES))


def test_the_wheels_are_those_of_pyproject():
    extra = re.search(r"^gpu = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.S | re.M)[1]
    pins = set(re.findall(r'"(nvidia-[^"]+)"', extra))
    assert pins == {wheel for *_, wheel in nvidia.LIBRARIES} and len(pins) == 9
