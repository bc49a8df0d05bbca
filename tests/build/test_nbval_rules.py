"""The rules of ``pytest --nbval``, on toy notebooks that real kernels run."""

import importlib.util
import json
import sys
import types

import nbformat
import nbval_rules
import pytest
from kernels import Kernel
from nbformat.v4 import new_code_cell, new_notebook, new_output
from tools_of_the_build import ROOT, load

from tools.kernel import Client
from tools.notebook import digest

pytestmark = pytest.mark.processes
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path id="p" d="M 0 0 L {} 40"/></svg>'

TABLE = "<table><tr><td>0.125</td><td>{}</td></tr></table>"


def printed(text, name="stdout"):
    return [new_output("stream", name=name, text=text)]


def shown(mime, text, **metadata):
    return [new_output("display_data", {mime: text}, metadata=metadata)]


def cell(source, outputs=(), count=1, tags=(), nbval=None):
    metadata = {"tags": list(tags)} | ({"nbval": nbval} if nbval else {})
    return new_code_cell(
        source, outputs=list(outputs), execution_count=count, metadata=metadata, id="a"
    )


@pytest.fixture
def judge(pytester, capsys, monkeypatch):
    """Test a notebook of some cells; return each one's outcome and what is said about it."""

    monkeypatch.chdir(pytester.mkdir("elsewhere"))

    def run(*cells, name="toy.ipynb", when="call", options=()):
        for number, one in enumerate(cells):
            one.id = f"cell-{number}"
        kernelspec = {"name": "python3", "display_name": "any"}
        notebook = new_notebook(cells=list(cells), metadata={"kernelspec": kernelspec})
        nbformat.write(notebook, pytester.path / name)
        reports = pytester.inline_run(
            "--nbval",
            *options,
            f"--rootdir={pytester.path}",
            "--color=no",
            "-omarkers=gpu: needs a GPU",
            "-pnbval_rules",
            "-pno:cacheprovider",
            f"../{name}",
        ).getreports("pytest_runtest_logreport")
        capsys.readouterr()
        called = [report for report in reports if report.when == when]
        assert options or len(called) == len(cells)
        assert all(r.passed for r in reports if r.when != when)
        assert not any(report.capstdout for report in called), "nbval does not chatter"
        for one, report in zip(cells, called, strict=not options):
            assert ("gpu" in report.keywords) == ("gpu" in one.metadata.tags), "for pytest -m"
        return [
            (report.outcome, report.longrepr[2] if report.skipped else report.longreprtext)
            for report in called
        ]

    return run


def outcomes(results):
    return [outcome for outcome, _ in results]


