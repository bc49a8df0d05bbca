"""Choosing where PyTorch computes; ``D2L_GRU_DEVICE`` chooses as it does for MXNet."""

from __future__ import annotations

from d2l_gru import devices
from d2l_gru.torch._import import Device, torch


def _gpus():
    return range(torch.cuda.device_count())


def _device(kind, number):
    return torch.device("cuda", number) if kind == "gpu" else torch.device("cpu")


def check_torch_device(device: Device) -> torch.device:
    """Return `device` as the ``torch.device`` that its tensors report.

    That is "cpu" for "cpu:0", and "cuda:0" for "cuda" where that is the current GPU.

    Raises:
        TypeError: it is not a device or a device name.
    """
    if not isinstance(device, (str, torch.device)):
        raise TypeError(f"device must be a torch.device or its name, not {device!r}")
    try:
        device = torch.device(device)
    except RuntimeError as error:
        raise TypeError(f"device must be a torch.device or its name: {error}") from None
    if device.type in ("cpu", "meta"):  # there is one of each
        return torch.device(device.type)
    if device.index is None:
        number = torch.cuda.current_device() if device.type == "cuda" else 0
        return torch.device(device.type, number)
    return device


def parse_device(text, source="device"):
    """Return the ``torch.device`` that "cpu", "gpu" or "gpu:1" names.

    Raises:
        ValueError: it is not such a name, or PyTorch cannot use such a GPU.
    """
    return _device(*devices.parse(text, source, _gpus, "PyTorch"))


def try_gpu(i: int = 0) -> torch.device:
    """Return ``torch.device("cuda", i)`` if PyTorch can use that GPU, else the CPU.

    With ``D2L_GRU_DEVICE=cpu`` it returns the CPU; with ``gpu``, it returns GPU `i` or raises; with
    ``gpu:1``, ``try_gpu()`` and ``try_gpu(1)`` return GPU 1, and any other `i` raises.

    Args:
        i: the number of the GPU, from 0.

    Raises:
        ValueError: `i` is below 0, or ``D2L_GRU_DEVICE`` names a GPU that is not available, or one
            other than `i`.

    Source: Dive into Deep Learning, ``d2l.try_gpu``, 2019; the variable was added.
    """
    return _device(*devices.choose(i, _gpus, "PyTorch"))


def try_all_gpus() -> list[torch.device]:
    """Return a list of all GPUs that PyTorch can use, or of the CPU if there is none.

    Raises:
        ValueError: ``D2L_GRU_DEVICE`` names a device that is not available.

    Source: Dive into Deep Learning, ``d2l.try_all_gpus``, 2019.
    """
    return [_device(*pair) for pair in devices.choose_all(_gpus, "PyTorch")]
