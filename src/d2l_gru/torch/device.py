"""Choosing where PyTorch computes; ``D2L_GRU_DEVICE`` chooses as it does for MXNet."""

from __future__ import annotations

from d2l_gru import devices
from d2l_gru.torch._import import Device, torch


def _gpus():
    return range(torch.cuda.device_count())


def _device(kind, number):
    return torch.device("cuda", number) if kind == "gpu" else torch.device("cpu")


def check_torch_device(device: Device) -> torch.device:
    """Return `device` as the ``torch.device`` that its tensors name.

    That is "cpu" for "cpu:0", and "cuda:0" for "cuda" where that is the current GPU.

    Raises:
        TypeError: it is none, nor the name of one.
    """
    if not isinstance(device, (str, torch.device)):
        raise TypeError(f"device must be a torch.device or its name, not {device!r}")
    try:
        device = torch.device(device)
    except RuntimeError as error:
        raise TypeError(f"device must be a torch.device or its name: {error}") from None
    if device.type in ("cpu", "meta"):  # of each there is one
        return torch.device(device.type)
    if device.index is None:
        number = torch.cuda.current_device() if device.type == "cuda" else 0
        return torch.device(device.type, number)
    return device


def parse_device(text, source="device"):
    """Return the ``torch.device`` that "cpu", "gpu" or "gpu:1" names.

    Raises:
        ValueError: it is no such name, or there is no such GPU that PyTorch can use.
    """
    return _device(*devices.parse(text, source, _gpus, "PyTorch"))


def try_gpu(i: int = 0) -> torch.device:
    """Return ``torch.device("cuda", i)`` if PyTorch can use that GPU, else that of the CPU.

    ``D2L_GRU_DEVICE=cpu`` makes it the CPU, ``gpu`` makes it GPU `i` or an error, and ``gpu:1``
    makes ``try_gpu()`` and ``try_gpu(1)`` that one and any other `i` an error.

    Args:
        i: the number of the GPU, from 0.

    Raises:
        ValueError: `i` is below 0, or ``D2L_GRU_DEVICE`` names a GPU that is not there, or another
            one than `i`.

    Source: Dive into Deep Learning, ``d2l.try_gpu``, 2019; the variable was added.
    """
    return _device(*devices.choose(i, _gpus, "PyTorch"))


def try_all_gpus() -> list[torch.device]:
    """Return the devices of all GPUs that PyTorch can use, or that of the CPU, as a list.

    Raises:
        ValueError: ``D2L_GRU_DEVICE`` asks for what is not there.

    Source: Dive into Deep Learning, ``d2l.try_all_gpus``, 2019.
    """
    return [_device(*pair) for pair in devices.choose_all(_gpus, "PyTorch")]
