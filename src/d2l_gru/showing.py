"""Training with a curve, and completions at the end.  Needs no deep-learning framework."""

from d2l_gru._checks import check_int, check_positive
from d2l_gru.completion import check_vocab, is_reserved, lacks
from d2l_gru.plotting import PerplexityCurve

PREFIXES = ("time traveller", "traveller")


def train_and_show(
    train, predict, model, train_iter, vocab, lr, num_epochs, device, use_random_iter=False
):
    """Train, draw the perplexity, print it with the speed and the completions; see `train_ch8`."""
    check_positive("lr", lr)
    check_int("num_epochs", num_epochs, 1)
    check_vocab(model, vocab)  # now, not after an hour of training
    if use_random_iter:
        train_iter = _Unconnected(train_iter)
    with PerplexityCurve(num_epochs) as curve:
        history = train(model, train_iter, lr, num_epochs, device, on_epoch=curve)
    ppl, speed = history.perplexity[-1], history.tokens_per_second[-1]
    print(f"Perplexity {ppl:.1f}, {speed:.0f} tokens/sec on {device}")
    for prefix in _prefixes(vocab):
        print(predict(prefix, 50, model, vocab, device))
    history._ipython_display_ = _show_nothing
    return history


class _Unconnected:
    """Minibatches that are no continuation of each other."""

    use_random_iter = True

    def __init__(self, pairs):
        self.pairs = pairs

    def __iter__(self):
        return iter(self.pairs)


def _prefixes(vocab):
    """Return the prefixes that `vocab` can spell, or its most frequent token, in a list."""
    tokens = (token for token in vocab.idx_to_token if not is_reserved(token) and token.strip())
    return [prefix for prefix in PREFIXES if not lacks(vocab, prefix)] or [*tokens][:1]


def _show_nothing():
    """Take the place of the `History` below a cell: all that there is to see is above."""
