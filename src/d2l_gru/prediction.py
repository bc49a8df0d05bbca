"""Completing a text, greedily or by sampling."""

import math
import random

from d2l_gru._checks import check_context, check_int, check_number
from d2l_gru._mxnet import np
from d2l_gru.device import try_gpu


def predict(prefix, num_preds, model, vocab, device=None, temperature=0.0):
    """Complete `prefix`, one character at a time.

    Args:
        prefix: a str of characters that `vocab` knows, at least one.
        num_preds: how many characters to add, at least 0.
        model: as for `train`.
        vocab: the `Vocab` that the model was trained with.
        device: where the model is; None for `try_gpu()`.
        temperature: 0 takes the likeliest character each time. Above 0 the character is drawn from
            the softmax of the logits over `temperature`: 1 is the model's own distribution, less
            is more cautious, more is more random.

    Returns:
        The prefix and `num_preds` characters more, a str.

    Raises:
        ValueError: the prefix is empty or holds a character out of the vocabulary, `num_preds` or
            `temperature` is negative, or the model is on another device.
        TypeError: the prefix is not a str, or a number is not a number.

    Source: Dive into Deep Learning, ``d2l.predict_ch8``, 2019, to which sampling was added.
    """
    check_int("num_preds", num_preds, 0)
    if not 0 <= check_number("temperature, which is >= 0,", temperature) < math.inf:
        raise ValueError(f"temperature must be finite and >= 0, not {temperature}")
    check_prefix(prefix, vocab)
    device = try_gpu() if device is None else check_context(device)
    model.prepare(device)

    ids = vocab[list(prefix)]
    state = model.begin_state(1, device)
    unread = ids
    for _ in range(num_preds):
        Y_hat, state = model(np.array([unread], dtype="int32", ctx=device), state)
        unread = [_choose(Y_hat[-1].asnumpy(), temperature)]
        ids = ids + unread
    return "".join(vocab.to_tokens(ids))


def check_prefix(prefix, vocab):
    """Raise TypeError or ValueError unless `prefix` is a str of characters that `vocab` knows."""
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be a str, not {prefix!r}")
    if not prefix:
        raise ValueError("prefix must hold at least one character, but it is ''")
    unknown = sorted({token for token in prefix if token not in vocab.token_to_idx})
    if unknown:
        raise ValueError(f"prefix {prefix!r} holds {unknown}, which the vocabulary lacks")


def _choose(logits, temperature):
    """Return the id of the largest logit, or draw one; logits (vocab_size,)."""
    largest = float(logits.max())
    if not math.isfinite(largest):
        raise ValueError("the model's logits are not finite: its training diverged")
    if temperature == 0:
        return int(logits.argmax())
    weights = [math.exp(float(logit - largest) / temperature) for logit in logits]
    return random.choices(range(len(weights)), weights)[0]


def predict_ch8(prefix, num_preds, model, vocab, device):
    """Complete `prefix` greedily: `predict` under its name of 2019, with its arguments."""
    return predict(prefix, num_preds, model, vocab, device)
