"""What counts as the same text, the same figure and the same outputs."""

import io
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_output
from nbval.plugin import get_sanitize_patterns
from nbval_outputs import compare_outputs, outputs_of
from nbval_svg import compare_svg
from nbval_text import Tolerance, compare_text

EXACT, LOOSE = Tolerance(), Tolerance(rtol=0.2, atol=0.5)


@pytest.mark.parametrize(
    "stored, new",
    [
        ("loss 1.234567", "loss 1.234571"),  # 3e-6
        ("1e-05", "1.000001e-05"),
        ("[0.25 0.5 ]", "[0.25      0.4999999]"),  # numpy pads, and writes what it needs
        ("[ 0.5  1.  ]", "[0.5000001 0.9999999]"),
        ("-0.0", "0.0"),
        ("(x-0.5)", "(x-0.500001)"),
        ("<td>10.50</td>", "<td>10.5</td>"),
        ("a  b\t1 \n2\n\n", "a b 1\n2"),
        ("nan inf -inf", "nan inf -inf"),
        ("v1.9.1, gpu(0), 2/3, W_1", "v1.9.1, gpu(0), 2/3, W_1"),
    ],
)
def test_same_text(stored, new):
    assert compare_text(stored, new, EXACT) == []
    assert compare_text(new, stored, EXACT) == []


@pytest.mark.parametrize(
    "stored, new",
    [
        ("perplexity 10.7", "perplexity 10.8"),
        ("loss 1.23456", "loss 1.23466"),
        ("1e-05", "2e-05"),
        ("0.0", "1e-09"),  # no absolute tolerance unless asked for
        ("0.5", "-0.5"),
        ("0.5 nan", "0.5 0.5"),
        ("1.0 inf", "1.0 nan"),
        ("0.5 0.5", "0.5 0.5 0.5"),
        ("time traveller", "time travellex"),
        ("time traveller", "timetraveller"),
        ("28 tokens", "28tokens"),
        ("a\nb", "a b"),
        ("a\nb", "a\nb\nc"),
        ("1.0", "1"),
        ("[3.]", "[3]"),
    ],
)
def test_other_text(stored, new):
    assert compare_text(stored, new, EXACT)
    assert compare_text(new, stored, EXACT)


@pytest.mark.parametrize(
    "stored, new",
    [
        ("100000 tokens", "100001 tokens"),
        ("171,489", "171,490"),
        ("1,171,489", "1,171,488"),
        ("13,809.5", "13,809.6"),
        ("It has 226076.", "It has 226077."),
        ("[100000. 2.]", "[100001. 2.]"),
        ("-7", "7"),
        ("5-3", "5-2"),
        ("007", "7"),
        ("version 1.9.1", "version 1.9.2"),
        ("version 1.10.1", "version 1.11.1"),
        ("#1f77b4", "#1f77b5"),
        ("12345678e5a", "12345679e5a"),
        ("12345678e5", "12345679e5"),
        ("cell_10", "cell_11"),
        ("[100,200.5]", "[101,200.5]"),
        ("x2.5", "x2.6"),
        ("f(2)-0.1", "f(2) 0.1"),
        ("#9e5", "#8e5"),
        ("9e5ab0", "8e5ab0"),
        ("10.5 apples", "10.5 pears"),
    ],
)
def test_no_tolerance_lets_integers_or_words_change(stored, new):
    assert compare_text(stored, new, LOOSE)
    assert compare_text(new, stored, LOOSE)


@pytest.mark.parametrize(
    "stored, new, same",
    [
        ("10.0", "12.4", True),  # 0.5 + 0.2 * 10
        ("10.0", "12.6", False),
        ("10.0", "7.4", False),
        ("12.6", "10.0", True),  # 0.5 + 0.2 * 12.6
        ("0.0", "0.4", True),
    ],
)
def test_tolerance_is_absolute_plus_relative_to_the_stored_number(stored, new, same):
    assert (compare_text(stored, new, LOOSE) == []) == same


def test_every_digit_counts():
    text = "perplexity 10.68, 9,960 tokens; [[1.05 2.50]] -3 <td>0.123</td> 4.5e-03 2019."
    for at in (i for i, letter in enumerate(text) if letter.isdigit()):
        other = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
        assert compare_text(text, other, EXACT), other


