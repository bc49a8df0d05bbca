"""The rules of ``pytest --nbval``, on toy notebooks that real kernels run."""

import importlib.util
import json
import sys
import types
from pathlib import Path

import nbformat
import nbval_rules
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parent.parent
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path id="p" d="M 0 0 L {} 40"/></svg>'

TABLE = "<table><tr><td>0.125</td><td>{}</td></tr></table>"


def printed(text, name="stdout"):
    return [new_output("stream", name=name, text=text)]


def shown(mime, text, **metadata):
    return [new_output("display_data", {mime: text}, metadata=metadata)]


def cell(source, outputs=(), count=1, tags=(), **nbval):
    metadata = {"tags": list(tags)} | ({"nbval": nbval} if nbval else {})
    return new_code_cell(
        source, outputs=list(outputs), execution_count=count, metadata=metadata, id="a"
    )


@pytest.fixture
def judge(pytester, capsys, monkeypatch):
    """Test a notebook of some cells; return each one's outcome and what is said about it."""

    monkeypatch.chdir(pytester.mkdir("elsewhere"))  # options are relative to the root
    (pytester.path / "sanitize.cfg").write_text((ROOT / "tests" / "sanitize.cfg").read_text())

    def run(*cells, name="toy.ipynb", when="call"):
        for number, one in enumerate(cells):
            one.id = f"cell-{number}"
        kernelspec = {"name": "python3", "display_name": "any"}
        notebook = new_notebook(cells=list(cells), metadata={"kernelspec": kernelspec})
        nbformat.write(notebook, pytester.path / name)
        reports = pytester.inline_run(
            "--nbval",
            "--nbval-current-env",
            "--nbval-sanitize-with=sanitize.cfg",
            f"--rootdir={pytester.path}",
            "--color=no",
            "-omarkers=gpu: needs a GPU",
            "-pnbval_rules",
            "-pno:cacheprovider",
            f"../{name}",
        ).getreports("pytest_runtest_logreport")
        capsys.readouterr()
        called = [report for report in reports if report.when == when]
        assert len(called) == len(cells) and all(r.passed for r in reports if r.when != when)
        assert not any(report.capstdout for report in called), "nbval does not chatter"
        for one, report in zip(cells, called, strict=True):
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
    "clock": (
        "import datetime, time\n"
        "print(f'{time.time():,.0f} tokens/s, {time.perf_counter():.2f} s')\n"
        "print(datetime.date.today(), object())",
        printed("9 tokens/s, 0.91 s\n2019-07-14 <object object at 0x7f3a5c0b1e40>\n"),
        [printed("9 tokens/s, 0.91 m\n2019-07-14 <object object at 0x7f3a5c0b1e40>\n")],
    ),
}
FIRST = "from IPython.display import HTML, display\nfrom myst_nb import glue"


def test_what_agrees_passes(judge):
    cells = [cell(source, stored) for source, stored, _ in CASES.values()]
    results = judge(cell(FIRST), *cells, cell("print(2.5)", printed("2.4\n"), rtol=0.1))
    assert results == [("passed", "")] * len(results)


def test_what_differs_fails(judge):
    tried = [
        (name, cell(source, other))
        for name, (source, _, others) in CASES.items()
        for other in others
    ]
    tried.append(("beyond the cell's tolerance", cell("print(2.5)", printed("2.2\n"), rtol=0.1)))
    tried.append(("not stored", cell("print(1)")))
    _, *results = judge(cell(FIRST), *(one for _, one in tried))
    names = [name for name, _ in tried]
    assert [*zip(names, outcomes(results), strict=True)] == [(name, "failed") for name in names]
    assert all("stored and new outputs differ" in said for _, said in results)


def test_a_difference_is_readable(judge):
    source = "\n# train\nprint('epoch 50\\nperplexity 10.7, loss 2.37')\nx = 1"
    stored = printed("epoch 50\nperplexity 10.7, loss 2.35\n")
    text, figure = judge(
        cell(source, stored, rtol=0.001),
        cell(CASES["figure"][0], shown("image/svg+xml", SVG.format(31))),
    )
    assert text == (
        "failed",
        "toy.ipynb, Cell 0: # train\n"
        "stored and new outputs differ\n"
        "  output 1, stream, stdout:\n"
        "    stored: perplexity 10.7, loss 2.35\n"
        "    new:    perplexity 10.7, loss 2.37\n"
        "            2.35 -> 2.37: relative error 8.5e-03, allowed 0.001",
    )
    assert "#p, d: 1 of 4 coordinates moved" in figure[1] and "<svg" not in figure[1][120:]


def test_a_cell_without_a_stored_run_fails(judge):
    never, empty, skipped, after = judge(
        cell("x = 1", count=None),
        cell(" \n", count=None),
        cell("1 / 0", count=None, tags=["nbval-skip"]),
        cell("print(2)", printed("2\n")),
    )
    assert never[0] == "failed" and "Cell 0: x = 1" in never[1] and "`make book`" in never[1]
    assert [empty[0], skipped[0], after[0]] == ["passed", "skipped", "passed"]


def test_bad_metadata_fails(judge):
    results = judge(cell("x = 1", rtoll=0.1), cell("x = 2", rtol="a lot"), cell("x = 3", atol=1))
    assert outcomes(results) == ["failed", "failed", "passed"]
    assert "Cell 0: x = 1\nnbval metadata has the key 'rtoll'" in results[0][1]
    assert "Cell 1: x = 2\nnbval metadata has rtol: 'a lot'" in results[1][1]


def test_without_a_gpu_its_cells_are_skipped(judge, monkeypatch):
    asked = []
    monkeypatch.setattr(nbval_rules, "has_gpu", lambda torch: asked.append(torch) or False)
    results = judge(
        cell("x = 1"), cell("1 / 0", count=None, tags=["gpu"]), cell("print(x)", printed("1\n"))
    )
    assert outcomes(results) == ["passed", "skipped", "passed"]
    assert "needs a GPU" in results[1][1]
    assert asked == [False], "only a cell that needs one makes it worth asking"


def test_with_a_gpu_its_cells_are_compared(judge, monkeypatch):
    monkeypatch.setattr(nbval_rules, "has_gpu", lambda torch: True)
    results = judge(
        cell("print(1)", printed("1\n"), tags=["gpu"]),
        cell("print(1)", printed("2\n"), tags=["gpu"]),
        cell("print(1)", count=None, tags=["gpu"]),
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
    def error(value):
        return [new_output("error", ename="ValueError", evalue=value, traceback=["elsewhere"])]

    source = "raise ValueError('id 30')"
    results = judge(
        cell(source, error("id 30"), tags=["raises-exception"]),
        cell(source, error("id 31"), tags=["raises-exception"]),
        cell("pass", error("id 30"), tags=["raises-exception"]),
        cell(source, error("id 30")),
    )
    assert outcomes(results) == ["passed", "failed", "failed", "failed"]


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


def test_these_options_are_the_book_s(pytestconfig):
    if pytestconfig.rootpath != ROOT:
        pytest.skip("run from elsewhere")
    assert pytestconfig.option.nbval_current_env
    assert pytestconfig.option.nbval_sanitize_with == "tests/sanitize.cfg"


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
