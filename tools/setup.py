"""Make .venv with the locked requirements and this package.  Run by `make`; standard library only.

A second run finds the stamp of the first one and does nothing.  With ``--this-python``, .venv is
made with the Python that runs this file, even where it holds another one already.  PyTorch is tried
once, since the book can do without it; ``--torch`` tries it again.
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

from debian import ask, install

ROOT = Path(__file__).resolve().parent.parent
STAMP = ".d2l_gru"  # in .venv, written last
TORCH = "2.13.0"
ALLOWED = ("3.11", "3.12", "3.10")  # in this order of preference
# What MXNet loads from the system, and the Debian packages that hold it.
LIBRARIES = {"libgomp.so.1": "libgomp1", "libquadmath.so.0": "libquadmath0"}
# These would send packages elsewhere than to .venv, or leave them uncompiled.
HARMFUL = (
    "PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE PIP_TARGET PIP_PREFIX PIP_ROOT PIP_NO_COMPILE "
    "UV_TARGET UV_PREFIX UV_SYSTEM_PYTHON UV_NO_COMPILE_BYTECODE"
)


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
    """Return the compute capabilities of the GPUs, as the driver says them; None without one."""
    smi = shutil.which("nvidia-smi")
    return smi and (ask(smi, "--query-gpu=compute_cap", "--format=csv,noheader") or "").split()


def choose_lock():
    """Return "gpu" if MXNet's CUDA build can use a GPU of this machine, else "cpu", and why."""
    found = capabilities()
    if found is None:
        return "cpu", "no NVIDIA driver found"
    usable = [c for c in found if c.replace(".", "", 1).isdigit() and 5 <= float(c) < 9]
    if usable:
        return "gpu", f"a GPU of compute capability {usable[0]} found"
    if found:
        return "cpu", f"MXNet runs on compute capability 5.x to 8.x, found {', '.join(found)}"
    return "cpu", "the NVIDIA driver reports no GPU"


def missing_packages(python, version):
    """Return the Debian packages that this machine lacks."""
    missing = []
    if ask(python, "-c", "import ensurepip, venv") is None:
        missing.append(f"python{version}-venv")
    for library, package in LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(package)
    return missing


