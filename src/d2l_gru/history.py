"""What a training run measures.  Needs no deep-learning framework."""

import dataclasses
import math

from d2l_gru._checks import check_int, check_number
from d2l_gru._progress import progress


def perplexity(loss):
    """Return ``exp(loss)``, the perplexity of a mean cross-entropy `loss` in nats per token."""
    try:
        return math.exp(check_number("loss", loss))
    except OverflowError:
        return math.inf


@dataclasses.dataclass(repr=False)
class History:
    """What a training run measured, one entry for each epoch: NaN or infinite if it diverged.

    Attributes:
        perplexity: training perplexity, the mean loss of the epoch in the exponent.
        tokens_per_second: trained tokens over wall-clock seconds.
        gradient_norm: the largest norm of the gradients, before clipping.
    """

    perplexity: list = dataclasses.field(default_factory=list)
    tokens_per_second: list = dataclasses.field(default_factory=list)
    gradient_norm: list = dataclasses.field(default_factory=list)

    def __repr__(self):
        """Return one line, however long the run was."""
        count = len(self.perplexity)
        last = f", perplexity {self.perplexity[-1]:.4g}" if count else ""
        return f"History({count} epoch{'s' * (count != 1)}{last})"


def check_run(num_epochs, on_epoch):
    """Return `num_epochs`; raise unless both are as `train` wants them."""
    num_epochs = check_int("num_epochs", num_epochs, 1)
    if on_epoch is not None and not callable(on_epoch):
        raise TypeError(f"on_epoch must be a function (epoch, history), not {on_epoch!r}")
    return num_epochs


def record_epochs(train_epoch, num_epochs, on_epoch):
    """Call ``train_epoch()`` for each epoch, and return the `History` of what it returns."""
    history = History()
    for epoch in progress(range(1, num_epochs + 1), unit="epoch"):
        ppl, speed, norm = train_epoch()
        history.perplexity.append(ppl)
        history.tokens_per_second.append(speed)
        history.gradient_norm.append(norm)
        if on_epoch is not None:
            on_epoch(epoch, history)
    return history
