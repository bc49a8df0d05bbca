"""The runner, on small chapters of its own: what it runs, keeps, and never breaks."""

import json
import os
import shutil
import sys
import types

import nbformat
import pytest
from tools_of_the_build import ROOT, load

from d2l_gru.corpus import Corpus

runner = load("run")
pytestmark = pytest.mark.processes

HEAD = "---\nkernelspec:\n  name: python3\n  display_name: any\n---\n\n# A title\n\nSome prose.\n"
COUNT = "_ = open('../runs.txt', 'a').write('x')"


def cell(code, **metadata):
    return f"\n```{{code-cell}} ipython3\n---\n{json.dumps(metadata)}\n---\n{code}\n```\n"


class Project:
    """A folder with chapters, a package of one module, and no network."""

    def __init__(self, root, text):
        self.root, self.text = root, text
        self.notebook = root / "book" / "one.ipynb"
        for folder in ("chapters", "src", "tests", "book/records"):
            (root / folder).mkdir(parents=True)
        (root / "src" / "package.py").write_text('"""A package."""\nanswer = 42  # at first\n')
        (root / "book" / "records" / "seeds.json").write_text("{}")

    def write(self, *cells, prose="", name="one"):
        (self.root / "chapters" / f"{name}.md").write_text(HEAD + prose + "".join(cells))

    def run(self, *arguments):
        return runner.main(arguments, root=self.root)

    @property
    def runs(self):
        return (self.root / "runs.txt").stat().st_size

    def cells(self):
        return runner.code_cells(nbformat.read(self.notebook, as_version=4))


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    text = Corpus("timemachine", tmp_path / "data" / "timemachine.txt", "0" * 64, "a test's own")
    project = Project(tmp_path, text)
    monkeypatch.setattr(runner.corpus, "find", lambda download: project.text)
    return project


def test_a_new_chapter_is_run_and_then_left_alone(project):
    project.write(cell(COUNT), cell("import os; print(os.environ['D2L_GRU_DATA'][-4:])\n6 * 7"))
    assert project.run("--check") == 1
    assert project.run() == 0
    stored = nbformat.read(project.notebook, as_version=4)
    nbformat.validate(stored)
    assert set(stored.metadata) == {"d2l_gru", "kernelspec", "language_info", "jupytext"}
    assert stored.metadata.d2l_gru.corpus == "timemachine"
    printed, value = project.cells()[1].outputs
    assert (printed.text, value.data["text/plain"]) == ("data\n", "42")
    assert [c.execution_count for c in project.cells()] == [1, 2]
    before = project.notebook.stat()
    assert project.run() == project.run("--check") == 0
    assert project.runs == 1 and project.notebook.stat() == before


MEET = """
import os, pathlib, time
pathlib.Path("../{ours}.here").touch()
end = time.time() + 20
while not pathlib.Path("../{theirs}.here").exists():
    assert time.time() < end
    time.sleep(0.05)
os.environ["OMP_NUM_THREADS"]"""
WHO = """
import os, pathlib
here = [path.stem for path in pathlib.Path("..").glob("*.here")]
sorted(here), os.environ["OMP_NUM_THREADS"]"""