# What a cell's source shows, then the same as stored, then stored outputs that differ from it.
CASES = {
    "text": (
        "print('time traveller')",
        printed("time traveller\n"),
        [printed("time travelled\n"), [], printed("time traveller\n", "stderr")],
    ),
    "integer": ("print(28)", printed("28\n"), [printed("29\n"), printed("28.0\n")]),
    "separated integer": ("print('171,489')", printed("171,489\n"), [printed("171,488\n")]),
    "float": ("print(0.12345678)", printed("0.12345671\n"), [printed("0.12445678\n")]),
    "result": (
        "[0.5, 2]",
        [new_output("execute_result", {"text/plain": "[0.5, 2]"}, execution_count=1)],
        [shown("text/plain", "[0.5, 2]"), []],
    ),
    "table": (
        f"HTML({TABLE.format(7)!r})",
        [
            new_output(
                "execute_result",
                {"text/plain": "<IPython.core.display.HTML object>", "text/html": TABLE.format(7)},
                execution_count=1,
            )
        ],
        [
            [
                new_output(
                    "execute_result",
                    {
                        "text/plain": "<IPython.core.display.HTML object>",
                        "text/html": TABLE.format(8),
                    },
                    execution_count=1,
                )
            ]
        ],
    ),
    "figure": (
        f"display({{'image/svg+xml': {SVG.format(30)!r}}}, raw=True)",
        shown("image/svg+xml", SVG.format("30.001")),
        [shown("image/svg+xml", SVG.format(31)), shown("image/png", "aGk=")],
    ),
    "glue": (
        "glue('perplexity', 10.5, display=False)",
        shown(
            "application/papermill.record/text/plain",
            "10.5",
            scrapbook={"name": "perplexity", "mime_prefix": "application/papermill.record/"},
        ),
        [shown("application/papermill.record/text/plain", "10.6"), []],
    ),
    "live display": (
        "handle = display('first', display_id=True)\nfor i in range(3): handle.update(i)",
        shown("text/plain", "2"),
        [shown("text/plain", "'first'"), shown("text/plain", "1")],
    ),
    "cleared": (
        "print(1)\nclear_output(wait=True)\nprint(2)",
        printed("2\n"),
        [printed("1\n2\n"), printed("1\n")],
    ),
    "figure between prints": (
        "print('before')\ndisplay(1)\nprint('after')",
        [*printed("before\n"), *shown("text/plain", "1"), *printed("after\n")],
        [[*printed("before\nafter\n"), *shown("text/plain", "1")]],
    ),
    "two streams": (
        "import sys\nfor i in range(3): print(i); print(i, file=sys.stderr)\nprint(9)",
        [
            *(printed(f"{i}\n", name)[0] for i in range(3) for name in ("stdout", "stderr")),
            *printed("9\n"),
        ],
        [[*printed("0\n1\n2\n9\n"), *printed("0\n1\n2\n", "stderr")]],
    ),
    "overwritten": (
        "print(1, end='\\r')\nprint(2)",
        printed("2\n"),
        [printed("7\r2\n"), printed("1\r2\n")],
    ),
    "widget": (
        "display(ipywidgets.IntText(7))",
        None,  # cannot be stored
        [[], shown("text/plain", "IntText(value=7)")],
    ),
    "speed": ("print('5 tokens/s')", printed("5 tokens/s\n"), [printed("6 tokens/s\n")]),
    "html": (
        "display(HTML('<b>1</b>'))",
        None,
        [shown("text/html", "<b>1</b>"), shown("text/plain", "<IPython.core.display.HTML object>")],
    ),
}
FIRST = (
    "import ipywidgets\nfrom IPython.display import HTML, clear_output, display\n"
    "from myst_nb import glue"
)


def test_what_agrees_passes(judge):
    cells = [cell(source, stored) for source, stored, _ in CASES.values() if stored is not None]
    near = cell("print('x', 2.5)", printed("x 2.4\n"), nbval={"x": {"rtol": 0.1}})
    clock = "import datetime, time\nprint(time.time(), 's')\nprint(datetime.date.today(), object())"
    measured = printed("0.91 s\n2019-07-14 <object object at 0x7f3a5c0b1e40>\n")
    clock = cell(clock, measured, tags=["clock", "machine"])
    results = judge(cell(FIRST), *cells, near, clock)
    assert results == [("passed", "")] * len(results)


def test_what_differs_fails(judge):
    tried = [
        (name, cell(source, other))
        for name, (source, _, others) in CASES.items()
        for other in others
    ]
    far = cell("print('x', 2.5)", printed("x 2.2\n"), nbval={"x": {"rtol": 0.1}})
    tried.append(("beyond the tolerance", far))
    other = cell("print(2.5)", printed("2.5\n"), nbval={"x": {"rtol": 0.1}})
    tried.append(("the tolerance of nothing", other))
    tried.append(("not stored", cell("print(1)")))
    _, *results = judge(cell(FIRST), *(one for _, one in tried))
    names = [name for name, _ in tried]
    assert [*zip(names, outcomes(results), strict=True)] == [(name, "failed") for name in names]
    assert all("stored and new outputs differ" in said for _, said in results)


def test_a_difference_is_readable(judge):
    source = "\n# train\nprint('epoch 50\\nperplexity 10.7, loss 2.37')\nx = 1"
    stored = printed("epoch 50\nperplexity 10.7, loss 2.35\n")
    text, figure = judge(
        cell(source, stored, nbval={"loss": {"rtol": 0.001}}),
        cell(CASES["figure"][0], shown("image/svg+xml", SVG.format(31))),
    )
    assert text == (
        "failed",
        "toy.ipynb, Cell 0: # train\n"
        "stored and new outputs differ\n"
        "  output 1, stream, stdout:\n"
        "    stored: perplexity 10.7, loss 2.35\n"
        "    new:    perplexity 10.7, loss 2.37\n"
        "            2.35 -> 2.37: relative error 8.5e-03, allowed rtol 0.001",
    )
    assert "#p, d: 1 of 4 coordinates moved" in figure[1] and "<svg" not in figure[1][120:]


