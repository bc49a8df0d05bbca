"""Choosing where to compute.

The environment variable ``D2L_GRU_DEVICE`` chooses for all of the package: ``cpu``, ``gpu`` or
``gpu:1``.  A choice that cannot be met raises, and never becomes another one.
"""

from __future__ import annotations

from d2l_gru import devices
from d2l_gru.devices import VARIABLE
from d2l_gru.install import nvidia
from d2l_gru.mxnet._import import Device, npx

__all__ = ["VARIABLE", "parse_device", "try_all_gpus", "try_gpu"]


def _gpus():
    """Return the numbers of the GPUs that MXNet sees and has code for."""
    count = npx.num_gpus()
    driver = nvidia.find_driver() if count else None
    unusable = {gpu.number for gpu in driver.gpus if not gpu.usable} if driver else set()
    return [number for number in range(count) if number not in unusable]


def _context(kind, number):
    return npx.gpu(number) if kind == "gpu" else npx.cpu(number)


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
    return _context(*devices.parse(text, source, _gpus, "MXNet"))


def try_gpu(i: int = 0) -> Device:
    """Return ``gpu(i)`` if this machine has one that MXNet can use, else ``cpu()``.

    ``D2L_GRU_DEVICE=cpu`` makes it ``cpu()``, ``gpu`` makes it ``gpu(i)`` or an error, and
    ``gpu:1`` makes ``try_gpu()`` and ``try_gpu(1)`` that one and any other `i` an error.

    Args:
        i: the number of the GPU, from 0.

    Returns:
        An ``mxnet.Context``.

    Raises:
        ValueError: `i` is below 0, or ``D2L_GRU_DEVICE`` names a GPU that is not there, or another
            one than `i`.

    Source: Dive into Deep Learning, ``d2l.try_gpu``, 2019; the variable was added.
    """
    return _context(*devices.choose(i, _gpus, "MXNet"))


def try_all_gpus() -> list[Device]:
    """Return all GPUs that MXNet can use, or ``[cpu()]`` if there is none.

    ``D2L_GRU_DEVICE`` restricts them, as for `try_gpu`.

    Returns:
        A list of ``mxnet.Context``, never empty.

    Raises:
        ValueError: ``D2L_GRU_DEVICE`` asks for what is not there.

    Source: Dive into Deep Learning, ``d2l.try_all_gpus``, 2019.
    """
    return [_context(*pair) for pair in devices.choose_all(_gpus, "MXNet")]