def test_notebooks_run_side_by_side_and_what_is_timed_alone(project, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    project.write(cell(MEET.format(ours="one", theirs="two")))
    project.write(cell(MEET.format(ours="two", theirs="one")), name="two")
    project.write(cell(WHO, tags=["timed"]), name="a_timed")
    assert project.run() == 0
    outputs = {}
    for name in ("one", "two", "a_timed"):
        notebook = nbformat.read(project.notebook.with_name(f"{name}.ipynb"), as_version=4)
        outputs[name] = notebook.cells[-1].outputs[0].data["text/plain"]
    assert outputs == {"one": "'1'", "two": "'1'", "a_timed": "(['one', 'two'], '3')"}


def test_a_failure_lets_the_run_beside_it_end_and_begins_no_other(project, monkeypatch, capsys):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    meet = MEET.format(ours="one", theirs="two")
    project.write(cell(meet), cell("import time; time.sleep(3); 6 * 7"))
    project.write(cell(MEET.format(ours="two", theirs="one")), cell("1 / 0"), name="two")
    project.write(cell(COUNT), name="waiting")
    project.write(cell(COUNT, tags=["timed"]), name="timed")
    assert project.run() == 1
    assert "chapters/two.md, code cell 2: 1 / 0" in capsys.readouterr().err
    assert project.cells()[1].outputs[0].data["text/plain"] == "42"
    assert {path.stem for path in (project.root / "book").glob("*.ipynb")} == {"one"}
    assert not (project.root / "runs.txt").exists()


def test_the_longest_run_begins_first(project, monkeypatch):
    for name in ("one", "two", "three"):
        project.write(cell(COUNT), name=name)
    assert project.run() == 0
    took = {"one": 2.5, "two": 90, "three": 30}
    monkeypatch.setattr(runner.Book, "seconds", lambda self, name: took[name])
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    began = []
    monkeypatch.setattr(runner.Book, "update", lambda self, name, *_: began.append(name))
    assert project.run("--force") == 0
    assert began == ["two", "three", "one"]


def test_prose_reaches_the_notebook_without_a_run(project, capsys):
    project.write(cell(COUNT), cell("6 * 7"))
    project.run()
    outputs = [c.outputs for c in project.cells()]
    project.write(cell(COUNT), cell("6 * 7", mystnb={"image": {"alt": "none"}}), prose="\nMore.\n")
    assert project.run("--check") == 1 and "text changed" in capsys.readouterr().out
    assert project.run() == 0
    assert project.runs == 1 and "More." in project.notebook.read_text()
    assert [c.outputs for c in project.cells()] == outputs
    assert project.cells()[1].metadata.mystnb.image.alt == "none"


def test_the_markdown_wins(project):
    project.write(cell(COUNT))
    project.run()
    written = project.notebook.read_text()
    project.notebook.write_text(written.replace("Some prose", "An edit in the wrong place"))
    project.run()
    assert project.notebook.read_text() == written and project.runs == 1


def test_what_makes_a_chapter_stale(project):
    project.write(cell(COUNT), cell("'seeds.json'"))
    project.run()

    def is_stale(path, content):
        path = project.root / path
        before = path.read_text() if path.exists() else None
        path.write_text(content)
        stale = project.run("--check")
        path.unlink() if before is None else path.write_text(before)
        return bool(stale)

    assert is_stale("src/package.py", "answer = 43\n")
    assert is_stale("src/another.py", "")
    assert is_stale("book/records/seeds.json", "[]")
    assert not is_stale("src/package.py", '"""Other words."""\nanswer = 42  # and another\n')
    assert not is_stale("book/records/unread.json", "[]")
    (project.root / "src" / "package.py").write_text("answer = 43\n")
    project.run()
    assert project.runs == 2


def test_other_code_and_another_corpus_make_a_chapter_stale(project):
    project.write(cell(COUNT))
    project.run()
    project.write(cell(COUNT + "\n1 + 1"))
    assert project.run("--check") == 1 and project.run() == 0
    project.text = project.text._replace(sha256="1" * 64)
    assert project.run("--check") == 1 and project.run() == 0
    assert project.runs == 3


def test_docstrings_and_comments_are_not_code():
    one = load("fingerprint").skeleton
    code = 'def f(x):\n    """Say it."""\n    return x + 0.5\n'
    other = "def f(x):  # said\n    '''Otherwise.'''\n\n    return (x + 0.5)\n"
    assert one(code) == one(other) != one(code.replace("0.5", "0.25"))
    assert one("x = 'a'") != one("x = 'b'") != one("'b'")


def test_identical_runs_give_identical_files(project):
    measured = "import datetime, time\nprint(f'{time.time():.4f} s', object())"
    clock = cell(measured, tags=["clock", "machine"])
    project.write(cell(COUNT), clock)
    project.run()
    written = project.notebook.read_bytes()
    assert project.run("--force") == 0
    assert project.runs == 2 and project.notebook.read_bytes() == written
    outputs = project.cells()[1].outputs
    project.write(cell(COUNT), cell("'new'"), clock)
    project.run()
    assert project.cells()[2].outputs == outputs
    project.write(cell(COUNT), cell("'new'"), cell(measured))
    project.run("--force")
    assert project.cells()[2].outputs != outputs, "it does not say that it measures"


def stamp(project):
    return nbformat.read(project.notebook, as_version=4).metadata.d2l_gru


def test_a_run_says_on_what_it_ran(project, monkeypatch):
    fake = (
        "import sys, types; sys.modules['d2l_gru'] = types.SimpleNamespace(try_gpu=lambda: 'x(7)')"
    )
    (project.root / "requirements").mkdir()
    (project.root / "requirements" / "cpu.txt").write_text("numpy==1\n")
    project.write(cell(COUNT))
    project.run()
    first = stamp(project)
    assert first.parts.corpus == "0" * 8 and {"code", "package"} < first.parts.keys()
    assert first.run.device is None and first.run.seconds > 0 and len(first.run.lock) == 8
    assert {"numpy", "python"} < first.run.versions.keys()
    project.write(cell(COUNT), cell(fake))
    project.run()
    assert stamp(project).run.device == "x(7)"
    assert [c.source for c in project.cells()] == [COUNT, fake]
    assert stamp(project).parts.code != first.parts.code
    assert stamp(project).parts.package == first.parts.package


def test_a_run_says_how_long_its_longer_cells_took(project):
    project.write(cell(COUNT), cell("import time"), cell("time.sleep(1.2)"), cell("1"))
    project.run()
    ran = stamp(project).run
    assert 1.2 <= ran.cells["3"] <= ran.seconds
    assert len(ran.cells) < 4 and min(ran.cells.values()) >= 1


def test_the_run_on_the_card_is_the_one_that_made_the_outputs(project):
    project.write(cell(COUNT), cell("open('../runs.txt').read()"))
    project.run()
    stored = nbformat.read(project.notebook, as_version=4)
    stored.metadata.d2l_gru.runs.run.date = "2001-02-03"
    nbformat.write(stored, project.notebook)
    project.write(cell(COUNT), cell("open('../runs.txt').read()"), prose="\nMore.\n")
    project.run()
    assert project.runs == 1 and stamp(project).run.date == "2001-02-03"
    project.run("--force")
    assert project.runs == 2 and stamp(project).run.date != "2001-02-03"
    before = stamp(project)
    project.write(cell(COUNT))
    project.run()
    project.run("--force")
    assert stamp(project).run.date == before.run.date
    (project.root / "requirements").mkdir()
    (project.root / "requirements" / "cpu.txt").write_text("numpy==1\n")
    project.run("--force")
    assert before.run.lock is None and stamp(project).run.lock


def test_an_error_names_its_cell_and_changes_nothing(project, capsys):
    project.write(cell(COUNT))
    project.run()
    written = project.notebook.read_bytes()
    project.write(cell(COUNT), cell("\nx = 1\ny = x / 0"))
    assert project.run() == 1
    message = capsys.readouterr().err
    assert message.startswith("chapters/one.md, code cell 2: x = 1\n")
    assert "ZeroDivisionError: division by zero" in message and "\x1b" not in message
    assert project.notebook.read_bytes() == written
    assert sorted(os.listdir(project.root / "book")) == ["one.ipynb", "records"]


def test_an_announced_error_is_an_output(project):
    project.write(cell("1 / 0", tags=["raises-exception"]), cell("'after'"))
    assert project.run() == 0
    assert project.cells()[0].outputs[0].ename == "ZeroDivisionError"


def test_a_dead_kernel_is_an_error(project, capsys):
    project.write(cell("import os; os._exit(3)"))
    assert project.run() == 1
    assert "code cell 1: import os; os._exit(3)\nDeadKernelError" in capsys.readouterr().err


def test_a_failed_write_leaves_the_old_file(project, monkeypatch, capsys):
    project.write(cell(COUNT))
    project.run()
    written = project.notebook.read_bytes()
    project.write(cell(COUNT), prose="\nMore.\n")

    def full(*paths):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(runner.os, "replace", full)
        assert project.run() == 1
    message = "book/one.ipynb cannot be written, and is as it was: no space left\n"
    assert capsys.readouterr().err == message
    assert project.notebook.read_bytes() == written
    assert sorted(os.listdir(project.root / "book")) == ["one.ipynb", "records"]


def test_cells_for_a_gpu_run_where_there_is_one(project, monkeypatch, capsys):
    """Their outputs are those on record, of which MXNet has none."""
    monkeypatch.setattr(runner, "_lacks_gpu", lambda cells: True)
    project.write(cell(COUNT, tags=["gpu"]), cell("2"))
    assert project.run() == 0 and not (project.root / "runs.txt").exists()
    monkeypatch.setattr(runner, "_lacks_gpu", lambda cells: False)
    assert project.run("--force") == 0 and project.runs == 1
    first, second = project.cells()
    assert first.outputs == [] and first.execution_count is None
    assert second.outputs[0].data["text/plain"] == "2" and second.execution_count == 2
    assert "code cell 1 has no output until a GPU's is on record" in capsys.readouterr().out


def test_what_is_tagged_skip_execution_is_not_run(project):
    project.write(cell(COUNT), cell("'left out'"))
    project.run()
    project.write(cell(COUNT), cell("'left out'", tags=["skip-execution"]))
    assert project.run() == project.run("--check") == 0 and project.runs == 2
    assert [c.execution_count for c in project.cells()] == [1, None]
    assert project.cells()[1].outputs == []


@pytest.mark.parametrize(
    "wrong", [cell("1", tags=["nbval-ignore-output"]), cell("# NBVAL_SKIP\n1", tags=["gpu"])]
)
def test_what_would_switch_off_the_test_is_refused(project, capsys, wrong):
    project.write(cell(COUNT), wrong)
    assert project.run() == project.run("--check") == 1
    assert "chapters/one.md, code cell 2: " in (said := capsys.readouterr().err)
    assert "no cell is exempt" in said and not project.notebook.exists()


PAIR = (cell("x = 1", tags=["mxnet"]), cell(f"{COUNT}\nx = 2", tags=["torch", "remove-cell"]))


@pytest.fixture
def torch(project, monkeypatch):
    """Say which PyTorch is installed, from then on."""

    def say(*versions):
        find = lambda *names: list(versions) if names == ("torch",) else ["1.9.1"]  # noqa: E731
        monkeypatch.setattr(runner, "installed", find)

    say("2.13.0")
    return say


def torch_cells(project):
    stored = nbformat.read(project.root / "book" / "one-torch.ipynb", as_version=4)
    return runner.code_cells(stored)


def test_a_chapter_with_twins_makes_two_notebooks(project, torch, capsys):
    project.write(*PAIR, cell("x"), prose="\nMore.\n")
    assert project.run() == 0 and project.run("--check") == 0
    ours, theirs = project.cells(), torch_cells(project)
    assert [c.source for c in ours] == ["x = 1", "x"]
    assert [c.source for c in theirs] == [f"{COUNT}\nx = 2", "x"]
    assert [c[1].outputs[0].data["text/plain"] for c in (ours, theirs)] == ["1", "2"]
    stored = nbformat.read(project.root / "book" / "one-torch.ipynb", as_version=4)
    nbformat.validate(stored)
    assert "More." in str(stored.cells) and stored.metadata.d2l_gru.torch == "2.13.0"
    assert [c.id for c in stored.cells] == ["cell-001", "cell-002", "cell-003"]
    assert "jupytext" not in stored.metadata, "else Jupyter would write chapters/one-torch.md"
    assert project.run() == 0 and project.runs == 1
    project.write(*PAIR, cell("x"), prose="\nNew.\n")
    assert project.run("--check") == 1
    assert "one: text changed\none-torch: text changed" in capsys.readouterr().out
    assert project.run("one-torch") == 0
    assert project.run("--check") == 1
    assert capsys.readouterr().out.endswith("refreshed\none: text changed\n")
    assert project.run("chapters/one.md") == 0 and project.run("--check") == 0
    assert project.runs == 1


def test_what_makes_which_notebook_stale(project, torch, capsys):
    module = project.root / "src" / "d2l_gru" / "torch" / "gru.py"
    module.parent.mkdir(parents=True)
    project.write(*PAIR)
    project.run()

    def stale():
        capsys.readouterr()
        project.run("--check")
        return [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]

    assert stale() == []
    torch("2.14.0")
    assert stale() == ["one-torch"]
    torch("2.13.0")
    module.write_text("x = 1\n")
    assert stale() == ["one-torch"]
    (project.root / "src" / "package.py").write_text("answer = 43\n")
    assert stale() == ["one", "one-torch"]


def test_the_cpu_build_is_the_same_version(monkeypatch):
    fingerprint = load("fingerprint")

    def version(name):
        if name != "torch":
            raise fingerprint.metadata.PackageNotFoundError
        return "2.13.0+cpu"

    monkeypatch.setattr(fingerprint.metadata, "version", version)
    assert fingerprint.installed("torch") == ["2.13.0"] and fingerprint.installed("mxnet") == []


def test_without_pytorch_its_notebook_is_kept(project, torch, capsys):
    project.write(*PAIR, cell("x"))
    project.run()
    path = project.root / "book" / "one-torch.ipynb"
    written = path.read_bytes()
    torch()
    assert project.run() == project.run("--check") == 0 and path.read_bytes() == written
    assert "PyTorch" not in capsys.readouterr().out
    project.write(*PAIR, cell("x"), cell("'new'"))
    assert project.run() == 0
    said = capsys.readouterr().out
    assert "one: ran" in said and "one-torch: not run, since PyTorch is missing" in said
    kept = torch_cells(project)
    assert kept[1].outputs[0].data["text/plain"] == "2" and kept[1].execution_count
    assert kept[2].source == "'new'" and kept[2].execution_count is None
    assert project.run("--check") == 1
    torch("2.13.0")
    assert project.run() == project.run("--check") == 0 and project.runs == 2


def test_without_pytorch_a_new_notebook_has_no_outputs(project, torch):
    torch()
    project.write(*PAIR)
    assert project.run() == 0
    assert [c.execution_count for c in torch_cells(project)] == [None]
    assert project.run("--check") == 1


def test_a_voice_asks_its_own_framework_for_a_gpu(project, torch, monkeypatch):
    module = types.ModuleType("torch")
    module.cuda = types.SimpleNamespace(is_available=lambda: True)
    monkeypatch.setitem(sys.modules, "torch", module)
    ran = "_ = open('../ran.txt', 'a').write('{}')"
    pair = [cell(ran.format(voice), tags=[voice, "gpu"]) for voice in ("mxnet", "torch")]
    monkeypatch.setenv("D2L_GRU_DEVICE", "cpu")
    project.write(*pair)
    assert project.run() == 0
    assert (project.root / "ran.txt").read_text() == "torch"


def recorded(project, source, printed):
    cells = [{"source": load("notebook").digest(source), "printed": printed}]
    (project.root / "book" / "records" / "gpu-torch.json").write_text(json.dumps({"cells": cells}))


def test_outputs_of_a_gpu_come_from_its_record(project, torch, monkeypatch, capsys):
    monkeypatch.setattr(runner, "_lacks_gpu", lambda cells: True)
    gpu = cell("print('shared')", tags=["gpu"])
    project.write(*PAIR, gpu)
    recorded(project, "print('other')", "a GPU's\n")
    assert project.run() == 0
    assert torch_cells(project)[1].outputs == [] and project.runs == 1
    assert "one-torch: code cell 2 has no output until a GPU" in capsys.readouterr().out
    recorded(project, "print('shared')", "a GPU's\n")
    assert project.run() == 0
    (output,) = torch_cells(project)[1].outputs
    assert (output.output_type, output.name, output.text) == ("stream", "stdout", "a GPU's\n")
    assert torch_cells(project)[1].execution_count == 2
    assert project.runs == 1, "taking them needs no run"
    assert project.cells()[1].outputs == [], "MXNet printed none of it"
    assert project.run("--force") == 0 and torch_cells(project)[1].outputs == [output]
    assert "one-torch: code cell" not in capsys.readouterr().out
    torch()
    recorded(project, "print('shared')", "")
    assert project.run() == 0
    assert torch_cells(project)[1].outputs == [] and torch_cells(project)[1].execution_count == 2


def test_a_record_that_is_read_makes_stale(project, torch):
    recorded(project, "1", "before")
    project.write(PAIR[0], cell(f"{COUNT}\n'gpu-torch.json'", tags=["torch"]))
    project.run()
    recorded(project, "1", "after")
    assert project.run("--check") == 1
    project.run()
    assert project.runs == 2


@pytest.mark.parametrize(
    ("said", "number"),
    [
        (["mxnet"], 1),
        (["torch"], 1),
        (["mxnet torch"], 1),
        (["torch", "mxnet"], 1),
        (["mxnet", "", "torch"], 1),
        (["mxnet", "text", "torch"], 1),
        (["mxnet", "mxnet", "torch"], 1),
        (["", "mxnet", "torch", "torch"], 4),
    ],
)
def test_a_cell_without_its_twin_is_named(project, capsys, said, number):
    cells = [
        "\nText.\n" if voices == "text" else cell(f"{voices!r}", tags=voices.split())
        for voices in said
    ]
    project.write(*cells)
    assert project.run() == project.run("--check") == 1
    message = capsys.readouterr().err.splitlines()[0]
    assert message == f"chapters/one.md, code cell {number}: {said[number - 1]!r}"
    assert not project.notebook.exists()


def test_an_error_names_the_voice(project, torch, capsys):
    project.write(PAIR[0], cell("1 / 0", tags=["torch"]))
    assert project.run() == 1
    assert "chapters/one.md in PyTorch, code cell 1: 1 / 0" in capsys.readouterr().err


def test_streams_are_stored_as_a_reader_sees_them(project):
    flushed = "import sys, time\nfor i in range(3): print(i, flush=True); time.sleep(0.02)"
    project.write(
        cell(flushed + "\nprint('e', file=sys.stderr)\ndisplay(7)\nprint(8, end='\\r')\nprint(9)"),
        cell("for i in range(9): print(i % 2, file=[sys.stdout, sys.stderr][i % 2])"),
    )
    project.run()
    first, second = project.cells()
    said = [(o.get("name"), o.get("text") or o.data["text/plain"]) for o in first.outputs]
    assert said == [("stdout", "0\n1\n2\n"), ("stderr", "e\n"), (None, "7"), ("stdout", "9\n")]
    assert [(output.name[3:], output.text) for output in second.outputs] == [
        (["out", "err"][i % 2], f"{i % 2}\n") for i in range(9)
    ]


def test_paths_of_this_machine_are_refused(project, capsys):
    project.write(cell("import os; print('in', os.getcwd())"))
    assert project.run() == 1
    assert f"code cell 1: its output holds {project.root}" in capsys.readouterr().err
    assert not project.notebook.exists()


def test_a_chapter_without_code_needs_no_kernel(project):
    project.write()
    assert project.run() == 0 and project.run("--check") == 0
    assert "Some prose" in project.notebook.read_text()


def test_an_orphan_is_reported_and_not_removed(project, capsys):
    project.write()
    project.run()
    for name in ("gone.ipynb", "one-torch.ipynb"):
        orphan = project.notebook.with_name(name)
        shutil.copy(project.notebook, orphan)
        assert project.run() == 1
        assert f"book/{name} belongs to no chapter" in capsys.readouterr().err
        assert orphan.exists()
        orphan.unlink()


def test_mistakes_are_named(project, capsys):
    project.write()
    assert project.run("two") == 1
    assert "no such chapter: two; there are one\n" in capsys.readouterr().err
    (project.root / "book" / "one.ipynb").write_text("<<<<<<< HEAD")
    assert project.run() == 1
    assert "book/one.ipynb cannot be read" in capsys.readouterr().err
    broken = [{"nbformat": []}, {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{}]}]
    broken += [broken[1] | {"cells": [], "metadata": {"d2l_gru": 5}}, "[" * 9999]
    for content in broken:
        text = content if isinstance(content, str) else json.dumps(content)
        (project.root / "book" / "one.ipynb").write_text(text)
        assert project.run() == project.run("--check") == 1
        assert "book/one.ipynb cannot be read" in capsys.readouterr().err
    (project.root / "src" / "package.py").write_text("x = = 1")
    assert project.run() == 1
    assert "package.py, line 1: invalid syntax" in capsys.readouterr().err


