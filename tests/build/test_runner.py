"""The runner, on small chapters of its own: what it runs, keeps, and never breaks."""

import contextlib
import io
import json
import os
import subprocess
import sys
import types
from unittest import mock

import nbformat
import pytest

from d2l_gru import corpus
from tools import fingerprint, kernel, notebook, run
from tools.notebook import code_cells, tags

HEAD = "---\nkernelspec:\n  name: python3\n  display_name: any\n---\n\n# A title\n\nSome prose.\n"
TEXT = corpus.Corpus("timemachine", corpus.SAMPLE, corpus.SHA256, "a test's own")


def cell(code, **metadata):
    """Write a cell as Jupytext would."""
    options = f"---\n{json.dumps(metadata)}\n---\n" if metadata else ""
    if isinstance(metadata.get("tags"), list) and len(metadata) == 1:
        options = f":tags: [{', '.join(metadata['tags'])}]\n\n"
    return f"\n```{{code-cell}} ipython3\n{options}{code}\n```\n"


PACKAGE = '''"""A package."""\ndef f(x):\n    """Say it."""\n    return x + 0.5  # at first\n'''
SAID_OTHERWISE = "def f(x):\n    # Not so.\n\n    return (x + .5)\n"
PAIR = (cell("x = 1", tags=["mxnet"]), cell("x = 2", tags=["torch", "remove-cell"]))
ONE = cell("print(1)")


class Project:
    """A folder with chapters, a package of one module, and no network."""

    def __init__(self, root):
        self.root, self.notebook = root, root / "book" / "one.ipynb"
        self.ran = []  # one list of sources a run, where no kernel runs them
        for folder in ("chapters", "src/d2l_gru/torch", "book/records"):
            (root / folder).mkdir(parents=True)
        self.package, self.record = root / "src" / "package.py", root / "book/records/seeds.json"
        self.package.write_text(PACKAGE)
        self.record.write_text("{}")

    def write(self, *cells, prose="", name="one"):
        (self.root / "chapters" / f"{name}.md").write_text(HEAD + prose + "".join(cells))

    def run(self, *arguments):
        return run.main(arguments, root=self.root)

    def read(self, name="one"):
        return nbformat.read(self.root / "book" / f"{name}.ipynb", as_version=4)

    def cells(self, name="one"):
        return code_cells(self.read(name))


@pytest.fixture
def live(tmp_path, monkeypatch):
    """A project whose notebooks are run by kernels."""
    monkeypatch.setattr(corpus, "find", lambda: TEXT)
    return Project(tmp_path)


@pytest.fixture
def project(live, monkeypatch):
    """A project whose cells are run in this process, to ask only which are."""

    class Client:
        km = None

        def __init__(self, notebook, folder, left_out, limit, on_cell_execute, on_cell_executed):
            self.cells, self.left_out = notebook.cells, {"skip-execution", *left_out}
            self.before, self.after = on_cell_execute, on_cell_executed

        async def async_execute(self, env):
            names = {}
            live.ran.append([])
            for number, one in enumerate(self.cells[:-1]):  # the last asks for the device
                if one.cell_type == "code" and one.source and not self.left_out & tags(one):
                    self.before(cell=one, cell_index=number)
                    live.ran[-1].append(one.source)
                    with contextlib.redirect_stdout(io.StringIO()) as printed:
                        exec(one.source, names)
                    one.outputs = [nbformat.v4.new_output("stream", text=printed.getvalue())]
                    one.execution_count = number
                    self.after(cell=one, cell_index=number, execute_reply=None)

        def _cleanup_kernel(self):
            pass

    monkeypatch.setattr(kernel, "Client", Client)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    return live


@pytest.fixture
def torch(project, monkeypatch):
    """Say which PyTorch is installed, from then on."""

    def say(*versions):
        find = lambda *names: list(versions) if names == ("torch",) else ["1.9.1"]  # noqa: E731
        monkeypatch.setattr(run, "installed", find)

    say("2.13.0")
    return say


# What kernels run


