"""Training and completion under the names of 2019, as in notebooks on recurrent networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from d2l_gru._checks import check_context
from d2l_gru.history import History
from d2l_gru.mxnet._import import Array, Device, autograd, gluon, init
from d2l_gru.mxnet._parameters import parameters
from d2l_gru.mxnet.generate import predict
from d2l_gru.mxnet.minibatches import seq_data_iter_consecutive as seq_data_iter_sequential
from d2l_gru.mxnet.training import grad_clipping, train
from d2l_gru.plotting import train_and_show
from d2l_gru.series_of_2019 import old_names, train_epoch
from d2l_gru.text import Vocab

__all__ = ["predict_ch8", "seq_data_iter_sequential", "train_ch8", "train_epoch_ch8"]


@old_names(ctx="device", net="model")
def train_ch8(
    model: Any,
    train_iter: Iterable[tuple[Array, Array]],
    vocab: Vocab,
    lr: float,
    num_epochs: int,
    device: Device,
    use_random_iter: bool = False,
) -> History:
    """Train, draw the perplexity, and print it with the speed and two completions.

    As in 2019, the parameters of a Gluon block are initialised afresh, weights N(0, 0.01²), so a
    second call starts again.  A scratch model continues from its current arrays, and so does
    `train`.

    Args:
        model, train_iter, lr, num_epochs, device: as for `train`.
        vocab: the `Vocab` of the completions.  They begin with "time traveller" and "traveller",
            or, if it lacks letters of both, with its most frequent token.
        use_random_iter: start each minibatch from a zero state, as always with a loader that
            samples at random.

    Returns:
        A `History`, which a notebook does not show.

    Source: Dive into Deep Learning, ``d2l.train_ch8``, 2019.
    """
    how = model, train_iter, vocab, lr, num_epochs, device, use_random_iter
    return train_and_show(_train_anew, predict, *how)


def _train_anew(model, train_iter, lr, num_epochs, device, on_epoch):
    if isinstance(model, gluon.Block):
        model.initialize(init.Normal(0.01), ctx=check_context(device), force_reinit=True)
    return train(model, train_iter, lr, num_epochs, device, on_epoch=on_epoch)


@old_names(ctx="device", net="model")
def train_epoch_ch8(
    model: Any,
    train_iter: Iterable[tuple[Array, Array]],
    loss: Callable,
    updater: Any,
    device: Device,
    use_random_iter: bool = False,
) -> tuple[float, float]:
    """Train for one epoch with your own loss and update, gradients clipped at 1.

    Args:
        model, train_iter, device: as for `train_epoch`.
        loss: function from (logits, ids) to the losses, whose mean is minimised.
        updater: function that is called as ``updater(batch_size=1)``, such as a trainer's ``step``.
        use_random_iter: start each minibatch from a zero state.

    Returns:
        (perplexity, tokens per second).

    Raises:
        ValueError: `train_iter` yields nothing.

    Source: Dive into Deep Learning, ``d2l.train_epoch_ch8``, 2019.
    """

    def update(X, Y, state):
        with autograd.record():
            Y_hat, state = model(X.as_in_ctx(device), state)
            l = loss(Y_hat, Y.T.reshape(-1).as_in_ctx(device)).mean()
        l.backward()
        grad_clipping(parameters(model), 1)
        updater(batch_size=1)
        return l, state

    return train_epoch(update, model, train_iter, device, use_random_iter)


@old_names(ctx="device", net="model", num_predicts="num_preds")
def predict_ch8(prefix: str, num_preds: int, model: Any, vocab: Vocab, device: Device) -> str:
    """Complete `prefix` greedily: `predict` under its 2019 name, with the 2019 arguments."""
    return predict(prefix, num_preds, model, vocab, device)
