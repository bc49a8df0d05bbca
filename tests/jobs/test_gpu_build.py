"""MXNet's GPU build imports and computes on a machine without a GPU, given a stand-in driver.

`make gpu-build` installs that build aside and runs these tests.
"""

import os
import subprocess

import pytest
import stand_in_driver
from tools_of_the_build import ROOT

PYTHON = os.environ.get("D2L_GRU_GPU_BUILD")
pytestmark = [
    pytest.mark.gpu_build,
    pytest.mark.skipif(not PYTHON, reason="needs MXNet's GPU build: make gpu-build"),
    pytest.mark.skipif(not stand_in_driver.COMPILER, reason="needs a C compiler"),
]
PACKAGE = {"PYTHONPATH": str(ROOT / "src")}


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A stand-in with every function of the driver that the build links to."""
    find = "import importlib.util as u; print(u.find_spec('mxnet').submodule_search_locations[0])"
    folder = subprocess.run([PYTHON, "-c", find], capture_output=True, text=True, check=True)
    symbols = subprocess.run(
        ["nm", "-D", "--undefined-only", f"{folder.stdout.strip()}/libmxnet.so"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = {line.split()[-1].split("@")[0] for line in symbols.stdout.splitlines()}
    linked = {name for name in names if name.startswith("cu") and name[2:3].isupper()}
    own = {name for name in linked if f"int {name}(" in stand_in_driver.CODE}
    return stand_in_driver.build(tmp_path_factory.mktemp("driver"), sorted(linked - own))


def run(code, driver, gpus=""):
    return stand_in_driver.python(code, driver, gpus, executable=PYTHON, **PACKAGE)


def test_it_imports_and_computes_on_the_cpu(driver):
    done = run(
        """if True:
        import d2l_gru as d2l
        from mxnet import np, npx
        from mxnet.runtime import Features
        print(Features().is_enabled("CUDA"), npx.num_gpus(), d2l.try_gpu())
        size = 5, 4, d2l.try_gpu()
        model = d2l.RNNModelScratch(*size, d2l.get_params, d2l.init_gru_state, d2l.gru)
        loader = d2l.SeqDataLoader([1, 2, 3, 4] * 10, 2, 3)
        print(d2l.train(model, loader, 1, 2, d2l.try_gpu()).perplexity[-1] < 5)
        """,
        driver,
    )
    assert (done.returncode, done.stdout) == (0, "True 0 cpu(0)\nTrue\n"), done.stderr


def test_the_libraries_come_from_the_wheels(driver):
    done = run(
        """if True:
        import d2l_gru
        import mxnet
        maps = open("/proc/self/maps").read()
        from d2l_gru.install import nvidia
        print([name for name, *_ in nvidia.LIBRARIES if f"/{name}" not in maps])
        """,
        driver,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_without_a_driver_importing_says_what_the_doctor_says():
    env = os.environ | PACKAGE
    doctor = subprocess.run(
        [PYTHON, "-m", "d2l_gru", "doctor"], capture_output=True, text=True, env=env
    )
    model = subprocess.run(
        [PYTHON, "-c", "import d2l_gru; d2l_gru.RNNModel"], capture_output=True, text=True, env=env
    )
    assert doctor.returncode == 1 and "FAULT  driver: mxnet-cu112 needs NVIDIA's" in doctor.stdout
    last = model.stderr.splitlines()[-1]
    assert last.startswith("ImportError: mxnet-cu112 needs NVIDIA's driver (libcuda.so.1)")


def test_a_gpu_that_is_too_new_is_refused_before_it_crashes(driver):
    done = run("import d2l_gru; d2l_gru.RNNModel", driver, gpus="90")
    assert "none for gpu(0), Stand-in 0, compute capability 9.0" in done.stderr.splitlines()[-1]
