"""Choosing the next token: completing a text with any model, and GRUs evaluated in NumPy.

A step of one row is a few small products.  A framework takes longer to launch them, one by one,
than to compute them; a call in NumPy has a tenth of the overhead.  Needs no deep-learning
framework.
"""

import math
import random
import re
import sys

import numpy

from d2l_gru._checks import check_int, check_number, check_token_ids
from d2l_gru._models import vocab_size_of


def check_completion(prefix, num_preds, vocab, temperature):
    """Raise TypeError or ValueError unless all arguments are valid for `predict`."""
    check_int("num_preds", num_preds, 0)
    if not 0 <= check_number("temperature", temperature, "a number >= 0") <= sys.float_info.max:
        raise ValueError(f"temperature must be finite and >= 0, not {temperature}")
    check_prefix(prefix, vocab)


def of_words(vocab):
    """Whether the tokens are words: one of them, reserved tokens aside, is longer than 1."""
    return any(len(token) > 1 and not is_reserved(token) for token in vocab.idx_to_token)


def is_reserved(token):
    """Whether a token represents no text, as ``<unk>`` and ``<pad>`` do."""
    return isinstance(token, str) and re.fullmatch("<.+>", token) is not None


def _split(text, vocab):
    return text.split() if of_words(vocab) else list(text)


def lacks(vocab, prefix):
    """Return the tokens of `prefix` that are not in `vocab`, in alphabetical order."""
    return sorted({token for token in _split(prefix, vocab) if token not in vocab.token_to_idx})


def check_prefix(prefix, vocab):
    """Raise TypeError or ValueError unless `prefix` is a str of tokens in `vocab`."""
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be a str, not {prefix!r}")
    if not _split(prefix, vocab):
        one = "word" if of_words(vocab) else "character"
        raise ValueError(f"prefix must hold at least one {one}, but it is {prefix!r}")
    if unknown := lacks(vocab, prefix):
        raise ValueError(f"prefix {prefix!r} holds {unknown}, which the vocabulary lacks")


def check_vocab(model, vocab):
    """Raise ValueError unless the model's ``vocab_size``, if it has one, is that of `vocab`."""
    size = vocab_size_of(model)
    if size is not None:
        _check_size(size, vocab)


def _check_size(size, vocab):
    if size != len(vocab):
        raise ValueError(
            f"the model has a vocabulary of {size} tokens, but vocab has {len(vocab)}: pass the "
            "vocab that the model was trained with"
        )


def complete(prefix, num_preds, vocab, temperature, read):
    """Return the prefix and `num_preds` tokens more: characters, or words with spaces between them.

    Args:
        read: function from a list of ids, which continue those of earlier calls, to the logits of
            the next token, a NumPy array (vocab_size,).
        prefix, num_preds, vocab, temperature: as for `predict`.
    """
    ids = unread = vocab[_split(prefix, vocab)]
    for _ in range(num_preds):
        logits = read(unread)
        _check_size(len(logits), vocab)
        unread = [_choose(logits, temperature)]
        ids = ids + unread
    return (" " if of_words(vocab) else "").join(vocab.to_tokens(ids))


def _choose(logits, temperature):
    """Return the id of the largest logit, or draw one; logits (vocab_size,)."""
    largest = float(logits.max())
    if not math.isfinite(largest):
        raise ValueError("the model's logits are not finite: its training diverged")
    if temperature == 0:
        return int(logits.argmax())
    weights = [math.exp(float(logit - largest) / temperature) for logit in logits]
    return random.choices(range(len(weights)), weights)[0]


def read_reset_before(params):
    """Return a reader of a GRU that resets before the product, as in `d2l_gru.gru`.

    Args:
        params: the 11 arrays of `d2l_gru.get_params`, as NumPy arrays.

    Returns:
        A function from a list of token ids, which continue those of earlier calls, to the logits
        (vocab_size,) of the next token.
    """
    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q = params
    X_zr, X_h = numpy.hstack([W_xz + b_z, W_xr + b_r]), W_xh + b_h  # a row for each token
    W_zr = numpy.hstack([W_hz, W_hr])
    H = numpy.zeros(len(W_hh), dtype=W_hh.dtype)

    def read(ids):
        nonlocal H
        for i in _known(ids, len(b_q)):
            Z, R = numpy.split(_sigmoid(X_zr[i] + H @ W_zr), 2)
            H_tilde = numpy.tanh(X_h[i] + (R * H) @ W_hh)
            H = Z * H + (1 - Z) * H_tilde
        return H @ W_hq + b_q

    return read


def read_reset_after(params):
    """Return a reader of GRU layers that reset after the product, as the libraries' layers do.

    Args:
        params: for each layer the weights of its input and of its state, (3 * num_hiddens, ...),
            and their biases, gates stacked r, z, n; then weights and biases of the output layer.
            All are NumPy arrays.

    Returns:
        As `read_reset_before`.
    """
    *arrays, W_q, b_q = params
    layers = [arrays[i : i + 4] for i in range(0, len(arrays), 4)]
    W_x, _, b_x, _ = layers[0]
    inputs = numpy.ascontiguousarray(W_x.T) + b_x  # a row for each token
    states = [numpy.zeros(W_h.shape[1], dtype=W_h.dtype) for _, W_h, _, _ in layers]

    def read(ids):
        for i in _known(ids, len(b_q)):
            for layer, (W_x, W_h, b_x, b_h) in enumerate(layers):
                H = states[layer]
                A = W_x @ states[layer - 1] + b_x if layer else inputs[i]
                B = W_h @ H + b_h
                size = 2 * len(H)
                R, Z = numpy.split(_sigmoid(A[:size] + B[:size]), 2)
                N = numpy.tanh(A[size:] + R * B[size:])
                states[layer] = Z * H + (1 - Z) * N
        return W_q @ states[-1] + b_q

    return read


def _known(ids, vocab_size):
    if not 0 <= min(ids) <= max(ids) < vocab_size:
        check_token_ids("X", numpy.array([ids]), vocab_size)
    return ids


def _sigmoid(X):
    return 0.5 * numpy.tanh(0.5 * X) + 0.5  # 1 / (1 + exp(-X)), which would overflow
