"""What training shows: the perplexity curve, the progress bar, and where each is seen."""

import io
import math
import re
import sys
from types import SimpleNamespace

import IPython
import matplotlib
import numpy
import pytest
from kernels import Kernel
from matplotlib.colors import to_rgb

import d2l_gru as d2l
from d2l_gru._progress import is_live_notebook, progress
from d2l_gru.history import record_epochs


def history(*values):
    return d2l.History(perplexity=list(values), tokens_per_second=[1.0] * len(values))


# What is shown


def test_perplexity_is_the_exponential_of_the_loss():
    assert d2l.perplexity(0) == 1
    assert math.isclose(d2l.perplexity(math.log(28)), 28)
    assert d2l.perplexity(1e6) == math.inf
    assert math.isnan(d2l.perplexity(math.nan))


def test_a_history_is_one_line():
    assert repr(d2l.History()) == "History(0 epochs)"
    assert repr(d2l.History([1.0])) == "History(1 epoch, perplexity 1)"
    long = d2l.History(list(numpy.linspace(28, 1.0625, 500)), [9e4] * 500, [1.0] * 500)
    assert repr(long) == "History(500 epochs, perplexity 1.062)"
    assert d2l.History().perplexity is not d2l.History().perplexity


def test_the_line_is_the_perplexity_of_each_epoch_and_nothing_is_shown_here(capsys):
    before = dict(matplotlib.rcParams)
    with d2l.PerplexityCurve(4) as curve:
        seen = history()
        for epoch, value in enumerate([20.0, 12.0, 9.5], 1):
            seen.perplexity.append(value)
            curve(epoch, seen)
    assert curve.axes.lines[0].get_xydata().tolist() == [[1, 20], [2, 12], [3, 9.5]]
    assert curve.figure.axes == [curve.axes] and curve.axes.get_xlim() == (1, 4)
    low, high = curve.axes.get_ylim()
    assert low < 9.5 and 20 < high < 25
    assert (curve.axes.get_xlabel(), curve.axes.get_ylabel()) == ("epoch", "perplexity")
    # In the book's style; other figures are not.
    assert curve.figure.get_size_inches().tolist() == [5.6, 3.0]
    shown = {side for side, spine in curve.axes.spines.items() if spine.get_visible()}
    assert shown == {"left", "bottom"} and dict(matplotlib.rcParams) == before
    assert capsys.readouterr() == ("", "")


def test_baselines_are_dashed_grey_lines_in_view_and_labelled_above_them_at_the_right():
    curve = d2l.PerplexityCurve(3, {"uniform": 28.0, "unigram": 17.18})
    curve(1, history(10.0))
    lines = [line for line in curve.axes.lines if line is not curve.line]
    assert [set(line.get_ydata()) for line in lines] == [{28.0}, {17.18}]
    labels = {text.get_text(): text.get_position() for text in curve.axes.texts}
    assert labels == {"uniform": (3, 28.0), "unigram": (3, 17.18)}
    low, high = curve.axes.get_ylim()
    assert low < 10 and high > 28
    for line, text in zip(lines, curve.axes.texts, strict=True):
        assert line.get_linestyle() == "--" and line.get_linewidth() < curve.line.get_linewidth()
        assert (text.get_ha(), text.get_va()) == ("right", "bottom")
        for red, green, blue in map(to_rgb, (line.get_color(), text.get_color())):
            assert 0.3 < red == green == blue < 0.5


def test_one_epoch_makes_a_curve_and_so_does_a_run_that_explodes():
    curve = d2l.PerplexityCurve(1)
    curve(1, history(10.0))
    assert curve.axes.get_xlim() == (1, 2)
    curve = d2l.PerplexityCurve(3)
    curve(3, history(10.0, math.inf, math.nan))
    curve.figure.canvas.draw()


# In notebooks


START = """if True:
    import os, types
    os.environ["D2L_GRU_DATA"] = "sample"
    import d2l_gru as d2l
    from d2l_gru import plotting
    clock = types.SimpleNamespace(now=50.0)
    plotting.time = types.SimpleNamespace(monotonic=lambda: clock.now)
"""
TRAINING = """if True:
    from d2l_gru._progress import progress
    seen = d2l.History()
    with d2l.PerplexityCurve(4) as curve:
        for epoch in progress(range(1, 5)):
            seen.perplexity.append(30 / epoch)
            curve(epoch, seen)
            clock.now += 0.5
"""
ANIMATED = """if True:
    animator = d2l.Animator("epoch", legend=["train", "test"], xlim=[1, 4])
    for epoch in range(4):
        animator.add(epoch + 1, [30 / (epoch + 1), epoch])
        clock.now += 0.5
"""


