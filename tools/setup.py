"""Make .venv with the locked requirements and this package.  Run by `make setup`.

It is made with the Python that runs this file, by the standard library only.  A stamp says what was
installed: where nothing of that has changed, nothing is done.  PyTorch is tried once, because the
book works without it.
"""

import ctypes
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tools.debian import ask, by_hand, install

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PIP = [PYTHON, "-m", "pip", "--disable-pip-version-check", "-qq", "install"]
UV = [PYTHON, "-m", "uv", "-q", "pip", "install", "--python", PYTHON]
STAMP = VENV / ".d2l_gru"  # written last
VERSION = "{}.{}".format(*sys.version_info)
TORCH = "2.13.0"
# What MXNet loads from the system, and the Debian packages that hold it.
LIBRARIES = {"libgomp.so.1": "libgomp1", "libquadmath.so.0": "libquadmath0"}


def lock(kind):
    return ROOT / "requirements" / f"{kind}.txt"


def stamp():
    """Return what a set-up is stamped with: a line for what needs a new .venv, one for the rest.

    If a driver appears or disappears, MXNet's build is chosen again; querying it takes too long.
    """
    driver = "a driver" if shutil.which("nvidia-smi") else "no driver"
    files = (ROOT / "pyproject.toml", lock("cpu"), lock("gpu"))
    content = b"".join(path.read_bytes() for path in files) + TORCH.encode()
    return f"{ROOT}, Python {VERSION}, {driver}\n{hashlib.sha256(content).hexdigest()}\n"


def capabilities():
    """Return the compute capabilities of the GPUs, as the driver reports them; [] without one."""
    said = ask("nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader") or ""
    return [float(word) for word in said.split() if re.fullmatch(r"\d+(\.\d+)?", word)]


def missing_packages():
    """Return the Debian packages that this machine lacks."""
    lacking = [] if importlib.util.find_spec("ensurepip") else [f"python{VERSION}-venv"]
    for library, package in LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            lacking.append(package)
    return lacking


def works(*command, **options):
    """Run a command, which prints only what is wrong; return whether it succeeds."""
    return not subprocess.run([str(word) for word in command], cwd=str(ROOT), **options).returncode


def run(*command):
    if not works(*command):
        sys.exit("Setting up .venv failed: fix this and run the command again.")


def install_torch(newer):
    """Install PyTorch, or say how to try again.

    pip does not find its CPU builds without an option, but uv does.  The CUDA build, some
    gigabytes, is only for GPUs that are too new for MXNet.
    """
    print(f"Installing PyTorch {TORCH} for {'CUDA' if newer else 'the CPU'}.", flush=True)
    uv = [*UV, f"torch=={TORCH}", "--torch-backend"]
    if newer:
        done = works(*uv, "auto")
    else:
        done = works(*PIP, "--no-deps", f"torch=={TORCH}+cpu", stderr=subprocess.DEVNULL)
        done = done or works(*uv, "cpu", "--no-deps")
    if not done:
        print("PyTorch is left out: its cells keep their outputs. Try it later: make torch")


def main():
    """Set up, or find that it was done; one at a time."""
    with (ROOT / "pyproject.toml").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        old = STAMP.read_text() if STAMP.is_file() else ""
        if old != stamp():
            set_up(anew=old.split("\n")[0] != stamp().split("\n")[0])
            STAMP.write_text(stamp())


def set_up(anew):
    """Install one of the locks, into a new .venv or the one that is there."""
    if VENV.is_symlink():  # its target belongs to another, and would be emptied
        sys.exit(f".venv is a link to {os.readlink(VENV)}: remove it, so that one is made here.")
    start, found = time.time(), capabilities()
    kind = "gpu" if any(5 <= capability < 9 for capability in found) else "cpu"
    if lacking := install(missing_packages()):
        sys.exit(f"Missing: {' '.join(lacking)}. Install with: {by_hand(lacking)}")
    print(f"Making .venv: Python {VERSION}, MXNet for the {kind.upper()} ...", flush=True)
    if anew:
        base = getattr(sys, "_base_executable", sys.executable)  # not the one in .venv
        run(base, "-m", "venv", "--clear", VENV)
    STAMP.unlink(missing_ok=True)
    locked = ["--no-deps", "--require-hashes", "-r"]
    uv = re.search(r"^uv==.*(?:\n .*)*", lock(kind).read_text(), re.MULTILINE)
    (VENV / "uv.txt").write_text(uv[0] + "\n")
    run(*PIP, *locked, VENV / "uv.txt")
    # uv, which is faster, may lack pip's settings.
    if not works(*UV, "--compile-bytecode", *locked, lock(kind), stderr=subprocess.DEVNULL):
        run(*PIP, *locked, lock(kind))
    run(*PIP, "--no-deps", "--no-build-isolation", "--editable", ROOT)
    install_torch(newer=kind == "cpu" and any(capability >= 9 for capability in found))
    print(f"Set up in {time.time() - start:.0f} s.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; the next run starts again.")
