"""The perplexity curve: what it plots, where it shows, and that it comes out the same each time."""

import math
import subprocess
import sys

import pytest
from kernels import Kernel

import d2l_gru as d2l


def history(*values):
    return d2l.History(perplexity=list(values), tokens_per_second=[1.0] * len(values))


def test_the_line_is_the_perplexity_of_each_epoch():
    curve = d2l.PerplexityCurve(4)
    seen = history()
    for epoch, value in enumerate([20.0, 12.0, 9.5], 1):
        seen.perplexity.append(value)
        curve(epoch, seen)
    assert curve.axes.lines[0].get_xydata().tolist() == [[1, 20], [2, 12], [3, 9.5]]
    assert curve.figure.axes == [curve.axes]
    assert curve.axes.get_xlim() == (1, 4)
    low, high = curve.axes.get_ylim()
    assert low < 9.5 and 20 < high < 25
    assert (curve.axes.get_xlabel(), curve.axes.get_ylabel()) == ("epoch", "perplexity")


def test_rulers_are_labelled_lines_in_view():
    rulers = {"uniform": 28.0, "unigram": 17.18}
    curve = d2l.PerplexityCurve(3, rulers)
    curve(1, history(10.0))
    drawn = [line.get_ydata() for line in curve.axes.lines if line is not curve.line]
    assert [set(ys) for ys in drawn] == [{28.0}, {17.18}]
    assert {text.get_text(): text.get_position()[1] for text in curve.axes.texts} == rulers
    low, high = curve.axes.get_ylim()
    assert low < 10 and high > 28


def test_one_epoch_makes_a_curve_too():
    curve = d2l.PerplexityCurve(1)
    curve(1, history(10.0))
    left, right = curve.axes.get_xlim()
    assert left <= 1 < right


def test_a_run_that_explodes_is_still_drawn():
    curve = d2l.PerplexityCurve(3)
    curve(3, history(10.0, math.inf, math.nan))
    curve.figure.canvas.draw()


def test_nothing_is_shown_outside_notebooks(capsys):
    with d2l.PerplexityCurve(2) as curve:
        curve(1, history(20.0))
        curve(2, history(20.0, 10.0))
    assert capsys.readouterr() == ("", "")
    assert len(curve.line.get_xdata()) == 2


def test_a_script_that_asks_for_svg_shows_nothing_either():
    code = """if True:
        import d2l_gru as d2l
        d2l.use_svg_display()
        with d2l.PerplexityCurve(1) as curve:
            curve(1, d2l.History([2.0], [1.0]))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


TRAINING = """if True:
    import time, d2l_gru as d2l
    from d2l_gru._progress import progress
    seen = d2l.History()
    with d2l.PerplexityCurve(3) as curve:
        for epoch in progress(range(1, 4)):
            seen.perplexity.append(30 / epoch)
            curve(epoch, seen)
            time.sleep({pause})
"""


@pytest.fixture(scope="module")
def kernel():
    with Kernel() as kernel:
        yield kernel


def test_a_notebook_that_a_program_runs_gets_the_whole_curve_once(kernel):
    first, second = (kernel.run(TRAINING.format(pause=0)) for _ in range(2))
    assert [kind for kind, _ in first] == ["display_data"]
    svg = first[0][1]["data"]["image/svg+xml"]
    assert "<svg" in svg and "<dc:date>" not in svg
    assert svg == second[0][1]["data"]["image/svg+xml"]


def test_a_live_notebook_sees_the_curve_grow_and_a_bar_come_and_go(kernel):
    messages = kernel.run(TRAINING.format(pause=0.6), live=True)
    svgs = [
        content["data"]["image/svg+xml"]
        for kind, content in messages
        if kind in ("display_data", "update_display_data") and "image/svg+xml" in content["data"]
    ]
    assert len(set(svgs)) >= 3  # empty, growing, whole
    figures = {
        content["transient"]["display_id"]
        for kind, content in messages
        if "image/svg+xml" in content.get("data", {})
    }
    assert len(figures) == 1  # one figure, redrawn
    assert any("0/3" in str(content) for _, content in messages)  # the bar


def test_use_svg_display_makes_every_figure_an_svg(kernel):
    plot = "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()"
    source = f"import d2l_gru as d2l; d2l.use_svg_display(); {plot}"
    ((kind, content),) = kernel.run(source)
    assert kind == "display_data" and set(content["data"]) == {"image/svg+xml", "text/plain"}
