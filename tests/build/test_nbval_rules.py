"""The rules of ``pytest --nbval``, on toy notebooks that real kernels run."""

import importlib.util
import os
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import nbval_rules
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from tools_of_the_build import ROOT

from tools.kernel import Client
from tools.notebook import LIMIT, digest

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path id="p" d="M 0 0 L {} 40"/></svg>'


def printed(text, name="stdout"):
    return [new_output("stream", name=name, text=text)]


def shown(text, kind="display_data", mime="text/plain"):
    number = {"execution_count": 1} if kind == "execute_result" else {}
    return [new_output(kind, {mime: text}, **number)]


def cell(source, outputs=(), count=1, tags=(), nbval=None):
    metadata = {"tags": list(tags)} | ({"nbval": nbval} if nbval else {})
    return new_code_cell(source, outputs=list(outputs), execution_count=count, metadata=metadata)


@pytest.fixture
def judge(pytester, capsys, monkeypatch):
    """Test a notebook; return each cell's outcome and what is said about it."""
    monkeypatch.chdir(pytester.mkdir("elsewhere"))
    monkeypatch.setenv("D2L_GRU_DATA", "a folder")

    def run(*cells, name="toy.ipynb", options=()):
        for number, one in enumerate(cells):
            one.id = f"cell-{number}"
        nbformat.write(new_notebook(cells=list(cells)), pytester.path / name)
        done = pytester.inline_run(
            "--nbval", *options, f"--rootdir={pytester.path}", "--color=no",
            "-omarkers=gpu: needs a GPU", "-pnbval_rules", "-pno:cacheprovider", f"../{name}",
        )  # fmt: skip
        capsys.readouterr()
        reports = done.getreports("pytest_runtest_logreport")
        told = [r for r in reports if r.when == "call" or r.skipped]
        assert all(r.passed for r in reports if r not in told)
        assert not any(r.capstdout for r in told), "nbval does not chatter"
        for one, report in zip(cells, told, strict=True) if not options else ():
            assert ("gpu" in report.keywords) == ("gpu" in one.metadata.tags), "for pytest -m"
        return [(r.outcome, r.longrepr[2] if r.skipped else r.longreprtext) for r in told]

    return run


def error(value, *trace):
    return [new_output("error", ename="ValueError", evalue=value, traceback=[*trace])]


def traceback(source):
    """Return the error of a cell as the kernel shows it."""
    client = Client(new_notebook(cells=[new_code_cell(source)]), ".", allow_errors=True)
    return client.execute().cells[0].outputs


# A cell's source, and what it shows.
FIGURE = f"display({{'image/svg+xml': {SVG.format(30)!r}}}, raw=True)"
RAISES = "raise ValueError('id 30')"
AGREE = [
    ("from IPython.display import clear_output, display; import sys, os, ipywidgets", []),
    ("print(0.12345678)", printed("0.12345671\n")),
    ("[0.5, 2]", shown("[0.5, 2]", "execute_result")),
    (FIGURE, shown(SVG.format(30.005), mime="image/svg+xml")),
    ("live = display(0, display_id=True)", shown("0")),  # as it was at this cell's end
    ("live.update(1)", []),
    ("print(1)\nclear_output(wait=True)\nprint(2)", printed("2\n")),
    ("print('a')\ndisplay(1)\nprint('b')", [*printed("a\n"), *shown("1"), *printed("b\n")]),
    ("print(1, end='\\r')\nprint(2)", printed("2\n")),
    ("live = display(0, display_id=True)\nfor i in range(99): live.update(i); print(i, flush=True)",
     [*shown("98"), *printed("".join(f"{i}\n" for i in range(99)))]),  # all of them arrive
]  # fmt: skip