def test_the_sample_text_leaves_the_book_alone(project, torch):
    project.write(cell(COUNT))
    project.run()
    written = project.notebook.read_bytes()
    (project.root / "_config.yml").write_bytes((ROOT / "_config.yml").read_bytes())
    real, project.text = project.text, project.text._replace(name="sample", sha256="1" * 64)
    project.write(cell("import os; os.environ['D2L_GRU_DATA']"), *PAIR)
    assert project.run() == project.run() == 0
    staged = project.root / "_build" / "sample"
    assert project.notebook.read_bytes() == written
    for name in ("one.ipynb", "one-torch.ipynb"):
        assert "'sample'" in (staged / "book" / name).read_text()
    assert not (project.root / "book" / "one-torch.ipynb").exists()
    assert "Built with the sample text" in (staged / "_config.yml").read_text()
    assert (staged / "book" / "records" / "seeds.json").is_file()
    project.text = real
    project.write(cell(COUNT))
    project.run()
    assert not staged.exists()


def test_speeds_of_another_text_are_not_kept(project):
    """With one text a run that only confirms is kept; with another, all is that run's own."""
    clock = cell("import time\nprint(f'{time.time_ns()} tokens/s')", tags=["clock"])
    project.write(cell(COUNT), clock)
    project.run()
    speed = project.cells()[1].outputs
    project.run("--force")
    assert project.cells()[1].outputs == speed
    (project.root / "_config.yml").write_bytes((ROOT / "_config.yml").read_bytes())
    project.text = project.text._replace(name="sample", sha256="1" * 64)
    project.run()
    staged = nbformat.read(project.root / "_build" / "sample" / "book" / "one.ipynb", as_version=4)
    assert [c for c in staged.cells if c.cell_type == "code"][1].outputs != speed


