"""What counts as the same text, the same figure and the same outputs."""

import copy
import json
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output
from nbval_outputs import compare_outputs, compare_svg
from nbval_rules import ROOT
from nbval_text import NUMBER, SVG_ATOL, Rules, compare_text

from tools.notebook import code_cells, plain, tags


def compare(stored, new, tags=(), **nbval):
    """Compare the outputs of a cell."""
    cell = new_code_cell(outputs=stored, metadata={"tags": list(tags)})
    return compare_outputs(cell, new, Rules(nbval), ROOT)


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def shown(kind="display_data", **data):
    return new_output(kind, {f"text/{name}": text for name, text in data.items()})


def glued(name, value):
    kind = "application/papermill.record/text/plain"
    return new_output("display_data", {kind: value}, metadata={"scrapbook": {"name": name}})


def rows(text):
    """Split rows of `stored → new`, with bars between them and ↵ for the end of a line."""
    lines = [line for line in text.split("\n") if line]
    return [row.replace("↵", "\n").split(" → ") for line in lines for row in line.split(" | ")]


# numpy pads, and writes the digits that it needs.
SAME = """
loss 1.234567 → loss 1.234571 | 1e-05 → 1.000001e-05 | -0.0 → 0.0 | (x-0.5) → (x-0.500001)
[0.25 0.5 ] → [0.25      0.4999999] | [ 0.5  1.  ] → [0.5000001 0.9999999]
[0.5  1.  ]↵[0.25 2.  ] → [0.5       1.       ]↵[0.2500001 2.       ]
  a  b\t1 ↵2↵↵ →   a  b\t1↵2
"""
OTHER = """
loss 1.23456 → loss 1.23466 | 1e-05 → 2e-05 | 0.0 → 1e-09 | 0.5 → -0.5 | 0.5 nan → 0.5 0.5
1.0 inf → 1.0 nan | time traveller → timetraveller | 28 tokens → 28tokens | [3.] → [3]
    return 1 → return 1 | a  b → a b | x  0.5 → x 0.5 | [0.25 x] → [0.2500001  x ]
a↵b → a b | a↵b → a↵b↵c
"""
# 20 % and 0.5, of the stored number: for floats alone, and to its end.
LOOSE = {"all": {"rtol": 0.2, "atol": 0.5}}
WITHIN = "10.0 → 12.4 | 10.0 → 7.6"
BEYOND = """
100000 tokens → 100001 tokens | 1,171,489 → 1,171,488 | 13,809.5 → 13,809.6 | -7 → 7 | 5-3 → 5-2
It has 226076. → It has 226077. | [100000. 2.] → [100001. 2.] | [100,200.5] → [101,200.5]
version 1.9.1 → version 1.9.2 | #1f77b4 → #1f77b5 | #9e5 → #8e5 | cell_10 → cell_11 | 007 → 7
12345678e5a → 12345679e5a | 12345678e5 → 12345679e5 | x2.5 → x2.6 | f(2)-0.1 → f(2) 0.1
10.5 apples → 10.5 pears | 10.0 → 12.6 | 10.0 → 7.4
"""
CLOCK = """
13809 tokens/sec → 99 tokens/sec | scratch  13,809 tokens/s → scratch 108,432.5 tokens/s
130 GFLOP/s → 84.5 GFLOP/s | 5.3 times as fast → 16 times as fast | took 0.91 s. → took 12 s.
(3 ms, 2.5 seconds) → (14.5 ms, 2 seconds)
"""
MACHINE = """
on 2019-07-14 → on 2026-11-23 | Python 3.11.7, NumPy 1.23.5 → Python 3.12.10, NumPy 1.26.4
PyTorch 2.13.0 on cuda:0 → PyTorch 2.6.0 on cuda:3 | on cpu(0), 2 cores → on gpu(1), 64 cores
on NVIDIA H100 80GB, idle → on NVIDIA GeForce RTX 4090, idle | f at 0x7f3a5c0b1e40 → f at 0x55d0
"""
AROUND = """
took 5 s → took 5 ms | 5 tokens/s → 5 GFLOP/s | 5 tokens/s, 2 of them → 5 tokens/s, 3 of them
1.5 times as fast → 1.5 times as slow | 5 s → nan s | 2 cores → 0 cores | 2026-11-23 → 2026-13-23
on NVIDIA H1, loss 0.5 → on NVIDIA H1, loss 0.6 | on NVIDIA H1 and x → on NVIDIA H1 and y
MXNet 1.9.1 → MXNet 1.9.2 | Python 3.11.7 → Python 2.7.18 | 5 seeds → 6 seeds
the 1980s → the 1990s | 0xff → 0xfe
"""
# Rows, the tags of their cell, its tolerances, and whether the two are the same.
TEXTS = [
    (SAME, [], {}, True),
    (OTHER, [], {}, False),
    (WITHIN, [], LOOSE, True),
    (BEYOND, [], LOOSE, False),
    (CLOCK, ["clock"], {}, True),
    (CLOCK, ["machine", "timed"], {}, False),
    (MACHINE, ["machine"], {}, True),
    (MACHINE, ["clock", "timed"], {}, False),
    (AROUND, ["clock", "machine", "timed"], {}, False),
]