def test_what_agrees_passes(judge, monkeypatch, tmp_path):
    """In this Python's own kernel, whatever its user's settings say."""
    (startup := tmp_path / "ipython" / "profile_default" / "startup").mkdir(parents=True)
    (startup / "mine.py").write_text("mine = 1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    here = "print(sys.prefix, os.environ['MPLBACKEND'][:10], 'mine' in globals())"
    clock = "import time, datetime\nprint(time.time(), 's on', datetime.date.today())"
    results = judge(
        *(cell(*each) for each in AGREE),
        cell(here, printed(f"{sys.prefix} module://m False\n")),
        cell("print('x', 2.5)", printed("x 2.4\n"), nbval={"x": {"rtol": 0.1}}),
        cell(clock, printed("0.91 s on 2019-07-14\n"), tags=["clock", "machine"]),
        cell(RAISES, traceback(RAISES), tags=["raises-exception"]),
        cell("# NBVAL_SKIP is a word of nbval\nprint(1)", printed("1\n")),
        cell(" \n", count=None),
    )
    assert results == [("passed", "")] * len(results)


ANOTHER = "stored and new outputs differ"
WORDS = ["nbval-ignore-output", "nbval-skip", "nbval-check-output", "nbval-raises-exception"]
WORDS += ["pytest-validate-ignore-output", "NBVAL_SKIP"]
COMMENTS = ["# NBVAL_IGNORE_OUTPUT", "  #NBVAL_SKIP ", "## PYTEST_VALIDATE_IGNORE_OUTPUT"]
X = ("print('x', 2.5)", printed("x 2.2\n"))
READABLE = """\
toy.ipynb, Cell 1: print('epoch 50\\nloss 2.37')
stored and new outputs differ
  output 1, stream, stdout:
    stored: loss 2.35
    new:    loss 2.37
            2.35 -> 2.37: relative error 8.5e-03, allowed rtol 1e-05"""
WRONG = [
    (cell("\nprint('epoch 50\\nloss 2.37')", printed("epoch 50\nloss 2.35\n")), READABLE),
    (cell("print(1)"), ANOTHER),
    (cell("# nothing", printed("1\n")), ANOTHER),
    (cell("display(1)\nprint('a')", [*printed("a\n"), *shown("1")]), ANOTHER),
    (cell("print(1, end='\\r')\nprint(2)", printed("1\r2\n")), ANOTHER),
    (cell("display(ipywidgets.IntText(7))", shown("IntText(value=7)")), ANOTHER),
    (cell(*X, nbval={"x": {"rtol": 0.1}}), "2.2 -> 2.5: relative error 1.4e-01, allowed rtol 0.1"),
    (cell("pass", nbval={"y": {"rtol": 0.1}}), "the tolerance 'y' matches nothing"),
    (cell("x = 1", nbval={"rtol": 0.1}), ": x = 1\nnbval metadata has 'rtol': 0.1"),
    (cell("\n# train\nx = 1", count=None), ": # train\nhas no stored run"),
    (cell(" \n", printed("1\n"), count=None), ANOTHER),
    *((cell("1", tags=[word]), f"{word}: no cell is exempt") for word in WORDS),
    *((cell(f"1\n{word}\n2"), f"{word.strip(' #')}: no cell is exempt") for word in COMMENTS),
    (cell("pass", error("id 30"), tags=["raises-exception"]), ANOTHER),
    (cell(RAISES, error("id 31"), tags=["raises-exception"]), "id 31"),
    (cell(RAISES, error("id 30", "elsewhere"), tags=["raises-exception"]), "traceback:"),
    (cell(RAISES, error("id 30")), "ValueError: id 30"),
    (cell("1 / 0", printed("1\n"), tags=["skip-execution"]), "has a stored run"),
    (cell("print(28)", printed("29\n"), tags=["corpus"]), "29 -> 28: integers must be equal"),
]


def test_what_differs_fails(judge):
    first, *results, last = judge(
        cell(AGREE[0][0]),
        *(one for one, _ in WRONG),
        cell("1 / 0", count=None, tags=["skip-execution"]),
    )
    assert first == ("passed", "") and last == ("skipped", "Skipped: it is tagged skip-execution")
    for (one, part), (outcome, said) in zip(WRONG, results, strict=True):
        assert outcome == "failed" and part in said and "\x1b" not in said, one.source


def test_a_kernel_that_dies_is_said_once(judge):
    cells = cell("print(1)", printed("1\n")), cell("import os; os._exit(1)"), cell("1")
    first, lost, after = judge(*cells)
    assert [first[0], lost[0], after[0]] == ["passed", "failed", "skipped"]
    assert lost[1].endswith(why := "the kernel died in cell 1") and why in after[1]


def test_a_cell_runs_as_long_as_it_may_and_after_those_before_it(judge):
    cells = [cell("x = 1"), cell("1 / 0"), cell("x += 1; print(x)", printed("2\n")), cell("1")]
    cells.append(cell("import time; time.sleep(99)"))
    options = ["-k", "Cell and (2 or 4)", "--nbval-cell-timeout=5"]
    second, late = judge(*cells, options=options)
    assert second == ("passed", "") and "cell 4 ran longer than 5 s" in late[1]


@pytest.mark.parametrize("options, limit", [([], LIMIT), (["--nbval-cell-timeout=5"], 5)])
def test_a_cell_waits_as_long_as_the_runner_lets_it(pytester, options, limit):
    config = pytester.parseconfigure("--nbval", "-pno:cacheprovider", *options)
    nbval_rules.pytest_configure(config)
    assert config.option.nbval_cell_timeout == limit


NOT_ON_RECORD = "not that of book/records/gpu-torch.json"
WITHOUT_GPU = [
    (cell("x = 1"), "passed", ""),
    (cell("1 / 0", count=None, tags=["gpu"]), "skipped", "MXNet finds none"),
    (cell("on record", printed("fast\n"), tags=["gpu"]), "skipped", "MXNet finds none"),
    (cell("on record", printed("slow\n"), tags=["gpu", "clock"]), "failed", NOT_ON_RECORD),
    (cell("on record", count=None, tags=["gpu"]), "failed", NOT_ON_RECORD),
    (cell("not on record", printed("fast\n"), tags=["gpu"]), "failed", NOT_ON_RECORD),
    (cell("x = 28; print(x)", printed("29\n"), tags=["corpus"]), "skipped", "not the sample's"),
    (cell("print(x)", printed("28\n")), "passed", ""),
    (cell("1 / 0", printed("1\n"), tags=["corpus"]), "failed", "ZeroDivisionError"),
    (cell("assert 1 == 2", tags=["corpus"]), "skipped", "not the sample's"),
    (cell("assert 1 == 2"), "failed", "AssertionError"),
]
WITH_GPU = [
    (cell("print(1)", printed("1\n"), tags=["gpu"]), "passed", ""),
    (cell("print(2)", printed("3\n"), tags=["gpu"]), "failed", "3 -> 2"),
    (cell("print(4)", count=None, tags=["gpu"]), "skipped", "no stored output"),
]


@pytest.mark.parametrize("cells, there", [(WITHOUT_GPU, False), (WITH_GPU, True)])
def test_cells_of_a_gpu_and_of_the_corpus(judge, monkeypatch, cells, there):
    """The sample is the corpus here; without a GPU, what is stored must be what is on record."""
    asked, records = [], {"on record": "fast\n", "print(1)": "1\n", "print(2)": "3\n"}
    records = {digest(source): text for source, text in records.items()}
    monkeypatch.setenv("D2L_GRU_DATA", "sample")
    monkeypatch.setattr(nbval_rules, "has_gpu", lambda torch: asked.append(torch) or there)
    monkeypatch.setattr(nbval_rules, "recorded", lambda *_: records)
    results = judge(*(one for one, *_ in cells))
    for (one, outcome, part), (got, said) in zip(cells, results, strict=True):
        assert got == outcome and part in said, one.source
    assert asked == [False], "of MXNet, once, and only since a cell needs one"


@pytest.mark.parametrize("there", [True, False])
def test_pytorch_s_notebooks_ask_pytorch_for_a_gpu(monkeypatch, there):
    torch = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: there))
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "d2l_gru", None)
    assert nbval_rules.has_gpu(True) == there


