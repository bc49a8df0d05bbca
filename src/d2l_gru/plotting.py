"""The perplexity curve, reproducible figures, and the output of `train_ch8`."""

from __future__ import annotations

import sys
import time

from d2l_gru._checks import check_int, check_positive
from d2l_gru._progress import is_live_notebook
from d2l_gru.generate import check_vocab, is_reserved, lacks
from d2l_gru.history import History

PREFIXES = ("time traveller", "traveller")
# The same data must give the same file: no random ids, no date, no vertices dropped.
STYLE = {
    "svg.hashsalt": "d2l_gru",
    "path.simplify": False,
    "figure.figsize": (5.6, 3.0),
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "font.size": 10,
    "legend.frameon": False,
}


def use_svg_display() -> None:
    """Show figures in notebooks as SVG, drawn in the book's style.

    Source: Dive into Deep Learning, ``d2l.use_svg_display``, 2019.
    """
    import matplotlib

    matplotlib.rcParams.update(STYLE)
    if in_ipython():  # elsewhere, setting the format would start a shell
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", metadata={"Date": None}, bbox_inches="tight")


def in_ipython():
    """Whether this runs in IPython: a notebook, or its shell."""
    return "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None


class LiveFigure:
    """A figure that is redrawn in place in a live notebook."""

    def __init__(self, figsize=STYLE["figure.figsize"], nrows=1, ncols=1):
        import matplotlib.figure

        with matplotlib.rc_context(STYLE):
            self.figure = matplotlib.figure.Figure(figsize=figsize)
            self.axes = self.figure.subplots(nrows, ncols)
        self._handle, self._drawn_at = None, 0.0

    def show(self):
        """Show the figure in this notebook, or redraw it where it was shown before."""
        from IPython.display import display

        if self._handle is None:
            self._handle = display(self.figure, display_id=True)
        else:
            self._handle.update(self.figure)
        self._drawn_at = time.monotonic()

    def redraw(self):
        """Redraw what a live notebook shows, at most twice a second."""
        if self._handle is not None and time.monotonic() - self._drawn_at > 0.5:
            self.show()


class PerplexityCurve(LiveFigure):
    """The perplexity over the epochs, redrawn during training in a live notebook.

    Use it as a context manager, and pass it to `train` as `on_epoch`.  At the end it shows the
    whole curve, once, in any notebook; elsewhere it shows nothing, but `figure` still holds the
    drawing.

    Args:
        num_epochs: the right end of the axis.
        rulers: baselines, a dict from a label to a perplexity, drawn as dashed lines.

    Attributes:
        figure: a ``matplotlib.figure.Figure``.
    """

    def __init__(self, num_epochs: int, rulers: dict[str, float] | None = None) -> None:
        check_int("num_epochs", num_epochs, 1)
        super().__init__()
        self.axes.set(xlabel="epoch", ylabel="perplexity", xlim=(1, max(num_epochs, 2)))
        for label, value in (rulers or {}).items():
            check_positive(f"rulers[{label!r}]", value)
            self.axes.axhline(value, color="0.45", linestyle="--", linewidth=1)
            self.axes.text(num_epochs, value, label, ha="right", va="bottom", color="0.35")
        (self.line,) = self.axes.plot([], [])

    def __enter__(self) -> PerplexityCurve:
        if in_ipython():
            use_svg_display()
        if is_live_notebook():
            self.show()
        return self

    def __call__(self, epoch: int, history: History) -> None:
        """Add the newest epoch; redraw a live curve at most twice a second."""
        self.line.set_data(range(1, epoch + 1), history.perplexity)
        self.axes.relim()
        self.axes.autoscale_view(scalex=False)
        self.redraw()

    def __exit__(self, *error: object) -> None:
        if in_ipython():
            self.show()


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
    """Minibatches that do not continue each other."""

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
    """Show nothing for the `History` below a cell: its content is already shown above."""
