"""Training a language model in PyTorch by truncated backpropagation through time."""

import random
import time

from d2l_gru._checks import check_positive, check_seed, check_shape
from d2l_gru.history import check_run, perplexity, record_epochs
from d2l_gru.showing import train_and_show
from d2l_gru.torch._ids import check_ids
from d2l_gru.torch._torch import torch
from d2l_gru.torch.device import check_torch_device, try_gpu
from d2l_gru.torch.prediction import predict


def set_seed(seed):
    """Seed Python's and PyTorch's generators, which draw minibatches, parameters and samples.

    Args:
        seed: from 0 to 2**31 - 1.

    Raises:
        ValueError: it is out of that range.
    """
    seed = check_seed(seed)
    random.seed(seed)
    torch.manual_seed(seed)


@torch.no_grad()
def sgd(params, lr):
    """Take one step of gradient descent: subtract `lr` times its gradient from each tensor.

    Raises:
        ValueError: `lr` is not above 0, or a tensor has no gradient.
    """
    lr = check_positive("lr", lr)
    for param in _with_gradients(params):
        param -= lr * param.grad


def _with_gradients(params):
    for param in params:
        if param.grad is None:
            shape = tuple(param.shape)
            raise ValueError(f"a tensor of shape {shape} has no gradient: call backward()")
    return params


@torch.no_grad()
def gradient_norm(params):
    """Return the joint Euclidean norm of the tensors' gradients, a tensor of shape ()."""
    return torch.sqrt(sum((param.grad**2).sum() for param in _with_gradients(params)))


@torch.no_grad()
def grad_clipping(params, theta):
    """Scale all gradients by one factor so that their joint norm is at most `theta`, in place.

    Args:
        params: tensors with gradients, or a model with such ``parameters()``.
        theta: the largest norm allowed, > 0.

    Returns:
        The norm before clipping, a tensor of shape ().

    Raises:
        ValueError: `theta` is not above 0, or a tensor has no gradient.

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks",
    2013.
    """
    theta = check_positive("theta", theta)
    params = list(params.parameters() if hasattr(params, "parameters") else params)
    norm = gradient_norm(params)
    # Multiplying by min(1, theta / norm) needs no `if`, so nothing waits for the device.
    scale = torch.clamp(theta / torch.clamp(norm, min=1e-12), max=1)
    for param in params:
        param.grad *= scale
    return norm


def train_step(model, X, Y, state, lr, device, clip):
    """Update the model once, from one minibatch.

    Args:
        X, Y: token ids (batch_size, num_steps).
        state: what the step before returned, which is detached; None to start at zero.
        model, lr, device, clip: as for `train_epoch`.

    Returns:
        (summed loss of the tokens, norm of the gradients before clipping, new state); the first two
        are tensors of shape (), which nothing has waited for.

    Raises:
        ValueError: ids are out of range, or X and Y of unequal shapes.
    """
    check_ids("X", X, model.vocab_size)
    check_ids("Y", Y, model.vocab_size)
    check_shape("Y", Y, X.shape)
    X, Y = X.to(device), Y.to(device)
    if state is None:
        state = model.begin_state(X.shape[0], device)
    state = [H.detach() for H in state]
    Y_hat, state = model(X, state)
    l = torch.nn.functional.cross_entropy(Y_hat, Y.T.reshape(-1))
    params = list(model.parameters())
    for param in params:
        param.grad = None  # PyTorch would add to it
    l.backward()
    norm = gradient_norm(params) if clip is None else grad_clipping(params, clip)
    sgd(params, lr)
    return l.detach() * Y.numel(), norm, state


def train_epoch(model, train_iter, lr, device, clip=1.0):
    """Train for one epoch.

    With consecutive sampling the state is carried from minibatch to minibatch, detached: its value
    goes on, its gradient does not.  With random sampling it starts at zero each time.

    Args:
        model: `RNNModelScratch`, `RNNModel`, or anything with their methods and ``vocab_size``.
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
    state, total, num_tokens = None, 0.0, 0
    largest = torch.zeros((), device=check_torch_device(device))
    start = time.perf_counter()
    for X, Y in train_iter:
        loss, norm, state = train_step(model, X, Y, state if carry else None, lr, device, clip)
        largest = torch.maximum(largest, norm)
        total = total + loss
        num_tokens += Y.numel()
    if not num_tokens:
        raise ValueError(
            "train_iter yielded no minibatch (an iterator yields once only: pass a SeqDataLoader)"
        )
    mean_loss = float(total) / num_tokens  # waits for the loss,
    wait(device)  # and the last updates are part of the epoch
    speed = num_tokens / (time.perf_counter() - start)
    return perplexity(mean_loss), speed, float(largest)


def wait(device):
    """Wait until the device has done what it was ordered to do."""
    if torch.device(device).type == "cuda":  # pragma: no cover - needs a GPU
        torch.cuda.synchronize(device)


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
    device = try_gpu() if device is None else check_torch_device(device)
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