def test_a_notebook_that_lost_its_outputs_or_its_shape_is_stale(project):
    project.write(cell(COUNT), cell("print('kept')"))
    assert project.run() == 0
    whole = project.notebook.read_text()

    cleared = nbformat.reads(whole, as_version=4)
    for code in runner.code_cells(cleared):
        code.outputs, code.execution_count = [], None
    longer = nbformat.reads(whole, as_version=4)
    longer.cells.append(nbformat.v4.new_code_cell("1", execution_count=3))
    for runs, broken in enumerate((cleared, longer), 2):
        nbformat.write(broken, project.notebook)
        assert project.run("--check") == 1
        assert project.run() == 0
        assert (project.runs, project.notebook.read_text()) == (runs, whole)


@pytest.mark.parametrize("text", ["", "```{code-cell} ipython3\n:tags: corpus\n1\n```\n"])
def test_an_unreadable_chapter_is_named_and_its_notebook_kept(project, capsys, text):
    project.write(cell(COUNT))
    assert project.run() == 0
    before = project.notebook.read_text()
    (project.root / "chapters" / "one.md").write_text(text)
    assert project.run() == 1
    assert "chapters/one.md" in capsys.readouterr().err
    assert project.notebook.read_text() == before


def test_a_configuration_that_cannot_be_read_is_named(project, capsys):
    project.write(cell(COUNT))
    (project.root / "_config.yml").write_text("title: [")
    assert project.run() == 1 and not project.notebook.exists()
    assert capsys.readouterr().err.startswith("_config.yml:1: it is no YAML")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("from tqdm import tqdm\nlist(tqdm([1]));", "text that overwrites itself"),
        ("from tqdm.auto import tqdm\nlist(tqdm([1]));", "a widget, of which a page shows nothing"),
        ("import sys; print('UserWarning: old', file=sys.stderr)", "a warning; mend what it warns"),
    ],
)
def test_an_output_that_no_page_should_show_is_not_stored(project, capsys, code, said):
    project.write(cell("6 * 7"))
    project.run()
    before = project.notebook.read_bytes()
    project.write(cell("6 * 7"), cell(code))
    assert project.run() == 1 and project.notebook.read_bytes() == before
    assert f"chapters/one.md, code cell 2: its output holds {said}" in capsys.readouterr().err


