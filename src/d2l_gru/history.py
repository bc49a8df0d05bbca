"""What a training run measures.  Needs no deep-learning framework."""

from __future__ import annotations

import dataclasses
import math
import time

from d2l_gru._checks import check_int, check_number
from d2l_gru._progress import progress


def perplexity(loss: float) -> float:
    """Return ``exp(loss)``, the perplexity of a mean cross-entropy `loss` in nats per token."""
    try:
        return math.exp(check_number("loss", loss))
    except OverflowError:
        return math.inf


@dataclasses.dataclass(repr=False)
class History:
    """What a training run measured, one entry for each epoch: NaN or infinite if it diverged.

    Attributes:
        perplexity: training perplexity, ``exp`` of the epoch's mean loss.
        tokens_per_second: trained tokens over wall-clock seconds.
        gradient_norm: the largest norm of the gradients, before clipping.
    """

    perplexity: list[float] = dataclasses.field(default_factory=list)
    tokens_per_second: list[float] = dataclasses.field(default_factory=list)
    gradient_norm: list[float] = dataclasses.field(default_factory=list)

    def append(self, perplexity, tokens_per_second, gradient_norm):
        """Add what an epoch measured."""
        self.perplexity.append(perplexity)
        self.tokens_per_second.append(tokens_per_second)
        self.gradient_norm.append(gradient_norm)

    def __repr__(self):
        """Return one line, however long the run was."""
        count = len(self.perplexity)
        last = f", perplexity {self.perplexity[-1]:.4g}" if count else ""
        return f"History({count} epoch{'s' * (count != 1)}{last})"


class EpochMeter:
    """The running totals of one epoch, for any training loop: loss, tokens, gradients and time.

    The clock starts when the meter is created, and nothing waits for a device before `result`.

    Args:
        maximum: the framework's function of two arrays that returns the larger.
        zero: its array of shape () to start from, on the device; MXNet takes a plain number.

    Attributes:
        total: summed loss of the tokens, in nats, of shape ().
        largest: the largest norm of the gradients, of shape ().
        num_tokens: how many tokens were trained.
        seconds: wall-clock time until the latest `add` or `result`.
    """

    def __init__(self, maximum, zero=0.0):
        self.maximum = maximum
        self.total = self.largest = zero
        self.num_tokens, self.seconds = 0, 0.0
        self.resume()

    def resume(self):
        """Resume the clock now, adding to `seconds`."""
        self._start = time.perf_counter() - self.seconds

    def _read_clock(self):
        self.seconds = time.perf_counter() - self._start

    def add(self, loss, norm, num_tokens):
        """Count an update: the summed loss of its tokens, and the norm of its gradients."""
        self.total = self.total + loss
        self.largest = self.maximum(self.largest, norm)
        self.num_tokens += num_tokens
        self._read_clock()

    def result(self, wait=None, total=None):
        """Return (perplexity, tokens per second, largest norm of the gradients) of the epoch.

        Args:
            wait: function that waits until the device has finished the last updates.
            total: the summed loss of all tokens, if other workers hold part of it.

        Raises:
            ValueError: there was no update.
        """
        if not self.num_tokens:
            raise ValueError(
                "train_iter yielded no minibatch (an iterator can be used only once: pass a "
                "SeqDataLoader)"
            )
        mean_loss = float(self.total if total is None else total) / self.num_tokens
        if wait is not None:
            wait()
        self._read_clock()
        return perplexity(mean_loss), self.num_tokens / self.seconds, float(self.largest)


def check_run(num_epochs, on_epoch):
    """Return `num_epochs`; raise unless both are valid for `train`."""
    num_epochs = check_int("num_epochs", num_epochs, 1)
    if on_epoch is not None and not callable(on_epoch):
        raise TypeError(f"on_epoch must be a function (epoch, history), not {on_epoch!r}")
    return num_epochs


def record_epochs(train_epoch, num_epochs, on_epoch):
    """Call ``train_epoch()`` for each epoch, and return the `History` of what it returns."""
    history = History()
    for epoch in progress(range(1, num_epochs + 1), unit="epoch"):
        history.append(*train_epoch())
        if on_epoch is not None:
            on_epoch(epoch, history)
    return history
