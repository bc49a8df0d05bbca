"""Carrying weights between MXNet's models and PyTorch's: both frameworks must be installed.

Both libraries stack the gates of a layer r, z, n and apply the reset gate after the product, so
that the concise models hold the same matrices in the same order; the scratch models are one list.
"""

import d2l_gru as on_mxnet
import d2l_gru.torch as on_torch
from d2l_gru.torch._torch import torch
from d2l_gru.torch.device import check_torch_device


def to_torch(model, device="cpu"):
    """Return the PyTorch twin of an MXNet model, with its weights.

    Args:
        model: `d2l_gru.RNNModelScratch` around `d2l_gru.gru`, or `d2l_gru.RNNModel` around a
            ``gluon.rnn.GRU`` whose parameters have their values.
        device: where the twin is to be.

    Returns:
        A model of `d2l_gru.torch`.

    Raises:
        ValueError: the model has no twin, since its function or its layer is another one.
        TypeError: it is no model of `d2l_gru`.
    """
    device = check_torch_device(device)
    if isinstance(model, on_mxnet.RNNModelScratch):
        _check_function(model, on_mxnet.gru)
        twin = _scratch(on_torch, model.vocab_size, model.num_hiddens, device)
    elif isinstance(model, on_mxnet.RNNModel):
        if model.rnn._mode != "gru":
            raise ValueError(f"the layer must be a gluon.rnn.GRU, not {model.rnn!r}")
        layer = model.rnn
        layer = torch.nn.GRU(model.vocab_size, layer._hidden_size, layer._num_layers)
        twin = on_torch.RNNModel(layer, model.vocab_size, sigma=None)
        twin.prepare(device)
    else:
        raise TypeError(f"model must be one of d2l_gru, not {model!r}")
    with torch.no_grad():
        for to, param in _pairs(twin, model):
            to.copy_(torch.from_numpy(param.asnumpy()))
    return twin


def to_mxnet(model, device=None):
    """Return the MXNet twin of a PyTorch model, with its weights.

    Args:
        model: `d2l_gru.torch.RNNModelScratch` around `d2l_gru.torch.gru`, or
            `d2l_gru.torch.RNNModel` around an ``nn.GRU`` with biases.
        device: where the twin is to be, an MXNet context; None for ``cpu()``.

    Returns:
        A model of `d2l_gru`.

    Raises:
        ValueError: the model has no twin, since its function or its layer is another one.
        TypeError: it is no model of `d2l_gru.torch`.
    """
    from d2l_gru._mxnet import gluon, np, npx

    device = npx.cpu() if device is None else device
    if isinstance(model, on_torch.RNNModelScratch):
        _check_function(model, on_torch.gru)
        twin = _scratch(on_mxnet, model.vocab_size, model.num_hiddens, device)
    elif isinstance(model, on_torch.RNNModel):
        layer = model.rnn
        if not isinstance(layer, torch.nn.GRU) or not layer.bias:
            raise ValueError(f"the layer must be an nn.GRU with biases, not {layer!r}")
        layer = gluon.rnn.GRU(layer.hidden_size, num_layers=layer.num_layers)
        twin = on_mxnet.RNNModel(layer, model.vocab_size)
        twin.prepare(device)
        twin(np.zeros((1, 1), dtype="int32", ctx=device), twin.begin_state(1, device))  # all shapes
    else:
        raise TypeError(f"model must be one of d2l_gru.torch, not {model!r}")
    for to, param in _pairs(twin, model):
        to[:] = np.array(param.detach().cpu().numpy(), ctx=device)
    return twin


def _scratch(d2l, vocab_size, num_hiddens, device):
    functions = d2l.get_params, d2l.init_gru_state, d2l.gru
    return d2l.RNNModelScratch(vocab_size, num_hiddens, device, *functions)


def _check_function(model, gru):
    if model.forward_fn is not gru:
        raise ValueError(
            f"the model's forward_fn must be {gru.__module__}.gru, of which there is a twin, "
            f"not {model.forward_fn!r}"
        )


def _pairs(twin, model):
    return zip(twin.parameters(), model.parameters(), strict=True)
