"""Training a language model by truncated backpropagation through time."""

import random
import time

from d2l_gru._checks import (
    check_context,
    check_positive,
    check_seed,
    check_shape,
    check_token_ids,
)
from d2l_gru._graphs import norm, summed_loss
from d2l_gru._mxnet import autograd, np, npx
from d2l_gru.device import try_gpu
from d2l_gru.history import check_run, perplexity, record_epochs
from d2l_gru.prediction import predict
from d2l_gru.showing import train_and_show


def set_seed(seed):
    """Seed Python's and MXNet's generators, which draw minibatches, parameters and samples.

    Args:
        seed: from 0 to 2**31 - 1.

    Raises:
        ValueError: it is out of that range.
    """
    seed = check_seed(seed)
    random.seed(seed)
    npx.random.seed(seed)


def sgd(params, lr):
    """Take one step of gradient descent: subtract `lr` times its gradient from each array.

    Raises:
        ValueError: `lr` is not above 0, or an array has no gradient attached.
    """
    lr = check_positive("lr", lr)
    for param in _with_gradients(params):
        param -= lr * param.grad  # in place


def _with_gradients(params):
    for param in params:
        if param.grad is None:
            raise ValueError(f"an array of shape {param.shape} has no gradient: call attach_grad()")
    return params


def gradient_norm(params):
    """Return the joint Euclidean norm of the arrays' gradients, an array of shape ()."""
    return norm(param.grad for param in _with_gradients(params))


def grad_clipping(params, theta):
    """Scale all gradients by one factor so that their joint norm is at most `theta`, in place.

    Args:
        params: arrays with gradients attached, or a model with such ``parameters()``.
        theta: the largest norm allowed, > 0.

    Returns:
        The norm before clipping, an array of shape ().

    Raises:
        ValueError: `theta` is not above 0.

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks",
    2013.
    """
    theta = check_positive("theta", theta)
    params = list(params.parameters() if hasattr(params, "parameters") else params)
    before = gradient_norm(params)
    # Multiplying by min(1, theta / norm) needs no `if`, so nothing waits for the device.
    scale = np.minimum(1, theta / np.maximum(before, 1e-12))
    for param in params:
        grad = param.grad
        grad *= scale  # in place
    return before


def train_step(model, X, Y, state, lr, device, clip):
    """Update the model once, from one minibatch.

    Args:
        X, Y: token ids (batch_size, num_steps).
        state: what the step before returned, which is detached; None to start at zero.
        model, lr, device, clip: as for `train_epoch`.

    Returns:
        (summed loss of the tokens, norm of the gradients before clipping, new state); the first two
        are arrays of shape (), which nothing has waited for.

    Raises:
        ValueError: ids are out of range, or X and Y of unequal shapes.
    """
    X, Y = X.as_in_ctx(device), Y.as_in_ctx(device)
    if state is None:
        state = model.begin_state(X.shape[0], device)
    state = [H.detach() for H in state]
    with autograd.record():
        Y_hat, state = model(X, state)
        check_token_ids("Y", Y, Y_hat.shape[-1])
        check_shape("Y", Y, X.shape)
        summed = summed_loss(Y_hat, Y)
        l = summed / Y.size
    l.backward()
    params = list(model.parameters())
    before = gradient_norm(params) if clip is None else grad_clipping(params, clip)
    sgd(params, lr)
    return summed.detach(), before, state


def train_epoch(model, train_iter, lr, device, clip=1.0):
    """Train for one epoch.

    With consecutive sampling the state is carried from minibatch to minibatch, detached: its value
    goes on, its gradient does not.  With random sampling it starts at zero each time.

    Args:
        model: `RNNModelScratch`, `RNNModel`, or anything with their four methods.
        train_iter: minibatches (X, Y) of token ids (batch_size, num_steps); a true attribute
            ``use_random_iter`` says that they are no continuation of each other.
        lr: learning rate, > 0.
        device: where the model is.
        clip: the largest norm of the gradients, > 0; None for no clipping.

    Returns:
        (perplexity, tokens per second, largest norm of the gradients before clipping).

    Raises:
        ValueError: `train_iter` yields nothing, or ids out of range or of unequal shapes.
    """
    carry = not getattr(train_iter, "use_random_iter", False)
    state, total, num_tokens, largest = None, 0.0, 0, 0.0
    start = time.perf_counter()
    for X, Y in train_iter:
        loss, before, state = train_step(model, X, Y, state if carry else None, lr, device, clip)
        largest = np.maximum(largest, before)
        total = total + loss
        num_tokens += Y.size
    if not num_tokens:
        raise ValueError(
            "train_iter yielded no minibatch (an iterator yields once only: pass a SeqDataLoader)"
        )
    mean_loss = float(total) / num_tokens
    npx.waitall()  # the last updates are part of the epoch
    speed = num_tokens / (time.perf_counter() - start)
    return perplexity(mean_loss), speed, float(largest)


def train(model, train_iter, lr, num_epochs, device=None, *, clip=1.0, on_epoch=None):
    """Train with stochastic gradient descent, and show a progress bar.

    Args:
        model, train_iter, lr, clip: as for `train_epoch`.
        num_epochs: at least 1.
        device: where the model is; None for `try_gpu()`.
        on_epoch: function (epoch from 1, `History`), called after each epoch.

    Returns:
        A `History`.

    Raises:
        ValueError: a number is out of range, or the model is on another device.
    """
    lr, num_epochs = check_positive("lr", lr), check_run(num_epochs, on_epoch)
    if clip is not None:
        clip = check_positive("clip (None for no clipping)", clip)
    device = try_gpu() if device is None else check_context(device)
    model.prepare(device)
    return record_epochs(
        lambda: train_epoch(model, train_iter, lr, device, clip), num_epochs, on_epoch
    )


def train_ch8(model, train_iter, vocab, lr, num_epochs, device):
    """Train, draw the perplexity, and print it with the speed and two completions.

    Args:
        model, train_iter, lr, num_epochs, device: as for `train`.
        vocab: the `Vocab` of the completions.

    Returns:
        A `History`.

    Source: Dive into Deep Learning, ``d2l.train_ch8``, 2019.
    """
    return train_and_show(train, predict, model, train_iter, vocab, lr, num_epochs, device)
