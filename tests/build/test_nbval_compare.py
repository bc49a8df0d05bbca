"""What counts as the same text, the same figure and the same outputs."""

import copy
import io
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output
from nbval_outputs import compare_outputs
from nbval_rules import ROOT
from nbval_svg import compare_svg
from nbval_text import NUMBER, SVG_ATOL, Rules, compare_text

from tools.notebook import code_cells, plain, tags

EXACT = Rules()


def loosely(stored, new, **tolerance):
    """Compare with one tolerance for all numbers."""
    return compare_text(stored, new, Rules({"all": tolerance}), "all")


def compare(stored, new, tags=(), **nbval):
    """Compare the outputs of a cell."""
    cell = new_code_cell(outputs=stored, metadata={"tags": list(tags)})
    return compare_outputs(cell, new, Rules(nbval), ROOT)


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
        ("[[0.5  1.  ]\n [0.25 2.  ]]", "[[0.5       1.       ]\n [0.2500001 2.       ]]"),
        ("  a  b\t1 \n2\n\n", "  a  b\t1\n2"),
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
        ("    return 1", "return 1"),
        ("a  b", "a b"),
        ("x  0.5", "x 0.5"),
        ("[0.25 x]", "[0.2500001  x ]"),
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
    assert loosely(stored, new, rtol=0.2)
    assert loosely(new, stored, rtol=0.2)


@pytest.mark.parametrize(
    "stored, new, same",
    [
        ("10.0", "12.4", True),  # 0.5 + 0.2 * 10
        ("10.0", "12.6", False),
        ("10.0", "7.4", False),
        ("12.6", "10.0", True),  # 0.5 + 0.2 * 12.6
        ("-10.0", "-12.4", True),
        ("0.7", "0.1", True),
    ],
)
def test_tolerance_is_absolute_plus_relative_to_the_stored_number(stored, new, same):
    assert (loosely(stored, new, rtol=0.2, atol=0.5) == []) == same


@pytest.mark.parametrize("stored", ["13.3", "0.0", "-0.25"])
def test_a_tolerance_is_narrower_than_its_number(stored):
    said = loosely(stored, stored, rtol=0.3, atol=20)
    assert f"the tolerance for 'all' is as wide as the number {stored}" in said[-1]


LINES = """\
on its text     1.06
on the rest    71.79
norm 0.89 until epoch 300, 2.15 after
15.49 without, 15.33 with it"""


@pytest.mark.parametrize(
    "name, old, new, same",
    [
        ("on the rest", "71.79", "80.12", True),
        ("on the rest", "71.79", "99.00", False),
        ("on the rest", "1.06", "1.05", False),  # the number of another line
        ("norm", "0.89", "0.95", True),
        ("norm", "2.15", "2.35", True),  # all behind it
        ("until epoch 300,", "2.15", "2.35", True),
        ("until epoch 300,", "0.89", "0.95", False),  # only what is behind it
        ("with it", "15.33", "15.99", True),  # nothing behind it: the one before
        ("with it", "15.49", "15.99", False),
        ("o", "71.79", "80.12", True),  # an author's own fault
    ],
)
def test_a_tolerance_is_for_the_numbers_that_its_text_names(name, old, new, same):
    report = compare([stream(LINES)], [stream(LINES.replace(old, new))], **{name: {"rtol": 0.2}})
    assert (report == []) == same


def test_of_two_names_the_last_before_a_number_counts():
    names = {"norm": {"rtol": 0.01}, "until epoch 300,": {"rtol": 0.2}}
    assert compare([stream(LINES)], [stream(LINES.replace("2.15", "2.35"))], **names) == []
    assert compare([stream(LINES)], [stream(LINES.replace("0.89", "0.95"))], **names)


def glued(name, value):
    kind = "application/papermill.record/text/plain"
    return new_output("display_data", {kind: value}, metadata={"scrapbook": {"name": name}})


def test_a_tolerance_of_a_glued_number_goes_by_its_name():
    stored = [glued("seen", "1.0643"), glued("unseen", "71.789")]
    near, far = [stored[0], glued("unseen", "80.5")], [glued("seen", "0.98"), stored[1]]
    assert compare(stored, near, unseen={"rtol": 0.25}) == []
    assert "0.98" in "".join(compare(stored, far, unseen={"rtol": 0.25}))


@pytest.mark.parametrize("name", ["perplexity", "11", "epoch 30, 2"])
def test_a_tolerance_of_nothing_is_refused(name):
    """Neither of absent text, nor of text beside which no float stands."""
    outputs = [stream("epoch 30, 2 of 11 rows"), glued("seen", "1.06")]
    said = compare(outputs, outputs, **{name: {"rtol": 0.1}})
    assert said == [f"the tolerance {name!r} matches nothing"]
    assert compare(outputs, outputs, svg_atol=3) == ["the tolerance 'svg_atol' matches nothing"]