@pytest.mark.parametrize(
    "stored, new, tags, nbval, same", [(*row, *how) for text, *how in TEXTS for row in rows(text)]
)
def test_a_text_and_another(stored, new, tags, nbval, same):
    of_use = [glued("all", "10.0")] if nbval else []
    old, fresh = ([*of_use, glued("all", text)] for text in (stored, new))
    assert (compare(old, fresh, tags, **nbval) == []) == same
    assert nbval or (compare(fresh, old, tags) == []) == same


def test_every_digit_counts():
    text = "perplexity 10.68, 9,960 tokens; [[1.05 2.50]] -3 <td>0.123</td> 4.5e-03 2019."
    for at in (i for i, letter in enumerate(text) if letter.isdigit()):
        other = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
        assert compare_text(text, other, Rules()), other


LINES = """\
on its text     1.06
on the rest    71.79
norm 0.89 until epoch 300, 2.15 after
15.49 without, 15.33 with it
2 of 11 rows"""
PRINTED = [stream(LINES), glued("seen", "1.0643"), glued("unseen", "71.789"), glued("zero", "-0.0")]


@pytest.mark.parametrize(
    "names, old, new, same",
    [
        ({"on the rest": 0.2}, "71.79", "80.12", True),
        ({"on the rest": 0.2}, "71.79", "99.00", False),
        (
            {"on the rest": 0.2},
            "text     1.06",
            "text     1.05",
            False,
        ),  # the number of another line
        ({"norm": 0.2}, "2.15", "2.35", True),  # all behind it
        ({"until epoch 300,": 0.2}, "0.89", "0.95", False),  # only what is behind it
        ({"norm": 0.01, "until epoch 300,": 0.2}, "2.15", "2.35", True),  # the last before it
        ({"norm": 0.01, "until epoch 300,": 0.2}, "0.89", "0.95", False),
        ({"with it": 0.2}, "15.33", "15.99", True),  # nothing behind it: the one before
        ({"with it": 0.2}, "15.49", "15.99", False),
        ({"unseen": 0.2}, '"71.789', '"80.5', True),
        ({"unseen": 0.2}, "1.0643", "0.98", False),
    ],
)
def test_a_tolerance_is_for_the_numbers_that_its_text_names(names, old, new, same):
    assert json.dumps(PRINTED).count(old) == 1
    fresh = nbformat.from_dict(json.loads(json.dumps(PRINTED).replace(old, new)))
    nbval = {name: {"rtol": rtol} for name, rtol in names.items()}
    assert (compare(PRINTED, fresh, **nbval) == []) == same


@pytest.mark.parametrize(
    "nbval, complaint",
    [
        ({"perplexity": {"rtol": 0.1}}, "the tolerance 'perplexity' matches nothing"),
        ({"2 of": {"rtol": 0.1}}, "the tolerance '2 of' matches nothing"),  # no float, that is
        ({"svg_atol": 3}, "the tolerance 'svg_atol' matches nothing"),
        ({"seen": {"atol": 20}}, "the tolerance for 'seen' is as wide as the number 1.0643"),
        ({"zero": {"atol": 20}}, "the tolerance for 'zero' is as wide as the number -0.0"),
        ({"on the rest": {"atol": 72}}, "for 'on the rest' is as wide as the number 71.79"),
    ],
)
def test_a_tolerance_of_nothing_or_of_all_is_refused(nbval, complaint):
    assert complaint in compare(PRINTED, PRINTED, **nbval)[-1]


@pytest.mark.parametrize(
    "given",
    [
        *({"x": {key: value}} for key in ("rtol", "atol") for value in ("0.1", -1, True, None)),
        *({"x": given} for given in (0.1, {}, {"rtoll": 0.1}, {"rtol": 1}, {"atol": float("inf")})),
        *({"svg_atol": value} for value in (float("nan"), 10, -1, "4", {"atol": 1})),
        *({name: {"rtol": 0.1}} for name in (" ", 7)),
        *({"rtol": 0.1}, 0.1, ["svg_atol"]),
    ],
)
def test_bad_tolerance(given):
    with pytest.raises(ValueError, match="nbval metadata (is|has) ") as raised:
        Rules(given)
    assert repr(next(iter(given)) if isinstance(given, dict) else given) in str(raised.value)


SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 50">
<metadata>made by hand on 2026-11-23</metadata><style>*{stroke-linejoin: round}</style>
<g id="curve" transform="translate(3.5 4) scale(0.1 -0.1)">
<path d="M 10 20.5 L 30 40" style="fill: #1f77b4; stroke-width: 1.5" opacity="0.6"/>
<use x="10" y="20" href="#m0123456789"/><path id="m0123456789" d="M 0 0 L 1 1"/></g>
<text x="1" y="2">perplexity 10.7</text></svg>"""


FIGURES = """
20.5 → 23.6 → #curve > path 1, d: 20.5 -> 23.6: moved by 3.1, allowed 3 | L 30 → M 30 → other comm
3.5 4 → 3.5 9 → #curve, translate: 4 -> 9 | (0.1 → (0.2 → #curve, transform: 'translate scale(0.1
L 30 40 → L 30 40 L 50 60 → 4 coordinates stored, 6 new | 0 0 100 → 0 0 110 → viewBox
#1f77b4 → #1f77b5 → style | 1.5 → 2.5 → style | "0.6" → "0.60001" → opacity | round → miter → round
by hand → by foot → by foot | 11-23 → 11-24 → integers must be equal | 10.7 → 10.8 → 10.7 -> 10.8
id="curve" → id="line" → #line | href="#m0123456789" → href="#m0123456788" → -#hashed-0, element
</g> → <circle r="1"/></g> → +#curve > circle 4, r | </g>↵<text → <g id="x"/></g>↵<text → +#x, el
 y="2" →  → -svg > text 4, y | </svg> →  → not readable as SVG
20.5 → 20.505 →  | 0123456789 → abcdef0123 →  | 3.5 4 → 3.5 4.01 → 
"""


@pytest.mark.parametrize("old, new, complaint", rows(FIGURES))
def test_a_figure_and_another(old, new, complaint):
    assert old in SVG
    allowed = 3 if complaint else SVG_ATOL + 1e-9
    report = compare_svg(SVG, SVG.replace(old, new), allowed)
    assert (complaint in "\n".join(report)) if complaint else not report
    assert all(len(line) < 160 for line in report)  # it does not show the file


def test_another_nesting_is_another_figure():
    inside, beside = "<g id='a'><g id='b'/></g>", "<g id='a'/><g id='b'/>"
    assert compare_svg(f"<svg>{inside}</svg>", f"<svg>{beside}</svg>", SVG_ATOL)


STREAMS = [stream("one\n"), stream("oops", "stderr"), shown(plain="x"), stream("two\nthree")]
CUT = [stream("o"), stream("ne\n"), stream("", "stderr"), stream("oo", "stderr")]
CUT += [stream("ps", "stderr"), shown(plain="x"), stream("two\nlost\rth"), stream("ree")]


def test_the_order_of_streams_and_displays_counts_and_not_how_streams_are_cut():
    assert compare(STREAMS, CUT) == []
    for order in ("1023", "0213", "0132", "012", "01123"):
        assert compare(STREAMS, [STREAMS[int(i)] for i in order])
    for hidden in ("lost\rthree", "one\r\nthree\rthree"):  # a page shows it in full
        assert compare([stream(hidden)], [stream(hidden)])


WIDGET = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "1.0"}


@pytest.mark.parametrize(
    "new",
    [
        [],
        [stream("1.0")],
        [shown(plain="1.0")],
        [shown(plain="1.0", html="<b>2</b>")],
        [shown(plain="1.0", latex="$2$"), shown(plain="1.0")],
        [shown("execute_result", plain="1.0", latex="$2$")],
        [shown(plain="1.0", latex="$3$")],
        [new_output("display_data", {"text/plain": "1.0", "text/latex": "$2$"}, metadata={"a": 1})],
        [new_output("display_data", WIDGET)],
    ],
)
def test_outputs_that_come_go_or_change(new):
    stored = [shown(plain="1.0", latex="$2$")]
    assert compare(stored, stored) == []
    assert compare(stored, new) and compare(new, stored)


def test_a_traceback_is_the_same_wherever_the_project_lies():
    def error(file):
        return [new_output("error", ename="E", evalue="e", traceback=[f"{file} in f(x)", "E: e"])]

    assert compare(error("src/d2l_gru/text.py"), error(f"{ROOT}/src/d2l_gru/text.py")) == []


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
