"""Helpers for old notebooks only: those of *Dive into Deep Learning* on recurrent networks.

From 2019 to 2021 these chapters (language models, the RNN, the GRU, the LSTM, deep networks) shared
a module of helpers.  `d2l_gru` and `d2l_gru.torch` provide the helpers below, so that old cells
run; new code uses `train` with a `PerplexityCurve`, and Matplotlib.  Needs no deep-learning
framework.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable
from typing import TypeVar

import numpy

from d2l_gru import corpus
from d2l_gru._checks import check_int
from d2l_gru._models import begin_state, detached
from d2l_gru._progress import is_live_notebook
from d2l_gru.history import EpochMeter
from d2l_gru.plotting import STYLE, LiveFigure, in_ipython, use_svg_display
from d2l_gru.text import read_time_machine

FMTS = ("-", "m--", "g-.", "r:")
DATA_URL = corpus.URL.removesuffix(corpus.FILE)
DATA_HUB = {"time_machine": (corpus.URL, "090b5e7e70c295757f55df93cb0a180b9691891a")}


def __getattr__(name):
    if name != "plt":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import matplotlib.pyplot

    return matplotlib.pyplot


F = TypeVar("F", bound=Callable)


def old_names(**names: str) -> Callable[[F], F]:
    """Let a function also take keyword arguments by their old names, such as ``ctx="device"``."""

    def decorate(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            for old in names.keys() & kwargs.keys():
                if names[old] in kwargs:
                    raise TypeError(f"{old} is the old name of {names[old]}: pass only one of them")
                kwargs[names[old]] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate


def download(name):
    """Return the path of the text of *The Time Machine*, a str.

    Args:
        name: "time_machine".

    Raises:
        ValueError: `name` is anything else.
    """
    if name != "time_machine":
        raise ValueError(f"name must be 'time_machine', the only text here, not {name!r}")
    read_time_machine()  # which warns if the sample replaces it
    return str(corpus.find().path)


class Timer:
    """A stopwatch that starts when it is created.

    Attributes:
        times: the seconds of each run, a list.
    """

    def __init__(self):
        self.times = []
        self.start()

    def start(self):
        """Start a run."""
        self._started = time.perf_counter()

    def stop(self):
        """End a run; return its seconds."""
        self.times.append(time.perf_counter() - self._started)
        return self.times[-1]

    def sum(self):
        """Return the seconds of all runs together."""
        return sum(self.times)

    def avg(self):
        """Return the mean of the runs' seconds.

        Raises:
            ValueError: no run has ended.
        """
        if not self.times:
            raise ValueError("a Timer has no average before its first stop()")
        return self.sum() / len(self.times)

    def cumsum(self):
        """Return the list of the seconds up to the end of each run."""
        return list(itertools.accumulate(self.times))


def _number(value):
    """Return a number, or an array of shape () of any framework, as a float."""
    return float(value.detach() if hasattr(value, "detach") else value)


class Accumulator:
    """A list of `n` sums, from 0.

    Attributes:
        data: the sums, a list of float.

    Raises:
        ValueError: `n` is below 1.
    """

    def __init__(self, n):
        self.data = [0.0] * check_int("n", n, 1)

    def add(self, *values):
        """Add a value to each sum.

        Raises:
            ValueError: there are not as many values as sums.
        """
        if len(values) != len(self.data):
            raise ValueError(f"add needs {len(self.data)} values, not {len(values)}")
        self.data = [sum + _number(value) for sum, value in zip(self.data, values, strict=True)]

    def reset(self):
        """Set all sums to 0."""
        self.data = [0.0] * len(self.data)

    def __getitem__(self, i):
        return self.data[i]


class Animator(LiveFigure):
    """Curves to which points are added; a notebook shows them at the end of the cell, once.

    A live notebook shows them from the first point on, and redraws them.  Outside notebooks nothing
    is shown.

    Args:
        xlabel, ylabel, xlim, ylim, xscale, yscale, legend: as for `set_axes`.
        fmts: Matplotlib's formats of the curves.
        nrows, ncols: number of axes; the curves are in the first.
        figsize: width and height in inches.

    Attributes:
        fig, axes: the ``matplotlib.figure.Figure`` and the list of its axes.
        X, Y: for each curve the list of its coordinates; None before the first point.
    """

    def __init__(
        self, xlabel=None, ylabel=None, legend=None, xlim=None, ylim=None, xscale="linear",
        yscale="linear", fmts=None, nrows=1, ncols=1, figsize=(3.5, 2.5),
    ):  # fmt: skip
        super().__init__(figsize, nrows, ncols)
        self.fig, self.axes = self.figure, list(numpy.ravel(self.axes))
        self.X = self.Y = None
        self.fmts = fmts or FMTS
        how = xlabel, ylabel, xlim, ylim, xscale, yscale, legend
        self.config_axes = lambda: set_axes(self.axes[0], *how)
        self._ends_with_cell = False

    def add(self, x, y):
        """Add a point to each curve.

        Args:
            x: a number, or one for each curve.
            y: a number for one curve, or a list with one for each; None adds nothing to a curve.

        Raises:
            ValueError: there are not as many numbers as curves.
        """
        ys = [y] if numpy.ndim(y) == 0 else list(y)
        xs = [x] * len(ys) if numpy.ndim(x) == 0 else list(x)
        if self.X is None:
            self._begin(len(ys))
        if not len(xs) == len(ys) == len(self.Y):
            raise ValueError(f"add needs {len(self.Y)} numbers, not x={x!r} and y={y!r}")
        for X, Y, line, a, b in zip(self.X, self.Y, self._lines, xs, ys, strict=True):
            if a is not None and b is not None:
                X.append(_number(a))
                Y.append(_number(b))
                line.set_data(X, Y)
        self.axes[0].relim()
        self.axes[0].autoscale_view()
        self._appear()

    def _begin(self, num_curves):
        self.X, self.Y = ([[] for _ in range(num_curves)] for _ in range(2))
        fmts = itertools.islice(itertools.cycle(self.fmts), num_curves)
        import matplotlib

        with matplotlib.rc_context(STYLE):
            self._lines = [self.axes[0].plot([], [], fmt)[0] for fmt in fmts]
            self.config_axes()

    def _appear(self):
        if not in_ipython():
            return
        if not self._ends_with_cell:
            from IPython import get_ipython

            use_svg_display()
            get_ipython().events.register("post_execute", self._end)
            self._ends_with_cell = True
            if is_live_notebook():
                self.show()
        self.redraw()

    def _end(self):
        from IPython import get_ipython

        get_ipython().events.unregister("post_execute", self._end)
        self.show()
        self._handle, self._ends_with_cell = None, False  # a later cell shows its own


def set_figsize(figsize=(3.5, 2.5)):
    """Set the width and height, in inches, of the figures that ``plt`` makes from now on."""
    import matplotlib

    use_svg_display()
    matplotlib.rcParams["figure.figsize"] = figsize


def set_axes(axes, xlabel, ylabel, xlim, ylim, xscale, yscale, legend):
    """Set labels, limits, scales and legend of Matplotlib's `axes`; None leaves one as it is."""
    axes.set(xlabel=xlabel or "", ylabel=ylabel or "", xscale=xscale, yscale=yscale)
    # Setting None would turn autoscaling off.
    axes.set(**{name: to for name, to in {"xlim": xlim, "ylim": ylim}.items() if to is not None})
    if legend:
        axes.legend(legend)


