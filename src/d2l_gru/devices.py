"""The device names "cpu", "gpu" and "gpu:1", and the variable that selects one.

Devices are pairs here, ("cpu" or "gpu", number).  Each framework converts them to its own objects.
Needs no framework.
"""

import os
import re

from d2l_gru._checks import check_int

VARIABLE = "D2L_GRU_DEVICE"


def parse(text, source, gpus, framework):
    """Return the pair that "cpu", "gpu" or "gpu:1" names.

    Args:
        source: what to call the text in an error.
        gpus: function without arguments to the numbers of the GPUs that can be used.
        framework: the name of the framework that would use them.

    Raises:
        ValueError: it is not such a name, or there is no such GPU.
    """
    match = re.fullmatch(r"(cpu|gpu)(?::([0-9]{1,4}))?", text)
    if not match:
        raise ValueError(f"{source} must be 'cpu', 'gpu' or one like 'gpu:1', not {text!r}")
    kind, number = match[1], int(match[2] or 0)
    if kind == "gpu" and number not in (usable := gpus()):
        there = ", ".join(f"gpu:{i}" for i in usable) or "no GPU"
        raise ValueError(
            f"{source} is {text!r}, but {framework} can use {there} here; "
            "`python -m d2l_gru doctor` explains why"
        )
    return kind, number


def choose(i, gpus, framework):
    """Return the pair for `try_gpu`; see there for arguments and errors."""
    i = check_int("i", i, 0)
    chosen = os.environ.get(VARIABLE)
    if not chosen:
        return ("gpu", i) if i in gpus() else ("cpu", 0)
    kind, number = parse(chosen, VARIABLE, gpus, framework)
    if kind == "cpu" or i in (0, number):
        return kind, number
    if chosen == "gpu":
        return parse(f"gpu:{i}", VARIABLE, gpus, framework)
    allowed = f"0 or {number}" if number else "0"
    raise ValueError(f"{VARIABLE} is {chosen!r}, which leaves out gpu:{i}: i must be {allowed}")


def choose_all(gpus, framework):
    """Return the pairs for `try_all_gpus`."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        device = parse(chosen, VARIABLE, gpus, framework)
        if chosen != "gpu":
            return [device]
    return [("gpu", i) for i in gpus()] or [("cpu", 0)]
