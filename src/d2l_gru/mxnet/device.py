"""Choosing the device.

The environment variable ``D2L_GRU_DEVICE`` selects the device for the whole package: ``cpu``,
``gpu`` or ``gpu:1``.  If that device is not available, an error is raised; no other one is
substituted.
"""

from __future__ import annotations

from d2l_gru import devices
from d2l_gru.devices import VARIABLE
from d2l_gru.install import nvidia
from d2l_gru.mxnet._import import Device, npx

__all__ = ["VARIABLE", "parse_device", "try_all_gpus", "try_gpu"]


def _gpus():
    """Return the numbers of the GPUs that MXNet detects and supports."""
    count = npx.num_gpus()
    driver = nvidia.find_driver() if count else None
    unusable = {gpu.number for gpu in driver.gpus if not gpu.usable} if driver else set()
    return [number for number in range(count) if number not in unusable]


def _context(kind, number):
    return npx.gpu(number) if kind == "gpu" else npx.cpu(number)


def parse_device(text, source="device"):
    """Return the context that "cpu", "gpu" or "gpu:1" names.

    Args:
        text: the name; "gpu" is "gpu:0".  "cpu:1" is the same processor as a second device, useful
            for trying code for several devices.
        source: what to call the text in an error.

    Returns:
        An ``mxnet.Context``.

    Raises:
        ValueError: it is not such a name, or MXNet cannot use such a GPU.
    """
    return _context(*devices.parse(text, source, _gpus, "MXNet"))


def try_gpu(i: int = 0) -> Device:
    """Return ``gpu(i)`` if this machine has one that MXNet can use, else ``cpu()``.

    With ``D2L_GRU_DEVICE=cpu`` it returns ``cpu()``; with ``gpu``, it returns ``gpu(i)`` or raises;
    with ``gpu:1``, ``try_gpu()`` and ``try_gpu(1)`` return ``gpu(1)``, and any other `i` raises.

    Args:
        i: the number of the GPU, from 0.

    Returns:
        An ``mxnet.Context``.

    Raises:
        ValueError: `i` is below 0, or ``D2L_GRU_DEVICE`` names a GPU that is not available, or one
            other than `i`.

    Source: Dive into Deep Learning, ``d2l.try_gpu``, 2019; the variable was added.
    """
    return _context(*devices.choose(i, _gpus, "MXNet"))


def try_all_gpus() -> list[Device]:
    """Return all GPUs that MXNet can use, or ``[cpu()]`` if there is none.

    ``D2L_GRU_DEVICE`` restricts the choice, as for `try_gpu`.

    Returns:
        A list of ``mxnet.Context``, never empty.

    Raises:
        ValueError: ``D2L_GRU_DEVICE`` names a device that is not available.

    Source: Dive into Deep Learning, ``d2l.try_all_gpus``, 2019.
    """
    return [_context(*pair) for pair in devices.choose_all(_gpus, "MXNet")]