def test_a_cell_without_a_stored_run_fails(judge):
    never, empty, faked, kept, after = judge(
        cell("x = 1", count=None),
        cell(" \n", count=None),
        cell("# nothing", printed("1\n"), count=7),
        cell(" \n", printed("1\n"), count=None),
        cell("print(2)", printed("2\n")),
    )
    assert never[0] == "failed" and "Cell 0: x = 1" in never[1] and "`make book`" in never[1]
    assert outcomes([empty, faked, kept, after]) == ["passed", "failed", "failed", "passed"]


TAGS = ["nbval-ignore-output", "nbval-skip", "nbval-check-output", "nbval-raises-exception"]
TAGS += ["pytest-validate-ignore-output", "NBVAL_SKIP"]
COMMENTS = ["# NBVAL_IGNORE_OUTPUT", "  #NBVAL_SKIP ", "## PYTEST_VALIDATE_IGNORE_OUTPUT"]


def test_no_word_of_nbval_switches_the_comparison_off(judge):
    tagged = [cell("print(1)", printed("1\n"), tags=[tag]) for tag in TAGS]
    commented = [cell(f"x = 1\n{comment}\nprint(x)", printed("1\n")) for comment in COMMENTS]
    fine = cell("# NBVAL_SKIP is a word of nbval\nprint(1)", printed("1\n"))
    *results, last = judge(*tagged, *commented, fine)
    for (outcome, said), word in zip(results, [*TAGS, *COMMENTS], strict=True):
        assert outcome == "failed" and f"{word.strip(' #')}: no cell is exempt" in said
    assert last == ("passed", "")


def test_bad_metadata_fails(judge):
    results = judge(
        cell("x = 1", nbval={"rtol": 0.1}),
        cell("x = 2", nbval={"x": {"rtol": "a lot"}}),
        cell("print('x', 0.5)", printed("x 0.5\n"), nbval={"x": {"atol": 0.1}}),
    )
    assert outcomes(results) == ["failed", "failed", "passed"]
    assert "Cell 0: x = 1\nnbval metadata has 'rtol': 0.1" in results[0][1]
    assert "Cell 1: x = 2\nnbval metadata has 'x': rtol: 'a lot'" in results[1][1]


@pytest.mark.parametrize("end", ["import os; os._exit(1)", "import time; time.sleep(99)"])
def test_a_kernel_that_is_lost_is_said_once(judge, end):
    cells = cell("print(1)", printed("1\n")), cell(end), cell("print(2)", printed("2\n"))
    late = [] if "exit" in end else ["--nbval-cell-timeout=9"]
    first, lost, after = judge(*cells, options=late)
    why = "cell 1 ran longer than 9 s" if late else "the kernel died in cell 1"
    assert [first[0], lost[0], after[0]] == ["passed", "failed", "skipped"]
    assert lost[1].endswith(why) and why in after[1]


def test_a_cell_waits_as_long_as_the_runner_lets_it(judge, monkeypatch):
    waited = []
    monkeypatch.setattr(nbval_rules.BookFile, "setup", lambda file: waited.append(file.limit))
    monkeypatch.setattr(nbval_rules.BookFile, "teardown", lambda file: None)
    monkeypatch.setattr(nbval_rules.BookCell, "runtest", lambda cell: None)
    judge(cell("1"))
    judge(cell("1"), options=["--nbval-cell-timeout=5"])
    assert waited == [load("run").LIMIT, 5]


def test_what_is_tagged_skip_execution_is_not_run(judge):
    results = judge(
        cell("1 / 0", count=None, tags=["skip-execution"]),
        cell("1 / 0", printed("1\n"), tags=["skip-execution"]),
    )
    assert outcomes(results) == ["skipped", "failed"]
    assert "tagged skip-execution" in results[0][1] and "has a stored run" in results[1][1]