@pytest.fixture(scope="module")
def kernel():
    with Kernel() as kernel:
        kernel.run(START)
        yield kernel


def svgs(messages):
    """Return (kind, SVG, id of the display) of the figures among messages."""
    return [
        (kind, content["data"]["image/svg+xml"], content["transient"].get("display_id"))
        for kind, content in messages
        if "image/svg+xml" in content.get("data", {})
    ]


@pytest.mark.parametrize(
    "code",
    [
        TRAINING,
        ANIMATED,
        "d2l.plot([1, 2, 4], yscale='log', legend=['a'])",
        "d2l.use_svg_display(); import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()",
    ],
)
def test_a_notebook_that_a_program_runs_gets_the_whole_figure_once_and_each_time_the_same(
    kernel, code
):
    runs = [kernel.run(code) for _ in range(2)]
    assert [[kind for kind, _ in run] for run in runs] == [["display_data"]] * 2
    ((_, svg, _),), ((_, again, _),) = map(svgs, runs)
    assert "<svg" in svg and svg == again and "<dc:date>" not in svg
    assert f'width="{5.6 * 72}pt"' not in svg  # its margins are cut off


def test_an_animator_shows_its_curves_in_each_cell_that_adds_to_them_only(kernel):
    ((_, svg, _),) = svgs(kernel.run(ANIMATED))
    assert kernel.run("1") and not svgs(kernel.run("1"))
    ((kind, later, _),) = svgs(kernel.run("animator.add(5, [1, 1])"))
    assert kind == "display_data" and later != svg


@pytest.mark.parametrize("code", [TRAINING, ANIMATED])
def test_a_live_notebook_sees_the_curve_grow_and_a_bar_come_and_go(kernel, code):
    messages = kernel.run(code, live=True)
    shown = svgs(messages)
    assert [kind for kind, *_ in shown] == ["display_data"] + 2 * ["update_display_data"]
    assert len({display_id for *_, display_id in shown}) == 1  # one figure, redrawn
    assert len({svg for _, svg, _ in shown}) == 3  # at first, after more than 0.5 s, at the end
    assert any("0/4" in str(content) for _, content in messages) == (code is TRAINING)


def test_below_training_stands_no_history(kernel):
    messages = kernel.run("""if True:
        from mxnet.gluon import rnn
        train_iter, vocab = d2l.load_data_time_machine(8, 10, max_tokens=1000)
        model = d2l.RNNModel(rnn.GRU(4), len(vocab))
        d2l.train_ch8(model, train_iter, vocab, 1, 2, d2l.try_gpu())
    """)
    assert [kind for kind, _ in messages if kind != "stream"] == ["display_data"]
    ((kind, content),) = kernel.run("d2l.train(model, train_iter, 1, 2, d2l.try_gpu())")
    assert kind == "execute_result" and "History(2 epochs, " in content["data"]["text/plain"]


def test_a_terminal_and_another_kernel_are_no_live_notebook(monkeypatch):
    for shell in (SimpleNamespace(), SimpleNamespace(kernel=SimpleNamespace())):
        monkeypatch.setattr(IPython, "get_ipython", lambda shell=shell: shell)
        assert is_live_notebook() is False
    live = SimpleNamespace(kernel=SimpleNamespace(_allow_stdin=True))
    monkeypatch.setattr(IPython, "get_ipython", lambda: live)
    monkeypatch.delitem(sys.modules, "IPython")
    assert is_live_notebook() is False and "IPython" not in sys.modules


# The bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_counts_what_it_wraps_and_is_gone_at_the_end(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    record_epochs(lambda: (2.0, 100.0, 1.0), 3, None)
    first, *_ = sys.stderr.getvalue().lstrip("\r").split("\r")
    assert re.fullmatch(r"  0%\|.*\| 0/3 \[00:00<\?, \?epoch/s\]", first)
    assert list(progress(range(4), unit="epoch", mininterval=0)) == [0, 1, 2, 3]
    written = sys.stderr.getvalue()
    assert "3/4" in written and re.search(r"\r *\r\Z", written)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    things = iter("ab")
    assert progress(things, unit="epoch") is things
