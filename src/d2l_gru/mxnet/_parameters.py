"""Substitutes for ``parameters()`` and ``prepare(device)`` on a plain ``gluon.Block``."""

from d2l_gru._checks import check_context, check_device
from d2l_gru.mxnet._import import gluon, init, mxnet, np


def parameters(model):
    """Return the list of a model's arrays to train: all but the frozen ones.

    Raises:
        ValueError: there is none.
        TypeError: the model has no method that returns them.
    """
    if hasattr(model, "parameters"):
        arrays = list(model.parameters())
    elif isinstance(model, gluon.Block):
        params = model.collect_params().values()
        arrays = [param.data() for param in params if param.grad_req != "null"]
    elif hasattr(model, "params"):  # as in RNNModelScratch of 2019
        arrays = list(model.params)
    else:
        raise TypeError(f"the model must be a Block or have parameters(), but {model!r} has none")
    # An array with grad_req "null" has no gradient after the first pass.
    if trained := [array for array in arrays if array.grad is not None]:
        return trained
    raise ValueError("the model has no array to train: all are frozen, or lack attach_grad()")


def backward(loss):
    """Compute the gradients; raise ValueError where the loss has none."""
    try:
        loss.backward()
    except mxnet.MXNetError as error:
        raise ValueError(
            "the loss depends on no array to train: all are frozen, or lack attach_grad()"
        ) from error


def to_train(params):
    """Return as a list the arrays that are to be trained.

    Args:
        params: arrays with gradients, or ``gluon.Parameter``, in any iterable or mapping; or one
            array, or a model.

    Raises:
        ValueError: there is none, or one has no gradient attached.
        TypeError: `params` holds something other than arrays.
    """
    if isinstance(params, np.ndarray):
        params = [params]
    elif hasattr(params, "parameters") or hasattr(params, "params"):  # a model
        params = parameters(params)
    params = list(params.values() if hasattr(params, "values") else params)
    arrays = [
        param.data() if isinstance(param, gluon.Parameter) else param
        for param in params
        if getattr(param, "grad_req", None) != "null"  # those are frozen
    ]
    for array in arrays:
        if not isinstance(array, np.ndarray):
            raise TypeError(f"params must hold arrays, not {type(array).__name__}")
        if array.grad is None:
            raise ValueError(f"an array of shape {array.shape} has no gradient: call attach_grad()")
    if arrays:
        return arrays
    raise ValueError(
        "params holds no array to train: a generator can be used only once, and a parameter "
        "whose grad_req is 'null' is frozen"
    )


def prepare(model, device):
    """Initialise on `device` the parameters that have no values yet, and return `device`.

    Raises:
        ValueError: the model is on another device.
    """
    check_context(device)
    if hasattr(model, "prepare"):
        model.prepare(device)
    elif isinstance(model, gluon.Block):
        draw(model, device)
    else:
        for param in model.parameters() if hasattr(model, "parameters") else ():
            check_device("the model", param, device)
    return device


def draw(block, device):
    """Initialise a Block on `device`: weights N(0, 0.01²), biases 0."""
    params = block.collect_params()
    if any(param._data is None and not param._deferred_init for param in params.values()):
        block.initialize(init=init.Normal(0.01), ctx=device)
    for name, param in params.items():
        if param.list_ctx() != [device]:
            raise ValueError(f"{name} is on {param.list_ctx()}, but {device} was requested")