def test_a_chapter_is_run_and_a_second_run_gives_the_same_file(live):
    live.write(
        cell("import os, sys, time; os.environ['D2L_GRU_DATA'][-7:]"),
        cell("print(0); display(7); print(8, end='\\r'); print(9)"),
        cell("1 / 0", tags=["raises-exception"]),
        cell("time.sleep(1.1)\nprintf = f'{time.time():.4f} s'; print(printf, object())",
             tags=["clock", "machine"]),
        cell("left out", tags=["skip-execution"]),
        cell("from tqdm.auto import tqdm\nsum(tqdm([1, 2], disable=True))"),
    )  # fmt: skip
    assert live.run() == 0
    stored = live.read()
    nbformat.validate(stored)
    first, streams, error, _, left, bar = code_cells(stored)
    assert first.outputs[0].data["text/plain"] == "'d2l_gru'"
    said = [(o.get("name"), o.get("text") or o.data["text/plain"]) for o in streams.outputs]
    assert said == [("stdout", "0\n"), (None, "7"), ("stdout", "9\n")]
    assert error.outputs[0].ename == "ZeroDivisionError"
    assert (left.outputs, left.execution_count) == ([], None)
    assert bar.outputs[0].data["text/plain"] == "3"
    assert set(stored.metadata) == {"d2l_gru", "kernelspec", "language_info", "jupytext"}
    ran = stored.metadata.d2l_gru.run
    assert 1.1 <= ran.cells["4"] <= ran.seconds  # others only if a busy machine makes them slow
    assert {"numpy", "python"} < ran.versions.keys() and ran.device is None
    before, written = live.notebook.stat(), live.notebook.read_bytes()
    assert live.run() == 0 and live.notebook.stat() == before
    assert live.run("--force") == 0 and live.notebook.read_bytes() == written


def test_the_numbers_of_a_clock_on_a_page_are_of_one_run(live):
    live.write(
        cell("import time; t = time.time()\nprint(f'{t:.6f} s')", tags=["clock"]),
        cell("print(f'{t:.6f} as a number only')", tags=["clock"]),
    )
    assert live.run() == 0 and live.run("--force") == 0
    here, there = ("".join(o.text for o in c.outputs).split()[0] for c in code_cells(live.read()))
    assert here == there


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1\ny = x / 0", "ZeroDivisionError: division by zero"),
        ("import os; os._exit(3)", "DeadKernelError: Kernel died"),
        ("while True: pass", "CellTimeoutError: A cell timed out"),
    ],
)
def test_a_failure_names_its_cell_and_changes_nothing(live, monkeypatch, capsys, code, said):
    live.notebook.write_text(json.dumps(nbformat.v4.new_notebook()))
    before = live.notebook.read_bytes()
    live.write(cell("2"), cell("\n" + code))
    monkeypatch.setattr(run, "LIMIT", 2)
    assert live.run() == 1
    message = capsys.readouterr().err
    first = code.split("\n")[0]
    assert message.startswith(f"chapters/one.md, code cell 2: {first}\n") and said in message
    assert "\x1b" not in message and live.notebook.read_bytes() == before
    assert sorted(os.listdir(live.root / "book")) == ["one.ipynb", "records"]


MEET = """
import os, pathlib, time
pathlib.Path("../{ours}.here").touch()
end = time.time() + 100
while not pathlib.Path("../{theirs}.here").exists():
    assert time.time() < end
    time.sleep(0.05)
print(os.environ["OMP_NUM_THREADS"])"""
WHO = """
import os, pathlib
here = [path.stem for path in pathlib.Path("..").glob("*.here")]
print(*sorted(here), os.environ["OMP_NUM_THREADS"])"""