def run(command, expected=0):
    """Run a command of pip's or venv's; on a terminal, count what it collects."""
    env = {k: v for k, v in os.environ.items() if k not in HARMFUL.split()}
    env.update(PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1", PYTHONUNBUFFERED="1")
    lines = []
    with subprocess.Popen(
        [str(part) for part in command],
        env=env, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    ) as process:  # fmt: skip
        for line in process.stdout:
            lines.append(line)
            if expected and line.startswith("Collecting") and sys.stdout.isatty():
                count = sum(seen.startswith("Collecting") for seen in lines)
                print(f"\r  {count} of {expected}: {line.split()[1]:<60.60}", end="", flush=True)
    if expected and sys.stdout.isatty():
        print("\r" + " " * 79, end="\r")
    if process.returncode:
        reasons = [line for line in lines if line.startswith("ERROR")] or lines[-10:]
        sys.exit(f"{''.join(reasons)}Setting up .venv failed; fix this and run the command again.")


def install_lock(python, lock):
    """Install what a lock pins, with the uv of that lock; with pip where uv finds no packages."""
    pins = lock.read_text()
    pip = [python, "-m", "pip", "install", "--progress-bar", "off", "--no-deps", "--require-hashes"]
    uv = re.search(r"^uv==.*(?:\n .*)*", pins, re.MULTILINE)
    if uv:
        only_uv = ROOT / ".venv" / "uv.txt"
        only_uv.write_text(uv[0] + "\n")
        run([*pip, "-r", only_uv])
        fast = [python, "-m", "uv", "pip", "install", "--python", python, "--no-deps"]
        try:
            return run([*fast, "--require-hashes", "--compile-bytecode", "-r", lock])
        except SystemExit:
            print("uv finds no packages here; pip takes some minutes.", flush=True)
    run([*pip, "-r", lock], expected=pins.count("=="))


def install_torch(python, kind):
    """Install PyTorch, or say how to do so later; return whether it is there.

    Its builds for the CPU are not where pip looks unless told so; uv knows the place.  The build
    for CUDA, some gigabytes, is for GPUs alone that are too new for MXNet.
    """
    uv = [python, "-m", "uv", "pip", "install", "--python", python, "--torch-backend"]
    pip = [python, "-m", "pip", "install", "--progress-bar", "off", "--no-deps"]
    ways = [[*pip, f"torch=={TORCH}+cpu"], [*uv, "cpu", "--no-deps", f"torch=={TORCH}"]]
    newer = [c for c in capabilities() or () if c.split(".")[0].isdigit() and float(c) >= 9]
    build = "the CPU"
    if kind == "cpu" and newer:
        build = f"CUDA, some gigabytes: a GPU of compute capability {newer[0]} found"
        ways = [[*uv, "auto", f"torch=={TORCH}"]]
    print(f"Installing PyTorch {TORCH} for {build}.", flush=True)
    for command in ways:
        try:
            run(command)
        except SystemExit:
            continue
        return True
    print(
        f"PyTorch {TORCH} could not be installed; its chapters keep what is stored and their tests "
        "are skipped. Try it later: make torch",
        flush=True,
    )
    return False


def fingerprint(lock):
    """Return the hash of what is installed."""
    content = (ROOT / "pyproject.toml").read_bytes() + lock.read_bytes() + TORCH.encode()
    return hashlib.sha256(content).hexdigest()


def read_stamp(venv):
    """Return what .venv was made with: kind, version, driver, hash; four times None if half-made.

    One that was moved counts as half-made, since its programs name the folder they were made in.
    """
    stamp = venv / STAMP
    lines = stamp.read_text().splitlines() if stamp.is_file() else []
    whole = len(lines) == 5 and lines[0] in ("cpu", "gpu") and (venv / "bin" / "python").exists()
    return lines[:4] if whole and lines[4] == str(ROOT) else [None] * 4


def main(arguments=()):
    """Set up, or find that it was done; one at a time."""
    with (ROOT / "pyproject.toml").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        set_up(arguments)


def set_up(arguments):
    venv = ROOT / ".venv"
    python = venv / "bin" / "python"
    locks = {kind: ROOT / "requirements" / f"{kind}.txt" for kind in ("cpu", "gpu")}
    # A driver that comes or goes makes the choice of the lock anew; asking it takes too long.
    driver = "driver" if shutil.which("nvidia-smi") else "no driver"
    kind, version, stamped_driver, stamped = read_stamp(venv)
    if "--this-python" in arguments and version != "{}.{}".format(*sys.version_info):
        kind = None
    if kind and driver == stamped_driver and fingerprint(locks[kind]) == stamped:
        if "--torch" in arguments and not install_torch(python, kind):
            sys.exit(1)
        return

    if venv.is_symlink():  # what it leads to is another's, and would be emptied
        sys.exit(f".venv is a link to {os.readlink(venv)}: remove it, so that one is made here.")
    start = time.time()
    made_with, reason = choose_lock()
    anew = kind != made_with  # the two builds of MXNet share their files
    base = python
    if anew:
        this = getattr(sys, "_base_executable", sys.executable)  # not the one in .venv
        others = [] if "--this-python" in arguments else [f"python{v}" for v in ALLOWED]
        base, version = find_python([this, *others])
    print(f"MXNet for the {made_with.upper()}: {reason}.", flush=True)
    missing = missing_packages(base, version)
    if missing:
        install(missing)
    if anew:
        print(f"Making .venv with Python {version}.", flush=True)
        run([base, "-m", "venv", "--clear", venv])
    if (venv / STAMP).exists():
        (venv / STAMP).unlink()
    pip = [python, "-m", "pip", "install", "--progress-bar", "off", "--no-deps"]
    lock = locks[made_with]
    print(f"Installing {lock.relative_to(ROOT)} into .venv ...", flush=True)
    install_lock(python, lock)
    run([*pip, "--no-build-isolation", "--editable", ROOT])
    install_torch(python, made_with)
    stamp = (made_with, version, driver, fingerprint(lock), str(ROOT))
    (venv / STAMP).write_text("\n".join(stamp) + "\n")
    print(f"Set up in {time.time() - start:.0f} s.")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; the next run begins again.")
