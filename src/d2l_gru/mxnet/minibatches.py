"""From token ids to minibatches of MXNet arrays, by consecutive or by random sampling."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy

from d2l_gru import batches
from d2l_gru.mxnet._import import Array, np
from d2l_gru.text import Vocab, load_corpus_time_machine

BLOCK = 64  # minibatches that are converted to arrays at once


def _arrays(pairs):
    """Yield MXNet arrays, views of larger ones, because each copy waits for the device."""
    pairs = iter(pairs)
    while block := list(itertools.islice(pairs, BLOCK)):
        Xs, Ys = (
            np.array(numpy.stack(arrays), dtype="int32") for arrays in zip(*block, strict=True)
        )
        yield from zip(Xs, Ys, strict=True)


def seq_data_iter_consecutive(
    corpus: Sequence[int], batch_size: int, num_steps: int
) -> Iterator[tuple[Array, Array]]:
    """Return minibatches in which each row continues the same row of the previous minibatch.

    The corpus, minus a random offset in [0, num_steps), is cut into `batch_size` long rows.

    Args:
        corpus: a sequence of token ids; an array, such as a ``numpy.memmap``, is not copied.
        batch_size, num_steps: at least 1.

    Returns:
        An iterator over X, Y, which are int32 arrays (batch_size, num_steps) on the CPU; Y is X
        shifted by one token.

    Raises:
        ValueError: a size is below 1, or the corpus is shorter than one minibatch, or an id is out
            of [0, 2**31); ids of a ``numpy.memmap`` are checked when they are cut.
        TypeError: the corpus is not a sequence of whole numbers.

    Source: Dive into Deep Learning, ``d2l.seq_data_iter_consecutive``, 2019.
    """
    ids = batches.check_corpus(corpus, batch_size, num_steps)
    return _arrays(batches.consecutive(ids, batch_size, num_steps))


def seq_data_iter_random(
    corpus: Sequence[int], batch_size: int, num_steps: int
) -> Iterator[tuple[Array, Array]]:
    """Return minibatches of non-overlapping subsequences in random order.

    Arguments, result and errors are as for `seq_data_iter_consecutive`.

    Source: Dive into Deep Learning, ``d2l.seq_data_iter_random``, 2019.
    """
    ids = batches.check_corpus(corpus, batch_size, num_steps)
    return _arrays(batches.shuffled(ids, batch_size, num_steps))


class SeqDataLoader(batches.Loader):
    """Minibatches of a corpus, drawn afresh each time it is iterated over.

    Args:
        corpus: a sequence of token ids; an array, such as a ``numpy.memmap``, is not copied.
        batch_size, num_steps: at least 1.
        use_random_iter: random instead of consecutive sampling.

    Attributes:
        corpus, batch_size, num_steps, use_random_iter: as above.
        vocab: the `Vocab` of `load_data_time_machine`, otherwise None.

    Raises:
        ValueError, TypeError: as `seq_data_iter_consecutive`.

    Source: Dive into Deep Learning, ``d2l.SeqDataLoader``, 2019.
    """

    @property
    def data_iter_fn(self):
        """The function that draws the minibatches of an epoch."""
        return seq_data_iter_random if self.use_random_iter else seq_data_iter_consecutive


def load_data_time_machine(
    batch_size: int, num_steps: int, use_random_iter: bool = False, max_tokens: int = 10_000
) -> tuple[SeqDataLoader, Vocab]:
    """Return minibatches of *The Time Machine* in characters, with its vocabulary.

    Args:
        batch_size, num_steps: at least 1.
        use_random_iter: random instead of consecutive sampling.
        max_tokens: use the first N characters; -1 for all 171,489.

    Returns:
        (`SeqDataLoader`, `Vocab`).

    Raises:
        ValueError: as `SeqDataLoader` and `load_corpus_time_machine`.

    Source: Dive into Deep Learning, ``d2l.load_data_time_machine``, 2019.
    """
    corpus, vocab = load_corpus_time_machine(max_tokens)
    train_iter = SeqDataLoader(corpus, batch_size, num_steps, use_random_iter)
    train_iter.vocab = vocab
    return train_iter, vocab