def test_every_digit_counts():
    text = "perplexity 10.68, 9,960 tokens; [[1.05 2.50]] -3 <td>0.123</td> 4.5e-03 2019."
    for at in (i for i, letter in enumerate(text) if letter.isdigit()):
        other = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
        assert compare_text(text, other, EXACT), other


@pytest.mark.parametrize(
    "given, complaint",
    [
        ({"rtol": 0.1}, "'rtol': 0.1; a text has rtol, atol"),  # of the cell, as it was once
        ({"x": 0.1}, "'x': 0.1; a text has rtol, atol"),
        ({" ": {"rtol": 0.1}}, "' ', which is no text of a line"),
        ({7: {"rtol": 0.1}}, "7, which is no text of a line"),
        ({"x": {}}, "'x': {}; a text has rtol, atol"),
        ({"x": {"rtoll": 0.1}}, "'x': {'rtoll': 0.1}; a text has rtol, atol"),
        ({"x": {"rtol": "0.1"}}, "'x': rtol: '0.1'; allowed: from 0 to below 1"),
        ({"x": {"rtol": 1}}, "'x': rtol: 1; allowed: from 0 to below 1"),
        ({"x": {"atol": -1}}, "'x': atol: -1"),
        ({"x": {"atol": True}}, "'x': atol: True"),
        ({"x": {"atol": float("inf")}}, "'x': atol: inf"),
        ({"svg_atol": float("nan")}, "svg_atol: nan"),
        ({"svg_atol": 10}, "svg_atol: 10; allowed: from 0 to below 10"),
        (0.1, "0.1"),
        (["svg_atol"], "['svg_atol']"),
    ],
)
def test_bad_tolerance(given, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        Rules(given)


@pytest.mark.parametrize(
    "tag, stored, new",
    [
        ("clock", "perplexity 1.1, 13809 tokens/sec", "perplexity 1.1, 99 tokens/sec"),
        ("clock", "scratch  13,809 tokens/s", "scratch 108,432.5 tokens/s"),
        ("clock", "130 GFLOP/s", "84.5 GFLOP/s"),
        ("clock", "concise is 5.3 times as fast", "concise is 16 times as fast"),
        ("clock", "took 0.91 s.", "took 12 s."),
        ("clock", "(3 ms, 2.5 seconds)", "(14.5 ms, 2 seconds)"),
        ("machine", "run on 2019-07-14", "run on 2026-11-23"),
        ("machine", "Python 3.11.7, NumPy 1.23.5", "Python 3.12.10, NumPy 1.26.4"),
        ("machine", "PyTorch 2.13.0 on cuda:0", "PyTorch 2.6.0 on cuda:3"),
        ("machine", "on cpu(0), 2 cores", "on gpu(1), 64 cores"),
        ("machine", "on NVIDIA H100 80GB HBM3, idle", "on NVIDIA GeForce RTX 4090, idle"),
        ("machine", "<f at 0x7f3a5c0b1e40>", "<f at 0x55d0>"),
    ],
)
def test_what_is_measured_is_exempt_where_the_cell_says_so(tag, stored, new):
    stored, new = [stream(stored)], [stream(new)]
    assert compare(stored, new, [tag]) == []
    other = {"clock": "machine", "machine": "clock"}[tag]
    assert compare(stored, new) and compare(stored, new, [other, "timed"])


@pytest.mark.parametrize(
    "stored, new",
    [
        ("took 5 s", "took 5 ms"),
        ("5 tokens/s", "5 GFLOP/s"),
        ("5 tokens/s, 2 of them", "5 tokens/s, 3 of them"),
        ("loss 0.5 after 3 s", "loss 0.6 after 3 s"),
        ("1.5 times as fast", "1.5 times as slow"),
        ("5 s", "nan s"),
        ("2 cores", "0 cores"),
        ("2026-11-23", "2026-13-23"),
        ("on NVIDIA H100, loss 0.5", "on NVIDIA H100, loss 0.6"),
        ("on NVIDIA H100 and well", "on NVIDIA H100 and ill"),
        ("MXNet 1.9.1", "MXNet 1.9.2"),
        ("Python 3.11.7", "Python 2.7.18"),
        ("5 seeds", "6 seeds"),
        ("the 1980s", "the 1990s"),
        ("35 steps", "36 steps"),
        ("0xff", "0xfe"),
    ],
)
def test_nothing_around_it_is_exempt(stored, new):
    assert compare([stream(stored)], [stream(new)], ["clock", "machine", "timed"])


SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 50">
<metadata>made by hand on 2026-11-23</metadata><style>*{stroke-linejoin: round}</style>
<g id="curve" transform="translate(3.5 4) scale(0.1 -0.1)">
<path d="M 10 20.5 L 30 40" style="fill: #1f77b4; stroke-width: 1.5" opacity="0.6"/>
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
        ("11-23", "11-24", "integers must be equal"),
        ('"0.6"', '"0.7"', "opacity"),
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
    report = compare_svg(SVG, SVG.replace(old, new), SVG_ATOL)
    assert complaint in "\n".join(report)
    assert len("\n".join(report)) < 400  # says what differs, does not show the file


def test_same_figure():
    def same(old="", new="", atol=SVG_ATOL):
        return compare_svg(SVG, SVG.replace(old, new), atol) == []

    assert same() and same("20.5", "20.505") and same("0123456789", "abcdef0123")
    assert same("20.5", "23.4", 3) and not same("20.5", "23.6", 3)
    assert same("3.5 4", "5 6", 3), "a translation is a coordinate"
    for old, new in {"(0.1": "(0.2", "10.7": "10.8", "1.5": "2.5", "0.6": "0.6000001"}.items():
        assert old in SVG and not same(old, new, 3), "scales, words, widths and opacities are none"


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
    assert compare_svg(draw(5), draw(5.0001), SVG_ATOL) == []
    assert compare_svg(draw(5), draw(5.1), SVG_ATOL)
    assert compare_svg(draw(5), draw(5.1), 3) == []
    assert compare_svg(draw(5), draw(5, "C1"), 3)


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def shown(kind="display_data", **data):
    return new_output(kind, {f"text/{name}": text for name, text in data.items()})


def test_how_streams_are_cut_does_not_count():
    whole = [stream("one\n"), stream("oops", "stderr"), shown(plain="x"), stream("two\nthree")]
    cut = [
        stream("o"),
        stream("ne\n"),
        stream("", "stderr"),
        stream("oo", "stderr"),
        stream("ps", "stderr"),
        shown(plain="x"),
        stream("two\nlost\rth"),
        stream("ree"),
    ]
    assert compare(whole, cut) == []


@pytest.mark.parametrize(
    "order", [(1, 0, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2), (0, 1, 2), (0, 1, 1, 2, 3)]
)
def test_the_order_of_streams_and_displays_counts(order):
    whole = [stream("one\n"), stream("oops", "stderr"), shown(plain="x"), stream("two\n")]
    assert compare(whole, [whole[i] for i in order])
    assert compare([stream("x")], [stream("x", "stderr")])


@pytest.mark.parametrize("stored", ["lost\rthree", "one\r\nthree\rthree"])
def test_no_text_is_hidden_behind_a_carriage_return(stored):
    """A page shows it in full."""
    assert compare([stream(stored)], [stream(stored)])


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
    assert compare(stored, stored) == []
    assert compare(stored, new)
    assert compare(new, stored)


@pytest.mark.parametrize("mime", ["image/png", "application/pdf", "application/x.text/plain"])
@pytest.mark.parametrize("prefix", ["", "application/papermill.record/"])
def test_what_cannot_be_compared_is_refused(mime, prefix):
    picture = [new_output("display_data", {prefix + mime: "aGVsbG8="})]
    assert f"holds {prefix}{mime}, and only SVG" in compare(picture, picture)[0]


def test_widgets_are_compared_and_cannot_be_stored():
    widget = new_output(
        "display_data", {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "Box()"}
    )
    assert compare([stream("x")], [widget, stream("x")])
    assert compare([shown(plain="Box()")], [widget])
    assert "widget" in compare([widget], [widget])[0]


def test_errors_are_compared_as_the_page_shows_them():
    def error(value, *trace):
        return [new_output("error", ename="ValueError", evalue=value, traceback=[*trace])]

    stored = error("30 > 28", "src/d2l_gru/text.py in f(x)", "ValueError: 30 > 28")
    there = error("30 > 28", f"{ROOT}/src/d2l_gru/text.py in f(x)", "ValueError: 30 > 28")
    assert compare(stored, there) == []
    assert compare(stored, error("30 > 29", *stored[0].traceback))
    assert compare(stored, error("30 > 28", *stored[0].traceback[:1]))


def others(number):
    """Return a number's double and zero, written as it is."""
    decimals = len(number.partition(".")[2].partition("e")[0])
    double = 2 * float(number.replace(",", "").replace("−", "-"))
    return {f"{double:.{decimals}f}", re.sub(r"\d", "0", number)} - {number}


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.ipynb")), ids=lambda p: p.stem)
def test_no_stored_number_may_be_its_double_or_zero(path):
    """But for those that a clock or the machine gave, in cells that say so."""
    for number, cell in enumerate(code_cells(nbformat.read(path, as_version=4)), 1):
        given = cell.metadata.get("nbval", {})
        assert compare_outputs(cell, cell.outputs, Rules(given), ROOT) == []
        for i, output in enumerate(cell.outputs):
            holder = output if output.output_type == "stream" else output.data
            if "image/svg+xml" in holder:
                continue
            for key in [key for key in holder if key.endswith(("text", "text/plain"))]:
                for found in NUMBER.finditer(text := holder[key]):
                    for other in others(found[0]):
                        new = copy.deepcopy(cell.outputs)
                        altered = text[: found.start()] + other + text[found.end() :]
                        (new[i] if holder is output else new[i].data)[key] = altered
                        if plain(altered, tags(cell)) != plain(text, tags(cell)):
                            said = compare_outputs(cell, new, Rules(given), ROOT)
                            assert said, (number, text, altered)