def test_two_cells_that_glue_one_name_are_refused(project, capsys):
    glue = "from myst_nb import glue\nglue('speed', {}, display=False)"
    project.write(cell(glue.format(1)), cell(glue.format(1)))
    assert project.run() == 1 and not project.notebook.exists()
    assert "code cell 2: it glues 'speed', as code cell 1 does" in capsys.readouterr().err


def test_a_bar_that_is_switched_off_is_fine(project):
    project.write(cell("from tqdm.auto import tqdm\nsum(tqdm([1, 2], disable=True))"))
    assert project.run() == 0 and project.cells()[0].outputs[0].data["text/plain"] == "3"


def test_a_chapter_that_would_be_a_wrong_page_is_not_run(project, capsys):
    project.write(cell(COUNT))
    project.run()
    before = project.notebook.read_bytes()
    project.write(prose="<<<<<<< HEAD\n", name="two")
    project.write("\n- a\n\n  ```{code-cell} ipython3\n  1 / 0\n  ```\n")
    (project.root / "chapters" / "part").mkdir()
    (project.root / "chapters" / "part" / "deep.md").write_text(HEAD)
    assert project.run() == project.run("--force") == project.run("part/deep") == 1
    said = capsys.readouterr().err
    for place in (
        "one.md:13: this code cell",
        "two.md:10: a merge",
        "part/deep.md: a chapter lies",
    ):
        assert f"chapters/{place}" in said
    assert project.runs == 1 and project.notebook.read_bytes() == before