def test_a_cell_alone_runs_after_those_before_it(judge):
    cells = cell("x = 1"), cell("1 / 0"), cell("x += 1\nx", shown("text/plain", "2")), cell("1 / 0")
    cells[2].outputs = [new_output("execute_result", {"text/plain": "2"}, execution_count=1)]
    assert judge(*cells, options=["-k", "Cell and 2"]) == [("passed", "")]


def test_an_error_is_shown_without_colours(judge):
    ((outcome, said),) = judge(cell("x = 1\n1 / 0"))
    assert outcome == "failed" and "ZeroDivisionError: division by zero" in said
    assert "\x1b" not in said


def test_without_a_gpu_its_cells_are_skipped(judge, monkeypatch):
    asked = []
    monkeypatch.setattr(nbval_rules, "has_gpu", lambda torch: asked.append(torch) or False)
    monkeypatch.setattr(nbval_rules, "recorded", lambda *_: {digest("on record"): "fast\n"})
    results = judge(
        cell("x = 1"),
        cell("1 / 0", count=None, tags=["gpu"]),
        cell("print(x)", printed("1\n")),
        cell("on record", printed("fast\n"), tags=["gpu"]),
        cell("on record", printed("slow\n"), tags=["gpu", "clock"]),
        cell("on record", count=None, tags=["gpu"]),
        cell("not on record", printed("fast\n"), tags=["gpu"]),
    )
    assert outcomes(results) == ["passed", "skipped", "passed", "skipped"] + 3 * ["failed"]
    assert all("not that of book/records/gpu-torch.json" in said for _, said in results[4:])
    assert "needs a GPU" in results[1][1]
    assert asked == [False], "only a cell that needs one makes it worth asking"


def test_with_a_gpu_its_cells_are_compared(judge, monkeypatch):
    monkeypatch.setattr(nbval_rules, "has_gpu", lambda torch: True)
    records = {digest("print(1)"): "1\n", digest("print(2)"): "3\n"}
    monkeypatch.setattr(nbval_rules, "recorded", lambda *_: records)
    results = judge(
        cell("print(1)", printed("1\n"), tags=["gpu"]),
        cell("print(2)", printed("3\n"), tags=["gpu"]),
        cell("print(4)", count=None, tags=["gpu"]),
    )
    assert outcomes(results) == ["passed", "failed", "skipped"]
    assert "no stored output" in results[2][1]


def test_without_pytorch_its_notebooks_are_skipped(judge, monkeypatch):
    known = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "torch" else known(name, *a)
    )
    cells = cell("print(1)", printed("1\n")), cell("1 / 0")
    results = judge(*cells, name="toy-torch.ipynb", when="setup")
    assert outcomes(results) == ["skipped", "skipped"]
    assert all("`make torch`" in said for _, said in results)
    assert outcomes(judge(*cells)) == ["passed", "failed"], "MXNet's are not"


@pytest.mark.parametrize("there", [True, False])
def test_pytorch_s_notebooks_ask_pytorch_for_a_gpu(judge, monkeypatch, there):
    torch = types.ModuleType("torch")
    torch.__spec__ = importlib.util.spec_from_loader("torch", None)
    torch.cuda = types.SimpleNamespace(is_available=lambda: there)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr("d2l_gru.try_gpu", None)
    nbval_rules.has_gpu.cache_clear()
    monkeypatch.setattr(nbval_rules, "recorded", lambda *_: {digest("print(1)"): "2\n"})
    (result,) = judge(cell("print(1)", printed("2\n"), tags=["gpu"]), name="toy-torch.ipynb")
    assert result[0] == ("failed" if there else "skipped")
    assert there or "PyTorch finds none" in result[1]
    nbval_rules.has_gpu.cache_clear()


def corpus_cells():
    return (
        cell("x = 28\nprint(x)", printed("29\n"), tags=["corpus"]),
        cell("print(x)", printed("28\n")),
        cell("1 / 0", printed("1\n"), tags=["corpus"]),
        cell("print(1)", printed("2\n")),
    )


