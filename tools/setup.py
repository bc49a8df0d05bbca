"""Make .venv with the locked requirements and this package.  Run by `make`; standard library only.

A second run finds the stamp of the first one and does nothing.  With ``--this-python``, .venv is
made with the Python that runs this file, even where it holds another one already.  PyTorch is tried
once, because the book works without it; ``--torch`` tries it again.
"""

import ctypes
import fcntl
import hashlib
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
PIP = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install"]
UV = [PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON]
STAMP = VENV / ".d2l_gru"  # written last
LOCKS = {kind: ROOT / "requirements" / f"{kind}.txt" for kind in ("cpu", "gpu")}
TORCH = "2.13.0"
ALLOWED = ("3.11", "3.12", "3.10")  # in this order of preference
# What MXNet loads from the system, and the Debian packages that hold it.
LIBRARIES = {"libgomp.so.1": "libgomp1", "libquadmath.so.0": "libquadmath0"}


def find_python(candidates):
    """Return the first of `candidates` that is an allowed Python, with its version."""
    found = []
    for python in candidates:
        version = ask(python, "-c", "import sys; print('{}.{}'.format(*sys.version_info))")
        if version in ALLOWED:
            return python, version
        found += [f"{python} is {version}"] if version else []
    sys.exit(
        f"The book needs Python {', '.join(sorted(ALLOWED))}; found {', '.join(found) or 'none'}. "
        "Install one of them, or name it: make PYTHON=/path/to/python ..."
    )


def capabilities():
    """Return the compute capabilities of the GPUs, as the driver reports them; [] without one."""
    said = ask("nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader") or ""
    return [float(word) for word in said.split() if re.fullmatch(r"\d+(\.\d+)?", word)]


def missing_packages(python, version):
    """Return the Debian packages that this machine lacks."""
    lacking = [] if ask(python, "-c", "import ensurepip") is not None else [f"python{version}-venv"]
    for library, package in LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            lacking.append(package)
    return lacking


def run(*commands, why="fix this and run the command again"):
    """Run the first of some commands that works, or exit with what the last one says."""
    for command in commands:
        words = [str(word) for word in command]
        done = subprocess.run(
            words, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if not done.returncode:
            return
    lines = done.stdout.splitlines()
    said = "\n".join([line for line in lines if "error" in line.lower()][:9] or lines[-9:])
    sys.exit(f"{said}\nSetting up .venv failed: {why}.")


def install_torch(found, kind):
    """Install PyTorch, or exit saying how to do so later.

    pip does not find its CPU builds without an option, but uv does.  The CUDA build, some
    gigabytes, is only for GPUs that are too new for MXNet.
    """
    uv = [*UV, f"torch=={TORCH}", "--torch-backend"]
    ways = [[*PIP, "--no-deps", f"torch=={TORCH}+cpu"], [*uv, "cpu", "--no-deps"]]
    newer = kind == "cpu" and any(capability >= 9 for capability in found)
    if newer:
        ways = [[*uv, "auto"]]
    print(f"Installing PyTorch {TORCH} for {'CUDA' if newer else 'the CPU'}.", flush=True)
    run(*ways, why="PyTorch is left out; try it later: make torch")


def fingerprint(kind):
    """Return the hash of what is installed."""
    content = (ROOT / "pyproject.toml").read_bytes() + LOCKS[kind].read_bytes() + TORCH.encode()
    return hashlib.sha256(content).hexdigest()


def main(arguments=()):
    """Set up, or find that it was done; one at a time."""
    with (ROOT / "pyproject.toml").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        # If a driver appears or disappears, the lock is chosen again; querying it takes too long.
        driver = "driver" if shutil.which("nvidia-smi") else "no driver"
        stamp = STAMP.read_text().splitlines() if STAMP.is_file() else []
        kind, version, *_, where = stamp if len(stamp) == 5 else [""] * 5
        # A moved one is made again, because its programs name the folder they were made in.
        whole = kind in LOCKS and where == str(ROOT) and PYTHON.exists()
        if "--this-python" in arguments and version != "{}.{}".format(*sys.version_info):
            whole = False
        if not whole or stamp[2:4] != [driver, fingerprint(kind)]:
            kind, version = set_up(kind if whole else None, version, "--this-python" in arguments)
            STAMP.write_text("\n".join([kind, version, driver, fingerprint(kind), str(ROOT), ""]))
        elif "--torch" in arguments:
            install_torch(capabilities(), kind)


def set_up(kind, version, this_python):
    """Install one of the locks; into a new .venv unless `kind` of MXNet's builds is there.

    Returns:
        The kind, and the version of Python.
    """
    if VENV.is_symlink():  # its target belongs to another, and would be emptied
        sys.exit(f".venv is a link to {os.readlink(VENV)}: remove it, so that one is made here.")
    start, found, base = time.time(), capabilities(), PYTHON
    chosen = "gpu" if any(5 <= capability < 9 for capability in found) else "cpu"
    anew = kind != chosen  # the two builds of MXNet share their files
    if anew:
        this = getattr(sys, "_base_executable", sys.executable)  # not the one in .venv
        others = [] if this_python else [f"python{v}" for v in ALLOWED]
        base, version = find_python([this, *others])
    if lacking := install(missing_packages(base, version)):
        sys.exit(f"Missing: {' '.join(lacking)}. Install with: {by_hand(lacking)}")
    print(f"Making .venv: Python {version}, MXNet for the {chosen.upper()} ...", flush=True)
    if anew:
        run([base, "-m", "venv", "--clear", VENV])
    STAMP.unlink(missing_ok=True)
    locked = ["--no-deps", "--require-hashes", "-r"]
    if uv := re.search(r"^uv==.*(?:\n .*)*", LOCKS[chosen].read_text(), re.MULTILINE):
        (VENV / "uv.txt").write_text(uv[0] + "\n")
        run([*PIP, *locked, VENV / "uv.txt"])
    lock = [*locked, LOCKS[chosen]]
    run([*UV, "--compile-bytecode", *lock], [*PIP, *lock])  # uv may lack pip's settings
    run([*PIP, "--no-deps", "--no-build-isolation", "--editable", ROOT])
    try:
        install_torch(found, chosen)
    except SystemExit as error:
        print(error)
    print(f"Set up in {time.time() - start:.0f} s.")
    return chosen, version


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; the next run starts again.")
