"""Training a language model by truncated backpropagation through time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from d2l_gru._checks import check_int, check_minibatch, check_positive, check_seed
from d2l_gru._models import begin_state, check_logits, detached, vocab_size_of
from d2l_gru.history import EpochMeter, History, check_run, record_epochs
from d2l_gru.mxnet._graphs import norm, summed_loss
from d2l_gru.mxnet._import import Array, Device, autograd, np, npx
from d2l_gru.mxnet._parameters import backward, parameters, prepare, to_train
from d2l_gru.mxnet.device import try_gpu


def set_seed(seed: int) -> None:
    """Seed Python's and MXNet's generators, which draw minibatches, parameters and samples.

    Args:
        seed: from 0 to 2**31 - 1.

    Raises:
        ValueError: `seed` is out of that range.
    """
    seed = check_seed(seed)
    random.seed(seed)
    npx.random.seed(seed)


def sgd(params: Any, lr: float, batch_size: int | None = None) -> None:
    """Take one step of gradient descent: subtract `lr` times its gradient from each array.

    Args:
        params: arrays with gradients attached: a list, a generator, a ``ParameterDict``, a model,
            or one array.  Parameters whose ``grad_req`` is "null" are not changed.
        lr: learning rate, > 0.
        batch_size: as in 2019, a whole number by which the gradients are divided.

    Raises:
        ValueError: `lr` is not above 0, an array has no gradient attached, or there is no array.
    """
    lr = check_positive("lr", lr)
    if batch_size is not None:
        lr /= check_int("batch_size", batch_size, 1)
    for param in to_train(params):
        param -= lr * param.grad  # in place


def gradient_norm(params: Any) -> Array:
    """Return the joint Euclidean norm of the gradients, an array of shape ().

    Args:
        params: as for `sgd`.

    Raises:
        ValueError: an array has no gradient attached, or there is no array.
    """
    return _norm(to_train(params)).astype("float32")


def _norm(params):
    return norm(param.grad for param in params)


def grad_clipping(params: Any, theta: float) -> Array:
    """Scale all gradients by one factor so that their joint norm is at most `theta`, in place.

    If a gradient is infinite or NaN, so is the norm, and the scaled gradient is NaN: the parameters
    and the next perplexity become NaN.

    Args:
        params: as for `sgd`.
        theta: the largest norm allowed, > 0.

    Returns:
        The norm before clipping, an array of shape ().

    Raises:
        ValueError: `theta` is not above 0, an array has no gradient attached, or there is no array.

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks",
    2013.
    """
    theta = check_positive("theta", theta)
    params = to_train(params)
    before = _norm(params)
    # Multiplying by min(1, theta / norm) needs no `if`, so nothing waits for the device.
    scale = np.minimum(1, theta / before)
    for param in params:
        grad = param.grad
        grad *= scale.astype(grad.dtype)  # in place
    return before.astype("float32")


def train_step(model, X, Y, state, lr, device, clip):
    """Update the model once, from one minibatch.

    Args:
        X, Y: token ids (batch_size, num_steps).  They are checked on the CPU, and move to `device`
            afterwards; ids that are on a GPU already are not read back.
        state: the state that the previous step returned, which is detached; None to start afresh.
        model, lr, device, clip: as for `train_epoch`.

    Returns:
        (summed loss of the tokens, norm of the gradients before clipping, new state); the first two
        are arrays of shape (), which have not been waited for.

    Raises:
        ValueError: ids are out of range, or X, Y and the model's logits do not match in shape.
    """
    vocab_size = vocab_size_of(model)
    check_minibatch(X, Y, vocab_size)
    inputs, labels = X.as_in_ctx(device), Y.as_in_ctx(device)
    with autograd.record():
        # A first state may have parameters; the gradient of a carried state stops here.
        H = begin_state(model, X.shape[0], device) if state is None else detached(state)
        Y_hat, state = model(inputs, H)
        check_logits(Y_hat, Y)
        if vocab_size is None:
            check_minibatch(X, Y, Y_hat.shape[-1])
        summed = summed_loss(Y_hat, labels)
        l = summed / Y.size
    backward(l)
    params = parameters(model)
    before = gradient_norm(params) if clip is None else grad_clipping(params, clip)
    sgd(params, lr)
    return summed.detach(), before, state


def train_epoch(
    model: Any,
    train_iter: Iterable[tuple[Array, Array]],
    lr: float,
    device: Device,
    clip: float | None = 1.0,
) -> tuple[float, float, float]:
    """Train for one epoch.

    With consecutive sampling, the state is carried from minibatch to minibatch, detached: its value
    is kept, its gradient is not.  With random sampling, it starts at zero each time.

    Args:
        model: as for `train`.
        train_iter: minibatches (X, Y) of token ids (batch_size, num_steps); a true attribute
            ``use_random_iter`` means that they do not continue each other.
        lr: learning rate, > 0.
        device: where the model is.
        clip: the largest norm of the gradients, > 0; None for no clipping.

    Returns:
        (perplexity, tokens per second, largest norm of the gradients before clipping).

    Raises:
        ValueError: `train_iter` yields nothing, or ids out of range or of unequal shapes.
    """
    carry = not getattr(train_iter, "use_random_iter", False)
    state, meter = None, EpochMeter(np.maximum)
    for X, Y in train_iter:
        loss, norm, state = train_step(model, X, Y, state if carry else None, lr, device, clip)
        meter.add(loss, norm, Y.size)
    return meter.result(npx.waitall)


def train(
    model: Any,
    train_iter: Iterable[tuple[Array, Array]],
    lr: float,
    num_epochs: int,
    device: Device | None = None,
    *,
    clip: float | None = 1.0,
    on_epoch: Callable[[int, History], object] | None = None,
) -> History:
    """Train with stochastic gradient descent, and show a progress bar.

    Args:
        model: `RNNModelScratch`, `RNNModel`, or a model of your own with these two methods:

            - ``model(X, state)`` returns logits (num_steps * batch_size, vocab_size), step by step,
              and the new state: an array, or a list or tuple of arrays.  X is token ids
              (batch_size, num_steps).
            - ``begin_state(batch_size, device)`` returns the first state.  Its arguments may have
              any order if they have these names; ``ctx`` is the 2019 name of ``device``.

            A ``gluon.Block`` needs nothing else; another object also needs ``parameters()``, which
            returns its arrays, with gradients attached.  Parameters with ``grad_req`` "null" are
            frozen.  If there is a method ``prepare(device)``, which must raise unless the model is
            on that device, it is called.  If there is a ``vocab_size``, ids are checked before they
            are used.
        train_iter, lr, clip: as for `train_epoch`.
        num_epochs: at least 1.
        device: the model's device, where parameters without values are initialised; None for
            `try_gpu()`.
        on_epoch: function (epoch from 1, `History`), called after each epoch.

    Returns:
        A `History`.

    Raises:
        ValueError: a number is out of range, or the model is on another device.
    """
    lr, num_epochs = check_positive("lr", lr), check_run(num_epochs, on_epoch)
    if clip is not None:
        clip = check_positive("clip (None for no clipping)", clip)
    device = prepare(model, try_gpu() if device is None else device)
    return record_epochs(
        lambda: train_epoch(model, train_iter, lr, device, clip), num_epochs, on_epoch
    )