def test_notebooks_run_side_by_side_and_what_is_timed_alone(live, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    live.write(cell(MEET.format(ours="one", theirs="two")))
    live.write(cell(MEET.format(ours="two", theirs="one")), name="two")
    live.write(cell(WHO, tags=["timed"]), name="a_timed")
    assert live.run() == 0
    printed = [live.cells(name)[0].outputs[0].text for name in ("one", "two", "a_timed")]
    assert printed == ["1\n", "1\n", "one two 3\n"]


# What is run, and when


def test_the_longest_run_begins_first_and_after_a_failure_no_other(project, monkeypatch, capsys):
    took = {"one": 2.5, "two": 90, "three": 30, "timed": 0}
    for name in took:
        code = "open('nothing')" if name == "three" else f"'{name}'"
        project.write(cell(code, tags=["timed"] if name == "timed" else []), name=name)
    monkeypatch.setattr(run.Book, "seconds", lambda self, name: took[name])
    assert project.run() == 1
    assert [sources[0] for sources in project.ran[:1]] == ["'two'"] and len(project.ran) == 2
    assert "chapters/three.md, " in capsys.readouterr().err
    assert {path.stem for path in (project.root / "book").glob("*.ipynb")} == {"two"}


def test_what_makes_which_notebook_stale(project, torch):
    project.write(*PAIR, cell("'seeds.json'"))

    def ran():
        before = len(project.ran)
        assert project.run() == 0
        return sorted(sources[0] for sources in project.ran[before:])

    both = ["x = 1", "x = 2"]
    assert ran() == both and ran() == []
    changes = [
        (project.package, PACKAGE.replace("0.5", "0.25"), both),
        (project.package, PACKAGE, both),
        (project.package, SAID_OTHERWISE, []),
        (project.root / "src" / "another.py", "", both),
        (project.root / "src" / "d2l_gru" / "torch" / "gru.py", "x = 1", ["x = 2"]),
        (project.record, "[]", both),
        (project.record.with_name("unread.json"), "[]", []),
    ]
    for path, text, runs in changes:
        path.write_text(text)
        assert ran() == runs, (path, text)
    torch("2.14.0")
    assert ran() == ["x = 2"]
    project.write(*PAIR, cell("print(3)"))
    assert ran() == both and project.cells()[1].outputs[0].text == "3\n"
    lost = project.read()
    for one in code_cells(lost):
        one.outputs, one.execution_count = [], None
    nbformat.write(lost, project.notebook)
    assert ran() == ["x = 1"] and project.cells()[1].outputs[0].text == "3\n"


def test_prose_reaches_the_notebook_without_a_run(project, capsys):
    project.write(ONE)
    project.run()
    outputs = project.cells()[0].outputs
    project.write(cell("print(1)", mystnb={"image": {"alt": "none"}}), prose="\nMore.\n")
    assert project.run() == 0 and capsys.readouterr().out.endswith("one: text refreshed\n")
    assert len(project.ran) == 1 and "More." in project.notebook.read_text()
    assert project.cells()[0].outputs == outputs
    assert project.cells()[0].metadata.mystnb.image.alt == "none"


def test_the_run_on_the_card_is_the_one_that_made_the_outputs(project):
    def date():
        return project.read().metadata.d2l_gru.run.date

    value = project.root / "value"
    value.write_text("1")
    project.write(cell(f"import pathlib; print(pathlib.Path({str(value)!r}).read_text())"))
    project.run()
    edit(project.notebook, date(), "2001-02-03")
    project.run("--force")
    assert len(project.ran) == 2 and date() == "2001-02-03"
    value.write_text("2")
    project.run("--force")
    assert date() != "2001-02-03"


def test_without_the_corpus_nothing_runs_and_what_needs_it_is_said(project, monkeypatch, capsys):
    for name in ("one", "two"):
        project.write(ONE, name=name)
    project.run()
    before = project.notebook.read_bytes()
    missing = corpus.Corpus("sample", corpus.SAMPLE, "", "there is no network")
    monkeypatch.setattr(corpus, "find", lambda: missing)
    assert project.run() == 0 and capsys.readouterr().err == ""
    project.write(cell("print(2)"))
    project.write(ONE, name="two", prose="More.\n")
    assert project.run() == 0 and len(project.ran) == 2
    said = capsys.readouterr().err
    assert said.startswith("one: not run, and still shown as it was")
    assert "(there is no network)" in said and "D2L_GRU_DATA" in said
    assert project.notebook.read_bytes() == before
    assert "More." in str(project.read("two").cells)


def edit(path, old, new):
    """Edit a notebook, as Jupyter would."""
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("name", ["one", "one-torch"])
def test_edits_of_a_notebook_are_noticed_and_taken_over(project, torch, capsys, name):
    project.write(*PAIR, "\nThe first.\n", ONE, prose="\nIt begins.\n")
    project.run()
    for command in ("init -q", "add .", "-c user.name=a -c user.email=a commit -qm all"):
        subprocess.run(["git", *command.split()], cwd=project.root, check=True)
    path, chapter = project.root / "book" / f"{name}.ipynb", project.root / "chapters" / "one.md"
    edit(path, "It begins.", "It began.")
    edit(path, "print(1)", "print(3)")
    edited = path.read_bytes()
    project.write(*PAIR, "\nThe last.\n", ONE, prose="\nIt begins.\n")
    assert project.run() == 1 and path.read_bytes() == edited
    said = capsys.readouterr().err
    assert f"book/{name}.ipynb was edited" in said and f'ARGS="--take {name}"' in said
    assert project.run("--take", name) == 0
    expected = HEAD + "\nIt began.\n" + "".join([*PAIR, "\nThe last.\n", cell("print(3)")])
    assert chapter.read_text() == expected
    assert project.run() == 0 and project.cells(name)[-1].outputs[0].text == "3\n"


def test_a_cell_that_left_a_notebook_is_missed_and_force_puts_it_back(project):
    project.write(ONE, "\nText.\n", cell("print(2)"))
    project.run()
    whole, shorter = project.cells(), project.read()
    del shorter.cells[-1]
    nbformat.write(shorter, project.notebook)
    assert project.run() == 1 and project.run("--force") == 0
    assert project.cells() == whole


# What is refused


@pytest.mark.parametrize("text", ["", "null", '{"cells": 3}', "[" * 9999])
def test_a_notebook_that_cannot_be_read_is_named_and_kept(project, capsys, text):
    project.write(ONE)
    project.notebook.write_text(text)
    assert project.run() == 1 and project.notebook.read_text() == text
    assert capsys.readouterr().err.startswith("book/one.ipynb cannot be read: ")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([ONE, cell("1", tags=["gpuu"])], "code cell 2: there is no tag gpuu; write gpu"),
        ([cell("1", caption="a")], "code cell 1: pages ignore its option 'caption'"),
        ([cell("1", mystnb={"figure": {"nam": "a"}})], "pages ignore its option 'nam'"),
        ([cell("1", mystnb={"fig": {}})], "pages ignore its option 'fig'"),
        ([cell("1").replace("{code-cell} ipython3", "{raw-cell}")], "a raw cell is shown nowhere"),
        ([cell("1", tags="gpu")], " cannot be read: "),
        ([cell("print('UserWarning: old')")], "code cell 1: its output holds a warning"),
        ([cell("print('in', __import__('tempfile').gettempdir() + '/')")], "a path of the machine"),
    ],
)  # fmt: skip
def test_what_would_be_lost_or_should_not_be_shown_is_refused(project, capsys, cells, said):
    project.write(*cells)
    assert project.run() == 1 and not project.notebook.exists()
    message = capsys.readouterr().err
    assert message.startswith("chapters/one.md") and said in message


