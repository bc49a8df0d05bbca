"""Check notebooks as other machines would run them: older processors, one core, a busy machine.

Numerical libraries choose their code by the processor, and each choice sums in another order.  So
an output that holds under all of these settings will hold on a machine that nobody here has.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPENBLAS = "Nehalem Sandybridge Haswell SkylakeX Zen".split()
SETTINGS = {f"OpenBLAS for {kind}": {"OPENBLAS_CORETYPE": kind} for kind in OPENBLAS} | {
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


@contextlib.contextmanager
def load(processes):
    """Keep so many cores busy."""
    spinning = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)
    ]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def check(name, notebooks):
    """Run the notebooks under a setting; return pytest's exit status, None if it cannot be had."""
    env = os.environ | SETTINGS[name]
    if subprocess.run([sys.executable, "-c", PROBE], env=env).returncode == -signal.SIGILL:
        return None
    command = ["taskset", "--cpu-list", "0"] if name == "one core" else []
    command += [sys.executable, "-m", "pytest", "--nbval", "-q", "-ra", *notebooks]
    with load((os.cpu_count() or 1) if name == "busy" else 0):
        return subprocess.run(command, env=env, cwd=ROOT).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebook", nargs="*", help="its name, such as gates; all if none is given")
    parser.add_argument("--setting", action="append", choices=SETTINGS, help="only this one")
    options = parser.parse_args()
    notebooks = [ROOT / "book" / f"{name}.ipynb" for name in options.notebook] or ["book"]
    said = {None: "cannot run on this processor", 0: "the same outputs"}
    statuses = {}
    for name in options.setting or SETTINGS:
        print(f"\n{name}:", flush=True)
        statuses[name] = check(name, notebooks)
    print()
    for name, status in statuses.items():
        print(f"{name:24} {said.get(status, 'OTHER OUTPUTS, see above')}")
    return int(any(statuses.values()))


if __name__ == "__main__":
    sys.exit(main())
