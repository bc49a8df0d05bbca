"""Training with a curve, and two completions at the end.  Needs no deep-learning framework."""

from d2l_gru.completion import check_prefix
from d2l_gru.plotting import PerplexityCurve

PREFIXES = ("time traveller", "traveller")


def train_and_show(train, predict, model, train_iter, vocab, lr, num_epochs, device):
    """Train, draw the perplexity, print it with the speed and the completions; see `train_ch8`."""
    for prefix in PREFIXES:
        check_prefix(prefix, vocab)  # now, not after an hour of training
    with PerplexityCurve(num_epochs) as curve:
        history = train(model, train_iter, lr, num_epochs, device, on_epoch=curve)
    ppl, speed = history.perplexity[-1], history.tokens_per_second[-1]
    print(f"Perplexity {ppl:.1f}, {speed:.0f} tokens/sec on {device}")
    for prefix in PREFIXES:
        print(predict(prefix, 50, model, vocab, device))
    return history
