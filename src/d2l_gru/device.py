"""Choosing where to compute.

The environment variable ``D2L_GRU_DEVICE`` chooses for all of the package: ``cpu``, ``gpu`` or
``gpu:1``.  A choice that cannot be met raises, and never becomes another one.
"""

import os
import re

from d2l_gru import cuda
from d2l_gru._checks import check_int
from d2l_gru._mxnet import npx

VARIABLE = "D2L_GRU_DEVICE"


def _gpus():
    """Return the numbers of the GPUs that MXNet sees and has code for."""
    count = npx.num_gpus()
    driver = cuda.find_driver() if count else None
    unusable = {gpu.number for gpu in driver.gpus if not gpu.usable} if driver else set()
    return [number for number in range(count) if number not in unusable]


def parse_device(text, source="device"):
    """Return the context that "cpu", "gpu" or "gpu:1" names.

    Args:
        text: the name; "gpu" is "gpu:0".  "cpu:1" is the same processor as a second device, good
            for trying out what is meant for several.
        source: what to call the text in an error.

    Returns:
        An ``mxnet.Context``.

    Raises:
        ValueError: it is no such name, or there is no such GPU that MXNet can use.
    """
    match = re.fullmatch(r"(cpu|gpu)(?::([0-9]{1,4}))?", text)
    if not match:
        raise ValueError(f"{source} must be 'cpu', 'gpu' or one like 'gpu:1', not {text!r}")
    number = int(match[2] or 0)
    if match[1] == "cpu":
        return npx.cpu(number)
    usable = _gpus()
    if number not in usable:
        there = ", ".join(f"gpu:{i}" for i in usable) or "no GPU"
        raise ValueError(
            f"{source} is {text!r}, but MXNet can use {there} here; "
            "`python -m d2l_gru doctor` tells why"
        )
    return npx.gpu(number)


def try_gpu(i=0):
    """Return ``gpu(i)`` if this machine has one that MXNet can use, else ``cpu()``.

    ``D2L_GRU_DEVICE=cpu`` makes it ``cpu()``, ``gpu`` makes it ``gpu(i)`` or an error, and
    ``gpu:1`` makes ``try_gpu()`` that one.

    Args:
        i: the number of the GPU, from 0.

    Returns:
        An ``mxnet.Context``.

    Raises:
        ValueError: `i` is below 0, or ``D2L_GRU_DEVICE`` asks for what is not there.

    Source: Dive into Deep Learning, ``d2l.try_gpu``, 2019; the variable was added.
    """
    i = check_int("i", i, 0)
    chosen = os.environ.get(VARIABLE)
    if not chosen:
        return npx.gpu(i) if i in _gpus() else npx.cpu()
    device = parse_device(chosen, VARIABLE)
    if chosen == "gpu" and i:
        return parse_device(f"gpu:{i}", VARIABLE)
    return device if not i else npx.cpu()


def try_all_gpus():
    """Return all GPUs that MXNet can use, or ``[cpu()]`` if there is none.

    ``D2L_GRU_DEVICE`` restricts them, as for `try_gpu`.

    Returns:
        A list of ``mxnet.Context``, never empty.

    Raises:
        ValueError: ``D2L_GRU_DEVICE`` asks for what is not there.

    Source: Dive into Deep Learning, ``d2l.try_all_gpus``, 2019.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        device = parse_device(chosen, VARIABLE)
        if chosen != "gpu":
            return [device]
    return [npx.gpu(i) for i in _gpus()] or [npx.cpu()]
