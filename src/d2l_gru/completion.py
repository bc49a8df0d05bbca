"""Completing a text with any model that gives logits.  Needs no deep-learning framework."""

import math
import random
import re
import sys

from d2l_gru._checks import check_int, check_number
from d2l_gru._models import vocab_size_of


def check_completion(prefix, num_preds, vocab, temperature):
    """Raise TypeError or ValueError unless all are as `predict` wants them."""
    check_int("num_preds", num_preds, 0)
    if not 0 <= check_number("temperature, which is >= 0,", temperature) <= sys.float_info.max:
        raise ValueError(f"temperature must be finite and >= 0, not {temperature}")
    check_prefix(prefix, vocab)


def of_words(vocab):
    """Whether the tokens are words: one of them, apart from such as ``<unk>``, is longer than 1."""
    return any(len(token) > 1 and not is_reserved(token) for token in vocab.idx_to_token)


def is_reserved(token):
    """Whether a token stands for no text, as ``<unk>`` and ``<pad>`` do."""
    return isinstance(token, str) and re.fullmatch("<.+>", token) is not None


def _split(text, vocab):
    return text.split() if of_words(vocab) else list(text)


def lacks(vocab, prefix):
    """Return the tokens of `prefix` that are not in `vocab`, in alphabetical order."""
    return sorted({token for token in _split(prefix, vocab) if token not in vocab.token_to_idx})


def check_prefix(prefix, vocab):
    """Raise TypeError or ValueError unless `prefix` is a str of tokens that `vocab` knows."""
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
        read: function of a list of ids, which follow those it read before, to the logits of the
            token after them, a NumPy array (vocab_size,).
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