@pytest.mark.parametrize(
    ("said", "number"),
    [
        *((said, 1) for said in ("mxnet", "torch", "mxnet+torch", "torch mxnet", "mxnet - torch")),
        *(("mxnet text torch", 1), ("mxnet mxnet torch", 1), ("- mxnet torch torch", 4)),
    ],
)
def test_a_cell_without_its_twin_is_named(project, capsys, said, number):
    tags = {v: v.replace("-", "").split("+") for v in said.split()}
    cells = ["\nText.\n" if v == "text" else cell(f"{v!r}", tags=tags[v]) for v in said.split()]
    project.write(*cells)
    assert project.run() == 1 and not project.notebook.exists()
    message = capsys.readouterr().err.splitlines()[0]
    assert message == f"chapters/one.md, code cell {number}: {said.split()[number - 1]!r}"


def test_mistakes_are_named(project, capsys, monkeypatch):
    project.write()
    assert project.run() == 0, "a chapter without code"
    before = project.notebook.read_bytes()

    def said():
        assert project.run() == 1 and project.notebook.read_bytes() == before
        return capsys.readouterr().err

    assert project.run("two") == 1
    assert "no such chapter: two; available: one\n" in capsys.readouterr().err
    for name in ("gone", "one-torch"):
        orphan = project.notebook.with_name(f"{name}.ipynb")
        orphan.write_text("")
        assert f"book/{name}.ipynb belongs to no chapter" in said() and orphan.exists()
        orphan.unlink()
    project.package.write_text("x = = 1")
    assert "invalid syntax (package.py, line 1)" in said()
    project.package.write_text("")
    project.write(prose="More.\n")
    monkeypatch.setattr(os, "replace", mock.Mock(side_effect=OSError("no space left")))
    assert said() == "no space left\n"