def test_without_pytorch_its_notebooks_are_skipped(judge, monkeypatch):
    find = importlib.util.find_spec
    there = lambda name, *a: None if name == "torch" else find(name, *a)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", there)
    ((outcome, said),) = judge(cell("1 / 0"), name="toy-torch.ipynb")
    assert outcome == "skipped" and "`make torch`" in said


@pytest.mark.parametrize("option", nbval_rules.REFUSED)
def test_no_option_weakens_the_comparison(pytester, option):
    value = "=none" if option.endswith(("with", "name")) else ""
    option = f"--{option.replace('_', '-')}"
    done = pytester.runpytest("--nbval", option + value, "-pnbval_rules", "-pno:cacheprovider")
    assert done.ret == 4 and f"{option} is not for this book" in done.stderr.str()


def test_ordinary_options_do_no_harm():
    """Not even those that leave out a plugin whose settings are ours."""
    options = "-p no:cacheprovider -p no:xdist -W error --import-mode=importlib --collect-only -q"
    command = [sys.executable, "-m", "pytest", "--nbval", *options.split(), "book/speed.ipynb"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0 and "Cell 0" in done.stdout, done.stdout


def test_the_corpus_is_chosen_before_any_test_or_the_session_stops(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("root_conftest", ROOT / "conftest.py")
    spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
    monkeypatch.delenv("D2L_GRU_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # empty
    module.pytest_configure()
    assert os.environ["D2L_GRU_DATA"] == "sample"
    monkeypatch.setenv("D2L_GRU_DATA", "/no/such/folder")
    with pytest.raises(pytest.UsageError, match="/no/such/folder"):
        module.pytest_configure()
