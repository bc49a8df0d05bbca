"""The task of every contender: the setting of the book, on the same text."""

import d2l_gru
from d2l_gru import batches

BATCH_SIZE, NUM_STEPS, NUM_HIDDENS, LR, CLIP = 32, 35, 256, 1.0, 1.0
MAX_TOKENS = 10_000
# A turn of training is this many epochs, and 8 minibatches fit in each.
EPOCHS = 3
TOKENS = EPOCHS * 8 * BATCH_SIZE * NUM_STEPS
# A turn of writing.
PREFIX, NUM_PREDS = "time traveller ", 200


class Loader(batches.Loader):
    """Minibatches (X, Y) of NumPy arrays (BATCH_SIZE, NUM_STEPS)."""

    arrays = staticmethod(iter)


def load():
    """Return a `Loader` and the vocabulary."""
    corpus, vocab = d2l_gru.load_corpus_time_machine(MAX_TOKENS)
    return Loader(corpus, BATCH_SIZE, NUM_STEPS), vocab