# Two frameworks, and a GPU


def test_a_chapter_with_twins_makes_two_notebooks(project, torch):
    project.write(*PAIR, cell("print(x)"), prose="\nMore.\n")
    assert project.run("one-torch") == 0 and len(project.ran) == 2
    for name, value in (("one", "1"), ("one-torch", "2")):
        assert [c.source for c in project.cells(name)] == [f"x = {value}", "print(x)"]
        assert project.cells(name)[1].outputs[0].text == f"{value}\n"
    stored = project.read("one-torch")
    nbformat.validate(stored)
    assert "More." in str(stored.cells) and stored.metadata.d2l_gru.torch == "2.13.0"
    assert "jupytext" not in stored.metadata, "else Jupyter would write chapters/one-torch.md"


def test_the_cpu_build_is_the_same_version(monkeypatch):
    monkeypatch.setattr(fingerprint.metadata, "version", lambda name: "2.13.0+cpu")
    assert fingerprint.installed("torch") == ["2.13.0"]


def test_without_pytorch_its_notebook_is_kept(project, torch, capsys):
    project.write(*PAIR, cell("print(x)"))
    project.run()
    path = project.root / "book" / "one-torch.ipynb"
    written = path.read_bytes()
    torch()
    assert project.run() == 0 and path.read_bytes() == written
    assert "PyTorch" not in capsys.readouterr().out
    project.write(*PAIR, cell("print(x)"), cell("'new'"))
    assert project.run() == 0
    said = capsys.readouterr().out
    assert "one: ran" in said and "one-torch: not run, because PyTorch is missing" in said
    kept = project.cells("one-torch")
    assert kept[1].outputs[0].text == "2\n" and kept[1].execution_count
    assert kept[2].source == "'new'" and kept[2].execution_count is None
    torch("2.13.0")
    project.run()
    assert [c.execution_count for c in project.cells("one-torch")] == [1, 2, 3]


def recorded(project, source, printed):
    cells = [{"source": notebook.digest(source), "printed": printed}]
    path = project.root / "book" / "records" / "gpu-torch.json"
    path.write_text(json.dumps({"cells": cells}))


def test_outputs_of_a_gpu_come_from_its_record(project, torch, monkeypatch, capsys):
    """Whether there is one or not; MXNet has no record."""
    module = types.ModuleType("torch")
    module.cuda = types.SimpleNamespace(is_available=lambda: False)
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setenv("D2L_GRU_DEVICE", "cpu")
    project.write(*PAIR, cell("print('shared')", tags=["gpu"]))
    recorded(project, "print('other')", "a GPU's\n")
    assert project.run() == 0 and project.cells("one-torch")[1].outputs == []
    assert "one-torch: code cell 2 has no output until a GPU" in capsys.readouterr().out
    recorded(project, "print('shared')", "a GPU's\n")
    assert project.run() == 0 and len(project.ran) == 2, "taking it needs no run"
    module.cuda.is_available = lambda: True
    assert project.run("--force") == 0 and project.ran.count(["x = 2", "print('shared')"]) == 1
    first, second = project.cells("one"), project.cells("one-torch")
    assert first[1].outputs == [] and first[1].execution_count is None
    (output,) = second[1].outputs
    assert (output.name, output.text, second[1].execution_count) == ("stdout", "a GPU's\n", 2)
    assert project.ran.count(["x = 1"]) == 2, "MXNet's was run on no GPU"
