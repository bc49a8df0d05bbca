"""Completing a text, greedily or by sampling."""

from __future__ import annotations

from typing import Any

from d2l_gru._checks import check_context
from d2l_gru._models import begin_state
from d2l_gru.generate import (
    check_completion,
    check_vocab,
    complete,
    read_reset_after,
    read_reset_before,
)
from d2l_gru.mxnet import concise, scratch
from d2l_gru.mxnet._import import Device, autograd, np
from d2l_gru.mxnet._parameters import prepare
from d2l_gru.mxnet.device import try_gpu
from d2l_gru.text import Vocab


def predict(
    prefix: str,
    num_preds: int,
    model: Any,
    vocab: Vocab,
    device: Device | None = None,
    temperature: float = 0.0,
) -> str:
    """Complete `prefix` token by token: a token is a character, or a word if `vocab` holds words.

    Args:
        prefix: a str of characters in `vocab`, at least one; or of words, separated by spaces.
        num_preds: how many tokens to add, at least 0.
        model: as for `train`.  A float32 `RNNModel` around a ``gluon.rnn.GRU``, or an
            `RNNModelScratch` around `gru` or `fast_gru`, in which nothing was replaced and that has
            no hooks, is evaluated in NumPy, which is many times as fast; any other model is called.
        vocab: the `Vocab` that the model was trained with.
        device: where the model is; None for `try_gpu()`.
        temperature: 0 takes the likeliest token each time. Above 0 the token is drawn from the
            softmax of the logits over `temperature`: 1 is the model's own distribution, less is
            more cautious, more is more random.

    Returns:
        The prefix and `num_preds` tokens more, a str.

    Raises:
        ValueError: the prefix is empty or holds a token outside the vocabulary, `num_preds` or
            `temperature` is negative, the model is on another device, or its vocabulary has another
            size than `vocab`.
        TypeError: the prefix is not a str, or a numeric argument is not a number.

    Source: Dive into Deep Learning, ``d2l.predict_ch8``, 2019, to which sampling was added.
    """
    check_completion(prefix, num_preds, vocab, temperature)
    device = try_gpu() if device is None else check_context(device)
    check_vocab(model, vocab)
    prepare(model, device)
    with autograd.pause(train_mode=False):
        read = _reader_in_numpy(model) or _reader(model, device)
        return complete(prefix, num_preds, vocab, temperature, read)


def _reader_in_numpy(model):
    """Return a reader for the package's own models; None if it may not replace the model."""
    if isinstance(model, scratch.RNNModelScratch) and not any(scratch.differences(model)):
        return read_reset_before([param.asnumpy() for param in model.params])
    if isinstance(model, concise.RNNModel) and not any(concise.differences(model)):
        return read_reset_after([param.data().asnumpy() for param in concise.arrays(model)])
    return None


def _reader(model, device):
    state = begin_state(model, 1, device)

    def read(ids):
        nonlocal state
        Y_hat, state = model(np.array([ids], dtype="int32", ctx=device), state)
        return Y_hat[-1].asnumpy()

    return read
