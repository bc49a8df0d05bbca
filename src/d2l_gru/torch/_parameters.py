"""A substitute for ``prepare(device)`` on a plain ``torch.nn.Module``, and what is trained."""

from d2l_gru.torch._import import torch
from d2l_gru.torch.device import check_torch_device


def parameters(model):
    """Return the tensors of a model, a list."""
    if hasattr(model, "parameters"):
        return list(model.parameters())
    if hasattr(model, "params"):  # as in d2l's RNNModelScratch
        return list(model.params)
    raise TypeError(f"the model must be a Module or have parameters(), but {model!r} has none")


def to_train(params):
    """Return as a list the tensors that require a gradient.

    Args:
        params: tensors in any iterable or mapping, or one tensor, or a model.

    Raises:
        ValueError: there is none.
    """
    if isinstance(params, torch.Tensor):
        params = [params]
    elif hasattr(params, "parameters") or hasattr(params, "params"):  # a model
        params = parameters(params)
    params = list(params.values() if hasattr(params, "values") else params)
    for param in params:
        if not isinstance(param, torch.Tensor):
            raise TypeError(f"params must hold tensors, not {type(param).__name__}")
    if trained := [param for param in params if param.requires_grad]:
        return trained
    raise ValueError(
        "params holds no tensor to train: a generator can be used only once, and a tensor "
        "that does not require a gradient is frozen"
    )


def prepare(model, device):
    """Return `device` as a ``torch.device``; raise unless the model is on it.

    A method ``prepare`` of the model is called, which may move the model.

    Raises:
        ValueError: the model is on another device, or on "meta".
    """
    device = check_torch_device(device)
    if hasattr(model, "prepare"):
        model.prepare(device)
    return check_is_on(model, device)


def check_is_on(model, device):
    """Return `device` likewise, without moving the model."""
    device = check_torch_device(device)
    for param in parameters(model) if hasattr(model, "parameters") else ():
        if param.device != device:
            raise ValueError(
                f"the model is on {param.device}, but {device} was requested: pass the device that "
                "the model is on, or move the model first"
            )
    if device.type == "meta":
        raise ValueError("device must not be meta: tensors there have no values")
    return device