@pytest.mark.parametrize(
    "given, complaint",
    [
        ({"rtoll": 0.1}, "'rtoll'; allowed: rtol, atol, svg_atol"),
        ({"rtol": "0.1"}, "rtol: '0.1'"),
        ({"rtol": 1}, "rtol: 1; it must be at least 0 and below 1"),
        ({"atol": -1}, "atol: -1"),
        ({"atol": True}, "atol: True"),
        ({"svg_atol": float("nan")}, "svg_atol: nan"),
        ({"svg_atol": float("inf")}, "svg_atol: inf"),
        (0.1, "0.1"),
    ],
)
def test_bad_tolerance(given, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        Tolerance.from_metadata(given)


def test_metadata_sets_the_tolerance():
    assert Tolerance.from_metadata({}) == Tolerance(1e-5, 0.0, 0.01)
    assert Tolerance.from_metadata({"rtol": 0.05, "svg_atol": 3}) == Tolerance(0.05, 0.0, 3)


@pytest.fixture(scope="module")
def sanitise():
    rules = get_sanitize_patterns(Path(__file__).with_name("sanitize.cfg").read_text())

    def replace(text):
        for regex, replacement in rules:
            text = re.sub(regex, replacement, text)
        return text

    return replace


@pytest.mark.parametrize(
    "stored, new",
    [
        ("perplexity 1.1, 13809 tokens/sec", "perplexity 1.1, 99 tokens/sec"),
        ("13,809 tokens/s", "8,432.5 tokens/s"),
        ("13.8 thousand tokens per second", "9 thousand tokens per second"),
        ("130 GFLOP/s", "84.5 GFLOP/s"),
        ("5.3 times as fast", "6 times as fast"),
        ("2.1× faster", "3× faster"),
        ("took 0.91 s.", "took 12 s."),
        ("(3 ms, 2.5 seconds)", "(14.5 ms, 2 seconds)"),
        ("run on 2019-07-14", "run on 2026-11-23"),
        ("2026-11-23 21:13", "2027-01-02 00:00"),
        ("<f at 0x7f3a5c0b1e40>", "<f at 0x55d0>"),
    ],
)
def test_clocks_and_addresses_are_not_compared(stored, new, sanitise):
    outputs = [[new_output("stream", text=text)] for text in (stored, new)]
    assert compare_outputs(*outputs, EXACT, sanitise) == []
    assert compare_outputs(*outputs, EXACT) != []


@pytest.mark.parametrize(
    "text",
    [
        "perplexity 10.7",
        "perplexity 1.1, 500 epochs",
        "171,489 characters, 28 tokens",
        "5 seeds",
        "35 steps",
        "the 1980s",
        "64 tokens",
        "loss 2.37",
        "3 times",
        "0xff",
        "2019 to 2026",
        "1-2-3",
        "8424dbd9532ac81f",
    ],
)
def test_nothing_else_is_sanitised(text, sanitise):
    assert sanitise(text) == text


SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 50">
<metadata>made by hand</metadata><style>*{stroke-linejoin: round}</style>
<g id="curve" transform="translate(3.5 4) scale(0.1 -0.1)">
<path d="M 10 20.5 L 30 40" style="fill: #1f77b4; stroke-width: 1.5"/>
<use x="10" y="20" href="#m0123456789"/><path id="m0123456789" d="M 0 0 L 1 1"/></g>
<text x="1" y="2">perplexity 10.7</text></svg>"""


@pytest.mark.parametrize(
    "old, new, complaint",
    [
        ("20.5", "20.6", "#curve > path 1, d: 1 of 4 coordinates moved, number 2 the furthest"),
        ("30 40", "35 40", "30 -> 35: by 5, allowed 0.01"),
        ("L 30", "M 30", "other commands"),
        ("3.5 4", "3.5 5", "#curve, translate: 1 of 4 coordinates moved, number 2"),
        ("(0.1", "(0.2", "transform"),
        ("L 30 40", "L 30 40 L 50 60", "4 coordinates stored, 6 new"),
        ("0 0 100", "0 0 101", "viewBox"),
        ("#1f77b4", "#1f77b5", "style"),
        ("1.5", "2.5", "style"),
        ("round", "miter", "round"),
        ("by hand", "by foot", "by foot"),
        ("10.7", "10.8", "10.7 -> 10.8"),
        ('id="curve"', 'id="line"', "'line'"),
        ('href="#m0123456789"', 'href="#m0123456788"', "id is 'hashed-0'"),
        (' y="2"', "", "y is '2' stored, absent new"),
        ("</g>", "<circle r='1'/></g>", "holds 2 path, 1 use stored, 2 path, 1 use, 1 circle new"),
        ("</svg>", "", "not readable as SVG"),
    ],
)
def test_other_figure(old, new, complaint):
    assert old in SVG
    report = compare_svg(SVG, SVG.replace(old, new), EXACT)
    assert complaint in "\n".join(report)
    assert len("\n".join(report)) < 400  # says what differs, does not show the file


def test_same_figure():
    assert compare_svg(SVG, SVG, EXACT) == []
    assert compare_svg(SVG, SVG.replace("20.5", "20.505"), EXACT) == []
    assert compare_svg(SVG, SVG.replace("0123456789", "abcdef0123"), EXACT) == []
    assert compare_svg(SVG, SVG.replace("20.5", "23.4"), Tolerance(svg_atol=3)) == []
    assert compare_svg(SVG, SVG.replace("20.5", "23.6"), Tolerance(svg_atol=3))
    assert compare_svg(SVG, SVG.replace("3.5 4", "5 6"), Tolerance(svg_atol=3)) == []
    assert compare_svg(SVG, SVG.replace("(0.1", "(0.2"), Tolerance(svg_atol=3)), "no coordinate"
    assert compare_svg(SVG, SVG.replace("20.5", "20.6"), LOOSE), "only svg_atol is for coordinates"
    assert compare_svg(SVG, SVG.replace("10.7", "10.8"), Tolerance(svg_atol=3)), "words are words"


def test_matplotlib_figures():
    matplotlib = pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    def draw(last, color="C0"):
        with matplotlib.rc_context({"svg.hashsalt": "book", "path.simplify": False}):
            axes = (figure := Figure()).subplots()
            axes.plot([1, 2, 4, last], color=color, marker="o")
            axes.set_ylim(0, 10)
            figure.savefig(file := io.StringIO(), format="svg", metadata={"Date": None})
        return file.getvalue()

    assert draw(5) == draw(5)
    assert compare_svg(draw(5), draw(5.0001), EXACT) == []
    assert compare_svg(draw(5), draw(5.1), EXACT)
    assert compare_svg(draw(5), draw(5.1), Tolerance(svg_atol=3)) == []
    assert compare_svg(draw(5), draw(5, "C1"), Tolerance(svg_atol=3))


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def shown(kind="display_data", **data):
    return new_output(kind, {f"text/{name}": text for name, text in data.items()})


def test_how_streams_are_cut_does_not_count():
    whole = [stream("one\ntwo\n"), stream("oops", "stderr"), shown(plain="x"), stream("three")]
    cut = [
        stream("one\n"),
        stream("oo", "stderr"),
        stream("two"),
        stream("ps", "stderr"),
        stream("\n"),
        shown(plain="x"),
        stream("lost\rth"),
        stream("ree"),
    ]
    assert compare_outputs(whole, cut, EXACT) == []
    assert compare_outputs(whole, whole[:3], EXACT)
    assert compare_outputs(whole, [whole[2], *whole[:2], whole[3]], EXACT), "before the display"
    assert compare_outputs([stream("x")], [stream("x", "stderr")], EXACT)


@pytest.mark.parametrize(
    "new",
    [
        [],
        [shown(plain="1.0")],
        [shown(plain="1.0", html="<b>2</b>")],
        [shown(plain="1.0", latex="$2$"), shown(plain="1.0")],
        [shown("execute_result", plain="1.0", latex="$2$")],
        [shown(plain="1.0", latex="$3$")],
        [new_output("display_data", {"text/plain": "1.0", "text/latex": "$2$"}, metadata={"a": 1})],
    ],
)
def test_outputs_that_come_go_or_change(new):
    stored = [shown(plain="1.0", latex="$2$")]
    assert compare_outputs(stored, stored, EXACT) == []
    assert compare_outputs(stored, new, EXACT)
    assert compare_outputs(new, stored, EXACT)


@pytest.mark.parametrize("mime", ["image/png", "application/pdf", "application/x.text/plain"])
@pytest.mark.parametrize("prefix", ["", "application/papermill.record/"])
def test_what_cannot_be_compared_is_refused(mime, prefix):
    picture = [new_output("display_data", {prefix + mime: "aGVsbG8="})]
    assert f"holds {prefix}{mime}, and only SVG" in compare_outputs(picture, picture, EXACT)[0]


def test_widgets_are_neither_stored_nor_compared():
    widget = new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}})
    assert compare_outputs([stream("x")], [widget, stream("x")], EXACT) == []
    assert "widget" in compare_outputs([widget], [widget], EXACT)[0]


def test_errors_are_compared_without_their_traceback():
    def error(value, trace):
        return [new_output("error", ename="ValueError", evalue=value, traceback=[trace])]

    assert compare_outputs(error("30 > 28", "a"), error("30 > 28", "b"), EXACT) == []
    assert compare_outputs(error("30 > 28", "a"), error("30 > 29", "a"), EXACT)


def message(kind, display=None, text=None, **content):
    if text is not None:
        content |= {"data": {"text/plain": text}, "metadata": {}}
    if display is not None:
        content["transient"] = {"display_id": display}
    return {"msg_type": kind, "header": {"msg_type": kind}, "content": content}


def test_a_live_display_counts_as_it_ends():
    messages = [
        message("status", execution_state="busy"),
        message("display_data", "a", "first"),
        message("display_data", "b", "other"),
        message("stream") | {"content": {"name": "stdout", "text": "said"}},
        message("update_display_data", "a", "last"),
        message("update_display_data", "of an earlier cell", "nothing here"),
    ]
    final = [shown(plain="last"), shown(plain="other"), stream("said")]
    assert outputs_of(messages) == nbformat.from_dict(final)
    assert compare_outputs(final, outputs_of(messages), EXACT) == []
    assert compare_outputs(final, outputs_of(messages[:4]), EXACT)


@pytest.mark.parametrize("wait", [False, True])
def test_what_is_cleared_does_not_count(wait):
    messages = [message("display_data", "a", "gone"), message("clear_output", wait=wait)]
    assert len(outputs_of(messages)) == wait, "with wait, it stays until there is something new"
    messages += [message("update_display_data", "a", "gone"), message("display_data", "b", "new")]
    assert outputs_of(messages) == [shown(plain="new")]
