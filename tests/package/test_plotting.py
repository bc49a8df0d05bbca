"""The perplexity curve: what it plots, where it shows, and that it comes out the same each time."""

import math
import subprocess
import sys
from types import SimpleNamespace

import IPython
import matplotlib
import pytest
from kernels import Kernel
from matplotlib.colors import to_rgb

import d2l_gru as d2l
from d2l_gru import plotting
from d2l_gru.plotting import train_and_show


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


def test_rulers_are_dashed_and_grey_and_their_labels_end_above_them_at_the_right():
    curve = d2l.PerplexityCurve(3, {"uniform": 28.0})
    (line,) = (line for line in curve.axes.lines if line is not curve.line)
    (text,) = curve.axes.texts
    assert line.get_linestyle() == "--" and line.get_linewidth() < curve.line.get_linewidth()
    assert text.get_position() == (3, 28.0)
    assert (text.get_ha(), text.get_va()) == ("right", "bottom")
    for red, green, blue in map(to_rgb, (line.get_color(), text.get_color())):
        assert 0.3 < red == green == blue < 0.5


def test_a_curve_is_drawn_in_the_book_s_style_and_others_are_not():
    before = dict(matplotlib.rcParams)
    curve = d2l.PerplexityCurve(2)
    assert curve.figure.get_size_inches().tolist() == [5.6, 3.0]
    shown = {side for side, spine in curve.axes.spines.items() if spine.get_visible()}
    assert shown == {"left", "bottom"}
    assert dict(matplotlib.rcParams) == before


def test_one_epoch_makes_a_curve_too():
    curve = d2l.PerplexityCurve(1)
    curve(1, history(10.0))
    assert curve.axes.get_xlim() == (1, 2)


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


def train(model, train_iter, lr, num_epochs, device, on_epoch):
    """Note what is asked for, and tell of three epochs."""
    model.append((train_iter, lr, num_epochs, device))
    done = d2l.History()
    for perplexity, speed in [(27.25, 1.0), (22.5, 2.0), (19.04, 2000.6)]:
        done.perplexity.append(perplexity)
        done.tokens_per_second.append(speed)
        on_epoch(len(done.perplexity), done)
    model.append(on_epoch.line.get_xydata().tolist())
    return done


def predict(prefix, num_preds, model, vocab, device):
    return f"{prefix} and {num_preds} more from {vocab[prefix[0]]} on {device}"


def test_training_is_shown_by_its_curve_its_end_and_two_completions(capsys):
    vocab, model = d2l.Vocab(list("time traveller")), []
    history = train_and_show(train, predict, model, [], vocab, 1, 5, "gpu(1)")
    assert history.perplexity == [27.25, 22.5, 19.04]
    assert model == [([], 1, 5, "gpu(1)"), [[1, 27.25], [2, 22.5], [3, 19.04]]]
    assert capsys.readouterr().out.splitlines() == [
        "Perplexity 19.0, 2001 tokens/sec on gpu(1)",
        f"time traveller and 50 more from {vocab['t']} on gpu(1)",
        f"traveller and 50 more from {vocab['t']} on gpu(1)",
    ]


@pytest.fixture
def notebook(monkeypatch):
    """Let this be a notebook, live or not; return what it shows, and a clock to set."""

    def start(live):
        kernel, clock, shown = SimpleNamespace(_allow_stdin=live), SimpleNamespace(now=50.0), []

        def display(figure, display_id):
            assert display_id is True
            shown.append(figure)
            return SimpleNamespace(update=shown.append)

        monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=kernel))
        monkeypatch.setattr("IPython.display.display", display)
        monkeypatch.setattr(plotting, "use_svg_display", lambda: None)
        monkeypatch.setattr(plotting, "time", SimpleNamespace(monotonic=lambda: clock.now))
        return shown, clock

    return start


def test_a_live_curve_is_redrawn_at_most_twice_a_second_and_at_the_end(notebook):
    shown, clock = notebook(live=True)
    with d2l.PerplexityCurve(4) as curve:
        drawn = [len(shown)]
        for epoch, pause in enumerate([0.25, 0.5, 0.25, 0.125], 1):
            clock.now += pause
            curve(epoch, history(*[9.0] * epoch))
            drawn.append(len(shown))
    assert drawn == [1, 1, 2, 2, 2] and shown == [curve.figure] * 3


def test_a_curve_in_a_notebook_that_a_program_runs_is_drawn_once(notebook):
    shown, _ = notebook(live=False)
    with d2l.PerplexityCurve(1) as curve:
        curve(1, history(9.0))
        assert shown == []
    assert shown == [curve.figure]


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
    assert f'width="{5.6 * 72}pt"' not in svg  # its margins are cut off
    assert svg == second[0][1]["data"]["image/svg+xml"]


@pytest.mark.processes
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


ANIMATED = """if True:
    import time, d2l_gru as d2l
    animator = d2l.Animator("epoch", legend=["train", "test"], xlim=[1, 3])
    for epoch in range(3):
        animator.add(epoch + 1, [30 / (epoch + 1), epoch])
        print(epoch)
        time.sleep({pause})
"""


def svgs(messages):
    return [
        (kind, content["data"]["image/svg+xml"], content["transient"].get("display_id"))
        for kind, content in messages
        if "image/svg+xml" in content.get("data", {})
    ]


def test_an_animator_shows_its_curves_once_at_the_end_of_each_cell_that_adds_to_them(kernel):
    first, second = (kernel.run(ANIMATED.format(pause=0)) for _ in range(2))
    assert [kind for kind, _ in first if kind != "stream"] == ["display_data"]
    ((_, svg, _),) = svgs(first)
    assert svg == svgs(second)[0][1] and "<dc:date>" not in svg
    assert kernel.run("1") and not svgs(kernel.run("1"))
    ((kind, later, _),) = svgs(kernel.run("animator.add(4, [1, 1])"))
    assert kind == "display_data" and later != svg


@pytest.mark.processes
def test_a_live_notebook_sees_the_curves_of_an_animator_grow(kernel):
    shown = svgs(kernel.run(ANIMATED.format(pause=0.6), live=True))
    assert [kind for kind, *_ in shown] == ["display_data", *["update_display_data"] * 3]
    assert len({display_id for *_, display_id in shown}) == 1
    assert len({svg for _, svg, _ in shown}) == 3


def test_plot_makes_one_figure_the_same_each_time(kernel):
    source = "import d2l_gru as d2l; d2l.plot([1, 2, 4], yscale='log', legend=['a'])"
    ((_, svg, _),), ((_, again, _),) = (svgs(kernel.run(source)) for _ in range(2))
    assert svg == again and "<dc:date>" not in svg


def test_below_training_stands_no_history(kernel):
    messages = kernel.run("""if True:
        import os; os.environ["D2L_GRU_DATA"] = "sample"
        import d2l_gru as d2l
        from mxnet.gluon import rnn
        train_iter, vocab = d2l.load_data_time_machine(8, 10, max_tokens=1000)
        model = d2l.RNNModel(rnn.GRU(4), len(vocab))
        d2l.train_ch8(model, train_iter, vocab, 1, 2, d2l.try_gpu())
    """)
    assert [kind for kind, _ in messages if kind != "stream"] == ["display_data"]
    ((kind, content),) = kernel.run("d2l.train(model, train_iter, 1, 2, d2l.try_gpu())")
    assert kind == "execute_result" and "History(2 epochs, " in content["data"]["text/plain"]