def plot(
    X, Y=None, xlabel=None, ylabel=None, legend=None, xlim=None, ylim=None, xscale="linear",
    yscale="linear", fmts=FMTS, figsize=(3.5, 2.5), axes=None,
):  # fmt: skip
    """Plot a curve or several in the current axes of ``plt``.

    Args:
        X: numbers, or a list of them for each curve; without `Y`, these are the heights.
        Y: likewise; one `X` serves all.
        xlabel, ylabel, xlim, ylim, xscale, yscale, legend: as for `set_axes`.
        fmts: Matplotlib's formats of the curves.
        figsize: width and height in inches of a new figure.
        axes: where to plot; None for the current ones.

    Raises:
        ValueError: the number of `X` is neither 1 nor that of `Y`.
    """
    import matplotlib.pyplot

    set_figsize(figsize)
    axes = matplotlib.pyplot.gca() if axes is None else axes
    Ys = _curves(X if Y is None else Y)
    Xs = [range(len(y)) for y in Ys] if Y is None else _curves(X)
    Xs = Xs * len(Ys) if len(Xs) == 1 else Xs
    if len(Xs) != len(Ys):
        raise ValueError(f"X must hold 1 curve or {len(Ys)}, as many as Y, not {len(Xs)}")
    axes.cla()
    for x, y, fmt in zip(Xs, Ys, itertools.cycle(fmts), strict=False):
        axes.plot(x if len(x) else range(len(y)), y, fmt)
    set_axes(axes, xlabel, ylabel, xlim, ylim, xscale, yscale, legend)


def _curves(values):
    """Return a list of lists of float, from one sequence of numbers or from several."""
    values = values.asnumpy() if hasattr(values, "asnumpy") else values
    several = len(values) and numpy.ndim(values[0])
    return [[_number(value) for value in curve] for curve in (values if several else [values])]


def train_epoch(update, model, train_iter, device, use_random_iter):
    """Train for one epoch; see `train_epoch_ch8`.

    Args:
        update: function (X, Y, state) to (mean loss, new state).
    """
    state, meter = None, EpochMeter(max)
    for X, Y in train_iter:
        if state is None or use_random_iter:
            state = begin_state(model, X.shape[0], device)
        loss, state = update(X, Y, detached(state))
        size = Y.shape[0] * Y.shape[1]
        meter.add(_number(loss) * size, 0.0, size)
    return meter.result()[:2]
