"""Carrying weights between MXNet's models and PyTorch's: both frameworks must be installed.

Both libraries stack the gates of a layer r, z, n and apply the reset gate after the product, so the
concise models hold the same matrices in the same order; a scratch model is one list.
"""

from __future__ import annotations

from typing import Any

import d2l_gru as on_mxnet
import d2l_gru.torch as on_torch
from d2l_gru.torch import concise, scratch
from d2l_gru.torch._import import Device, torch
from d2l_gru.torch.device import check_torch_device


def to_torch(model: Any, device: Device = "cpu") -> Any:
    """Return the PyTorch twin of an MXNet model, with its weights.

    Args:
        model: `d2l_gru.RNNModelScratch` around `gru` or `fast_gru`, or `d2l_gru.RNNModel` around a
            ``gluon.rnn.GRU`` whose parameters have their values.  Dropout between layers is carried
            over, as are frozen parameters.
        device: the twin's device.

    Returns:
        A model of `d2l_gru.torch`.

    Raises:
        ValueError: the model has no twin: one of its functions or layers was replaced, or it has
            hooks, or is not float32.
        TypeError: it is not a model of `d2l_gru`.
    """
    from d2l_gru.mxnet import concise as mxnet_concise
    from d2l_gru.mxnet import scratch as mxnet_scratch

    device = check_torch_device(device)
    if isinstance(model, on_mxnet.RNNModelScratch):
        _check(mxnet_scratch.differences(model))
        twin = _scratch(on_torch, model, device)
    elif isinstance(model, on_mxnet.RNNModel):
        _check(mxnet_concise.differences(model))
        layer = model.rnn
        layer = torch.nn.GRU(
            model.vocab_size, layer._hidden_size, layer._num_layers, dropout=layer._dropout
        )
        twin = on_torch.RNNModel(layer, model.vocab_size, sigma=None)
        twin.prepare(device)
    else:
        raise TypeError(f"model must be one of d2l_gru, not {model!r}")
    for to, param in zip(_arrays(twin, concise), _arrays(model, mxnet_concise), strict=True):
        value = param if hasattr(param, "asnumpy") else param.data()
        with torch.no_grad():
            to.copy_(torch.from_numpy(value.asnumpy()))
        to.requires_grad_(value.grad is not None)
    return twin


def to_mxnet(model: Any, device: Any = None) -> Any:
    """Return the MXNet twin of a PyTorch model, with its weights.

    Args:
        model: `d2l_gru.torch.RNNModelScratch` around `gru` or `fast_gru`, or
            `d2l_gru.torch.RNNModel` around an ``nn.GRU`` with biases.  Dropout between layers is
            carried over, as are frozen parameters.
        device: the twin's device, an MXNet context; None for ``cpu()``.

    Returns:
        A model of `d2l_gru`.

    Raises:
        ValueError: the model has no twin: one of its functions or layers was replaced, or it has
            hooks, or is not float32.
        TypeError: it is not a model of `d2l_gru.torch`.
    """
    from d2l_gru.mxnet import concise as mxnet_concise
    from d2l_gru.mxnet._import import gluon, np, npx

    device = npx.cpu() if device is None else device
    if isinstance(model, on_torch.RNNModelScratch):
        _check(scratch.differences(model))
        twin = _scratch(on_mxnet, model, device)
    elif isinstance(model, on_torch.RNNModel):
        _check(concise.differences(model))
        layer = model.rnn
        layer = gluon.rnn.GRU(layer.hidden_size, num_layers=layer.num_layers, dropout=layer.dropout)
        twin = on_mxnet.RNNModel(layer, model.vocab_size)
        twin.prepare(device)
        twin(np.zeros((1, 1), dtype="int32", ctx=device), twin.begin_state(1, device))  # all shapes
    else:
        raise TypeError(f"model must be one of d2l_gru.torch, not {model!r}")
    for to, param in zip(_arrays(twin, mxnet_concise), _arrays(model, concise), strict=True):
        value = to if hasattr(to, "asnumpy") else to.data()
        value[:] = np.array(param.detach().cpu().numpy(), ctx=device)
        if param.requires_grad:
            continue
        if to is value:
            to.attach_grad("null")
        else:
            to.grad_req = "null"
    return twin


def _scratch(d2l, model, device):
    loop = getattr(d2l, model.forward_fn.__name__)  # gru or fast_gru
    functions = d2l.get_params, d2l.init_gru_state, loop
    return d2l.RNNModelScratch(model.vocab_size, model.num_hiddens, device, *functions)


def _check(differences):
    if found := next(differences, None):
        raise ValueError(f"the model has no twin: {found}")


def _arrays(model, concise):
    """Return all parameters, including frozen ones."""
    return model.params if hasattr(model, "init_state") else concise.arrays(model)
