"""Cutting token ids into minibatches, by consecutive or by random sampling, in NumPy.

Needs no deep-learning framework: each framework's iterators convert these to its own arrays.
"""

from __future__ import annotations

import array
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy

from d2l_gru._checks import check_int
from d2l_gru.text import Vocab


def check_corpus(corpus, batch_size, num_steps):
    """Return the corpus as a NumPy array; raise unless it fills a minibatch of this size.

    An array is not copied, and a memory-mapped one is not read: its ids are checked when they are
    cut into minibatches.
    """
    if not hasattr(corpus, "__len__"):
        raise TypeError(
            f"corpus must be a sequence of token ids, not {corpus!r}; to give sizes only, "
            "call load_data_time_machine"
        )
    batch_size = check_int("batch_size", batch_size, 1)
    num_steps = check_int("num_steps", num_steps, 1)
    # The last token is a target only, hence the 1.
    if len(corpus) < batch_size * num_steps + 1:
        raise ValueError(
            f"a corpus of {len(corpus)} tokens is shorter than one minibatch: batch_size "
            f"{batch_size} * num_steps {num_steps} + 1 = {batch_size * num_steps + 1} are needed"
        )
    ids = corpus.asnumpy() if hasattr(corpus, "asnumpy") else numpy.asanyarray(corpus)
    if not numpy.issubdtype(ids.dtype, numpy.integer):
        raise TypeError(f"corpus must hold token ids (whole numbers), not {corpus[0]!r}")
    if ids.ndim != 1:
        raise ValueError(f"corpus must be one-dimensional, not of shape {ids.shape}")
    if isinstance(ids, numpy.memmap):
        return ids
    _check_range(ids)
    return ids if isinstance(corpus, numpy.ndarray) else ids.astype("int32")


def _check_range(*arrays):
    """Return the arrays; raise ValueError unless all their ids are in [0, 2**31)."""
    for ids in arrays:
        for extreme in (ids.min(), ids.max()):
            if not 0 <= extreme < 2**31:
                raise ValueError(f"token ids must be in [0, 2**31), but corpus holds {extreme}")
    return arrays


def _from_random_offset(ids, batch_size, num_steps):
    """Return the ids from a random offset in [0, num_steps), so that epochs are cut differently."""
    spare = len(ids) - 1 - batch_size * num_steps
    return ids[random.randint(0, min(num_steps - 1, spare)) :]


def consecutive(ids, batch_size, num_steps):
    """Yield NumPy pairs (X, Y) in which each row continues the same row of the previous pair."""
    ids = _from_random_offset(ids, batch_size, num_steps)
    row_length = (len(ids) - 1) // batch_size
    Xs = ids[: batch_size * row_length].reshape(batch_size, row_length)
    Ys = ids[1 : batch_size * row_length + 1].reshape(batch_size, row_length)
    for i in range(0, row_length - num_steps + 1, num_steps):
        yield _check_range(Xs[:, i : i + num_steps], Ys[:, i : i + num_steps])


def shuffled(ids, batch_size, num_steps):
    """Yield NumPy pairs (X, Y) of subsequences in random order."""
    ids = _from_random_offset(ids, batch_size, num_steps)
    starts = array.array("q", range(0, (len(ids) - 1) // num_steps * num_steps, num_steps))
    random.shuffle(starts)
    for i in range(0, len(starts) - batch_size + 1, batch_size):
        batch = starts[i : i + batch_size]
        yield _check_range(
            numpy.stack([ids[j : j + num_steps] for j in batch]),
            numpy.stack([ids[j + 1 : j + 1 + num_steps] for j in batch]),
        )


class Loader:
    """Minibatches of a corpus, drawn afresh each time it is iterated over.

    Each framework's loader provides ``data_iter_fn``, the function that draws them.
    """

    vocab: Vocab | None = None
    data_iter_fn: Any

    def __init__(
        self,
        corpus: Sequence[int],
        batch_size: int,
        num_steps: int,
        use_random_iter: bool = False,
    ) -> None:
        self.corpus = check_corpus(corpus, batch_size, num_steps)
        self.batch_size, self.num_steps = batch_size, num_steps
        self.use_random_iter = use_random_iter

    def __iter__(self) -> Iterator[tuple]:
        return self.data_iter_fn(self.corpus, self.batch_size, self.num_steps)
