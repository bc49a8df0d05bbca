"""From token ids to minibatches, by consecutive or by random sampling."""

import random

import numpy

from d2l_gru._checks import check_int
from d2l_gru._mxnet import np
from d2l_gru.data import load_corpus_time_machine


def _check_corpus(corpus, batch_size, num_steps):
    """Return the corpus as an int32 array; raise unless it fills a minibatch of this size."""
    batch_size = check_int("batch_size", batch_size, 1)
    num_steps = check_int("num_steps", num_steps, 1)
    # The last token is a target only, hence the 1.
    if len(corpus) < batch_size * num_steps + 1:
        raise ValueError(
            f"a corpus of {len(corpus)} tokens is shorter than one minibatch: batch_size "
            f"{batch_size} * num_steps {num_steps} + 1 = {batch_size * num_steps + 1} are needed"
        )
    ids = corpus.asnumpy() if hasattr(corpus, "asnumpy") else numpy.asarray(corpus)
    if not numpy.issubdtype(ids.dtype, numpy.integer):
        raise TypeError(f"corpus must hold token ids, whole numbers, not {corpus[0]!r}")
    if ids.ndim != 1:
        raise ValueError(f"corpus must be one sequence of token ids, not of shape {ids.shape}")
    if ids.max() >= 2**31:
        raise ValueError(f"token ids must be below 2**31, but corpus holds {ids.max()}")
    return ids.astype("int32")


def _from_random_offset(ids, batch_size, num_steps):
    """Return the ids from an offset in [0, num_steps) on: epochs cut at different places."""
    spare = len(ids) - 1 - batch_size * num_steps
    return ids[random.randint(0, min(num_steps - 1, spare)) :]


def seq_data_iter_consecutive(corpus, batch_size, num_steps):
    """Return minibatches in which each row goes on where it ended in the minibatch before.

    The corpus, less a random offset in [0, num_steps), is cut into `batch_size` long rows.

    Args:
        corpus: a sequence of token ids.
        batch_size, num_steps: at least 1.

    Returns:
        An iterator over X, Y, which are int32 arrays (batch_size, num_steps) on the CPU; Y is X
        shifted by one token.

    Raises:
        ValueError: a size is below 1, or the corpus is shorter than one minibatch.
        TypeError: the corpus holds other than whole numbers.

    Source: Dive into Deep Learning, ``d2l.seq_data_iter_consecutive``, 2019.
    """
    return _consecutive(_check_corpus(corpus, batch_size, num_steps), batch_size, num_steps)


def _consecutive(ids, batch_size, num_steps):
    ids = _from_random_offset(ids, batch_size, num_steps)
    row_length = (len(ids) - 1) // batch_size
    Xs = ids[: batch_size * row_length].reshape(batch_size, row_length)
    Ys = ids[1 : batch_size * row_length + 1].reshape(batch_size, row_length)
    for i in range(0, row_length - num_steps + 1, num_steps):
        yield _arrays(Xs[:, i : i + num_steps], Ys[:, i : i + num_steps])


def seq_data_iter_random(corpus, batch_size, num_steps):
    """Return minibatches of subsequences in random order, each from a place of its own.

    Arguments, result and errors are those of `seq_data_iter_consecutive`.

    Source: Dive into Deep Learning, ``d2l.seq_data_iter_random``, 2019.
    """
    return _random(_check_corpus(corpus, batch_size, num_steps), batch_size, num_steps)


def _random(ids, batch_size, num_steps):
    ids = _from_random_offset(ids, batch_size, num_steps)
    starts = [i * num_steps for i in range((len(ids) - 1) // num_steps)]
    random.shuffle(starts)
    for i in range(0, len(starts) - batch_size + 1, batch_size):
        batch = starts[i : i + batch_size]
        yield _arrays(
            numpy.stack([ids[j : j + num_steps] for j in batch]),
            numpy.stack([ids[j + 1 : j + 1 + num_steps] for j in batch]),
        )


def _arrays(X, Y):
    return np.array(X, dtype="int32"), np.array(Y, dtype="int32")


class SeqDataLoader:
    """Minibatches of a corpus, drawn anew each time it is iterated over.

    Args:
        corpus: a sequence of token ids.
        batch_size, num_steps: at least 1.
        use_random_iter: random instead of consecutive sampling.

    Raises:
        ValueError: a size is below 1, or the corpus is shorter than one minibatch.

    Source: Dive into Deep Learning, ``d2l.SeqDataLoader``, 2019.
    """

    def __init__(self, corpus, batch_size, num_steps, use_random_iter=False):
        self.corpus = _check_corpus(corpus, batch_size, num_steps)
        self.batch_size, self.num_steps = batch_size, num_steps
        self.use_random_iter = use_random_iter

    def __iter__(self):
        sample = _random if self.use_random_iter else _consecutive
        return sample(self.corpus, self.batch_size, self.num_steps)


def load_data_time_machine(batch_size, num_steps, use_random_iter=False, max_tokens=10_000):
    """Return minibatches of *The Time Machine* in characters, with its vocabulary.

    Args:
        batch_size, num_steps: at least 1.
        use_random_iter: random instead of consecutive sampling.
        max_tokens: use the first so many characters; -1 for all 171,489.

    Returns:
        (`SeqDataLoader`, `Vocab`).

    Raises:
        ValueError: as `SeqDataLoader` and `load_corpus_time_machine`.

    Source: Dive into Deep Learning, ``d2l.load_data_time_machine``, 2019.
    """
    corpus, vocab = load_corpus_time_machine(max_tokens)
    return SeqDataLoader(corpus, batch_size, num_steps, use_random_iter), vocab
