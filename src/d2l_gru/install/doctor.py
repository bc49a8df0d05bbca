"""What this machine has and lacks for training: ``python -m d2l_gru doctor``."""

import json
import os
import platform
import subprocess
import sys
from typing import NamedTuple

from d2l_gru import corpus
from d2l_gru.install import faults, nvidia

OK, NOTE, FAULT = "OK", "note", "FAULT"
PATIENCE = 300  # seconds for a small computation in another process
# A product on the device that training would use.  Reading it back makes MXNet compute it.
TRIAL = """
import d2l_gru as d2l
device = d2l.try_gpu()
from mxnet import np
sum = float(np.dot(np.ones((2, 2), ctx=device), np.ones((2, 2), ctx=device)).sum())
if sum != 8:
    raise ArithmeticError(f"its elements add up to {sum}, not 8")
print(device)
"""
TORCH_TRIAL = """
import torch
print(torch.cuda.get_device_name() if torch.cuda.is_available() else "the CPU")
"""


class Finding(NamedTuple):
    """One line of the report: its state is OK, note (training does not need it) or FAULT."""

    subject: str
    state: str
    says: str
    mend: str | None = None


def examine():
    """Return the findings, a list of `Finding`; training can run if none is a FAULT."""
    found = [Finding(fault.subject, FAULT, fault.what, fault.mend) for fault in faults.faults()]
    at_fault = {finding.subject for finding in found}
    found += [part for part in _parts() if part.subject not in at_fault]
    if not at_fault:
        found.append(_trial())
    return [*found, _pytorch(), _corpus()]


def _parts():
    """Yield what is installed, whether or not it works."""
    builds = faults.builds()
    yield Finding("Python", OK, platform.python_version())
    yield Finding("MXNet", OK, ", ".join(map(" ".join, builds.items())) or "unknown build")
    if numpy := faults.version_of("numpy"):
        yield Finding("numpy", OK, numpy)
    driver = nvidia.find_driver()
    if "mxnet-cu112" in builds:
        yield Finding("CUDA libraries", OK, "all found in the nvidia packages")
    if driver is None:
        yield Finding("driver", OK, "no NVIDIA driver: the CPU is used")
        return
    yield Finding("driver", OK, f"NVIDIA's, {driver}")
    if not driver.gpus:
        yield Finding("GPU", NOTE, "the driver reports no GPU: the CPU is used")
    for gpu in driver.gpus:
        if "mxnet-cu112" not in builds:
            mend = gpu.usable and "python -m pip uninstall -y mxnet && python -m pip install " + (
                " ".join(dict.fromkeys(["mxnet-cu112==1.9.1", *(w for *_, w in nvidia.LIBRARIES)]))
            )
            why = "MXNet's build for the CPU does not use it"
            why += "" if gpu.usable else ", and its build for GPUs does not support it"
            yield Finding("GPU", NOTE, f"{gpu}; {why}", mend or None)
        elif gpu.usable:
            yield Finding("GPU", OK, str(gpu))
        else:
            yield Finding("GPU", NOTE, f"{gpu}; mxnet-cu112 does not support it")


def _try(code):
    """Run `code` in a separate process, which may crash or hang.

    Returns:
        (whether it succeeded, its last line of output or errors).
    """
    command = [sys.executable, "-c", code]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return False, f"it took more than {PATIENCE} s"
    said = done.stderr if done.returncode else done.stdout
    last = (said.strip().splitlines() or [f"ended with status {done.returncode}"])[-1]
    return done.returncode == 0, last


def _trial():
    """Import MXNet and multiply two matrices."""
    ok, said = _try(TRIAL)
    if ok:
        return Finding("computing", OK, f"a product on {said} is correct")
    mend = "follow the message; in a clone of the book, rm -r .venv && make setup"
    return Finding("computing", FAULT, f"a small product failed: {said}", mend)


def _pytorch():
    version = faults.version_of("torch")
    if version is None:
        mend = "python -m pip install 'torch>=2.6'"
        return Finding("PyTorch", NOTE, "not installed; the book's PyTorch cells need it", mend)
    ok, said = _try(TORCH_TRIAL)
    if ok:
        return Finding("PyTorch", OK, f"{version}, on {said}")
    return Finding("PyTorch", NOTE, f"{version} cannot be imported: {said}")


def _corpus():
    try:
        text = corpus.find(download=False)
    except (OSError, ValueError) as error:
        mend = "unset D2L_GRU_DATA" if os.environ.get("D2L_GRU_DATA") else None
        return Finding("corpus", FAULT, str(error), mend)
    if text.stands_in:
        said = f"not available yet: {text.reason}"
        return Finding("corpus", NOTE, said, "python -m d2l_gru.corpus")
    return Finding("corpus", OK, corpus.describe(text).removeprefix("Corpus: "))


def report(findings):
    """Return the findings as lines of text, each followed by its fix."""
    lines = []
    for subject, state, says, mend in findings:
        lines.append(f"{state:5}  {subject}: {says}")
        lines += [f"       Fix: {mend}"] if mend else []
    return "\n".join(lines)


def _conclusion(findings):
    states = {finding.subject: finding.state for finding in findings}
    if FAULT not in states.values():
        return "Training can run."
    if states.get("PyTorch") == OK and states.get("corpus") != FAULT:
        return "Training with MXNet cannot run until each FAULT is fixed; with PyTorch it can."
    return "Training cannot run until each FAULT is fixed."


def run(options):
    """Print the report; return 0 if training can run, else 1."""
    findings = examine()
    ok = all(finding.state != FAULT for finding in findings)
    if options.json:
        rows = [finding._asdict() for finding in findings]
        print(json.dumps({"ok": ok, "findings": rows}, indent=1))
    else:
        print(report(findings))
        print(_conclusion(findings))
    return int(not ok)


def add_parser(subparsers):
    """Add the command ``doctor``."""
    parser = subparsers.add_parser("doctor", help="report what this machine lacks for training")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.set_defaults(run=run)
