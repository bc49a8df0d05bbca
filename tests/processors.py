"""Do the notebooks give the same outputs on other machines?  For `make processors`.

Numerical libraries choose their code by the processor, and each choice sums in another order.  So
an output that holds under all of these settings, older processors, one core and a busy machine,
will hold on a machine that nobody here has.
"""

import os
import signal
import subprocess
import sys

import pytest
from tools_of_the_build import ROOT

OPENBLAS = "Nehalem Sandybridge Haswell SkylakeX Zen".split()
SETTINGS = {kind: {"OPENBLAS_CORETYPE": kind} for kind in OPENBLAS} | {
    "oneDNN with SSE 4.1": {"DNNL_MAX_CPU_ISA": "SSE41"},
    "oneDNN with AVX2": {"DNNL_MAX_CPU_ISA": "AVX2"},
    "PyTorch without vectors": {"MKL_CBWR": "COMPATIBLE", "ATEN_CPU_CAPABILITY": "default"},
    "NumPy without AVX2": {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3"},
    "one thread": {"OMP_NUM_THREADS": "1"},
    "one core": {},
    "busy": {},
}
# What a processor without the instructions of a setting cannot run at all.
PROBE = "import numpy; a = numpy.ones((99, 99)); (a @ a).sum()"


@pytest.fixture(scope="module", params=SETTINGS)
def setting(request):
    """Each setting in turn, its name and its environment; `busy` keeps all cores at work."""
    env = os.environ | SETTINGS[request.param]
    if subprocess.run([sys.executable, "-c", PROBE], env=env).returncode == -signal.SIGILL:
        pytest.skip("cannot run on this processor")
    cores = (os.cpu_count() or 1) if request.param == "busy" else 0
    spin = [sys.executable, "-c", "while True: pass"]
    spinning = [subprocess.Popen(spin) for _ in range(cores)]
    yield request.param, env
    for process in spinning:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "book").glob("*.ipynb")))
def test_the_outputs_are_the_same(name, setting):
    kind, env = setting
    command = ["taskset", "--cpu-list", "0"] if kind == "one core" else []
    command += [sys.executable, "-m", "pytest", "--nbval", "-q", "-ra", f"book/{name}.ipynb"]
    status = subprocess.run(command, env=env, cwd=ROOT).returncode
    assert status in (0, pytest.ExitCode.NO_TESTS_COLLECTED), "other outputs, see below"