def test_with_the_sample_cells_of_the_corpus_run_but_are_not_compared(judge, monkeypatch):
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    results = judge(*corpus_cells())
    assert outcomes(results) == ["skipped", "passed", "failed", "failed"]
    assert "not the sample's" in results[0][1] and "ZeroDivisionError" in results[2][1]


def test_with_the_corpus_all_cells_are_compared(judge, monkeypatch):
    monkeypatch.setenv("D2L_GRU_DATA", "a folder")
    assert outcomes(judge(*corpus_cells())) == ["failed", "passed", "failed", "failed"]


def test_errors_that_are_part_of_the_book(judge):
    def error(value, shown=None):
        trace = [shown or as_shown.replace("id 30", value)]
        return [new_output("error", ename="ValueError", evalue=value, traceback=trace)]

    source = "raise ValueError('id 30')"
    with Kernel() as kernel, pytest.raises(AssertionError) as raised:
        kernel.run(source)
    as_shown = str(raised.value)
    results = judge(
        cell(source, error("id 30"), tags=["raises-exception"]),
        cell(source, error("id 31"), tags=["raises-exception"]),
        cell(source, error("id 30", "in another place"), tags=["raises-exception"]),
        cell("pass", error("id 30"), tags=["raises-exception"]),
        cell(source, error("id 30")),
    )
    assert outcomes(results) == ["passed"] + 4 * ["failed"]


def test_the_order_of_cells_counts(judge):
    first, second = cell("x = 1\nprint(x)", printed("1\n")), cell("x = 2")
    last = cell("print(x)", printed("2\n"))
    assert outcomes(judge(first, second, last)) == ["passed"] * 3
    assert outcomes(judge(second, first, last)) == ["passed", "passed", "failed"]


def test_many_messages_of_one_cell_arrive(judge):
    source = (
        "live = display(0, display_id=True)\n"
        "for i in range(300):\n    live.update(i)\n    print(i, flush=True)"
    )
    text = "".join(f"{i}\n" for i in range(300))
    results = judge(cell(source, [*shown("text/plain", "299"), *printed(text)]))
    assert outcomes(results) == ["passed"]


def test_a_display_stays_as_its_own_cell_left_it(judge):
    """So that it is the same when the cell is compared and when the notebook is at its end."""
    first = cell("live = display(0, display_id=True)", shown("text/plain", "0"))
    cells = [new_code_cell(source) for source in (first.source, "live.update(1)")]
    (client := Client(new_notebook(cells=cells), ".")).execute()
    assert client.nb.cells[0].outputs[0].data == first.outputs[0].data
    assert outcomes(judge(first, cell("live.update(1)"))) == ["passed", "passed"]


def test_the_kernel_is_this_python(judge, monkeypatch, tmp_path):
    other = tmp_path / "jupyter" / "kernels" / "python3"
    other.mkdir(parents=True)
    spec = {"argv": ["false"], "display_name": "of somewhere else", "language": "python"}
    (other / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "mine.py").write_text("mine = 1")
    source = "import sys, os; print(sys.prefix, os.environ['MPLBACKEND'][:10], 'mine' in globals())"
    results = judge(cell(source, printed(f"{sys.prefix} module://m False\n")))
    assert results == [("passed", "")]


@pytest.fixture
def root_conftest():
    spec = importlib.util.spec_from_file_location("root_conftest", ROOT / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_corpus_is_chosen_before_any_test(root_conftest, monkeypatch, tmp_path):
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    root_conftest.pytest_configure()
    monkeypatch.delenv("D2L_GRU_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # empty
    root_conftest.pytest_configure()
    assert root_conftest.os.environ["D2L_GRU_DATA"] == "sample"


def test_a_session_without_the_package_or_with_a_wrong_folder_stops(root_conftest, monkeypatch):
    monkeypatch.setenv("D2L_GRU_DATA", "/no/such/folder")
    with pytest.raises(pytest.UsageError, match="/no/such/folder"):
        root_conftest.pytest_configure()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(pytest.UsageError, match="run `make test`"):
        root_conftest.pytest_configure()
