"""`make reproduce` and `make bless`, on small chapters of their own."""

import io

import nbformat
import pytest
from test_run_chapters import Project, cell
from tools_of_the_build import load

from d2l_gru.corpus import Corpus

pytestmark = pytest.mark.processes
reproduce = load("reproduce")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose first cell prints what the file `value` holds."""
    (tmp_path / "data").mkdir()
    text = Corpus("timemachine", tmp_path / "data" / "timemachine.txt", "0" * 64, "a test's own")
    project = Project(tmp_path, text)
    monkeypatch.setattr(reproduce.corpus, "find", lambda download=True: project.text)
    project.write(cell("print(open('../value').read())"), cell("print('2 s')", tags=["clock"]))
    project.value = tmp_path / "value"
    project.value.write_text("loss 0.50000")
    assert project.run() == 0
    return project


def verdict(project, capsys, *arguments):
    before = {path: path.read_bytes() for path in project.root.rglob("book/*.ipynb")}
    capsys.readouterr()
    status = reproduce.main(["one", *arguments], root=project.root)
    assert before == {path: path.read_bytes() for path in project.root.rglob("book/*.ipynb")}
    return status, capsys.readouterr().out


def test_the_same_outputs(project, capsys):
    assert verdict(project, capsys) == (0, "one: same\n")


def test_numbers_within_tolerance(project, capsys):
    project.value.write_text("loss 0.500001")
    assert verdict(project, capsys) == (0, "one: within tolerance\n")


def test_other_numbers_are_named_with_their_cell(project, capsys):
    project.value.write_text("loss 0.75000")
    status, said = verdict(project, capsys)
    assert status == 1 and said.startswith("one: different, because of its numbers\n  code cell 1:")
    assert "0.50000 -> 0.75000" in said and "code cell 2" not in said


def test_what_else_is_another_is_named(project, capsys):
    (project.root / "src" / "package.py").write_text("answer = 43\n")
    stored = nbformat.read(project.notebook, as_version=4)
    stored.metadata.d2l_gru.runs.run.versions.numpy = "0.1"
    stored.metadata.d2l_gru.runs.run.device = "gpu(0)"
    nbformat.write(stored, project.notebook)
    others = "another package and another device and another numpy"
    assert verdict(project, capsys) == (0, f"one: same, with {others}\n")
    project.value.write_text("nothing")
    status, said = verdict(project, capsys)
    assert status == 1 and said.startswith(f"one: different, because of {others}\n  code cell 1:")


def test_a_card_without_a_run_says_nothing_of_it(project, capsys):
    stored = nbformat.read(project.notebook, as_version=4)
    del stored.metadata.d2l_gru["run"]
    nbformat.write(stored, project.notebook)
    assert verdict(project, capsys) == (0, "one: same\n")


def test_other_code_is_not_run(project, capsys):
    project.write(cell("1 / 0"))
    status, said = verdict(project, capsys)
    assert status == 1 and "different, because the chapter has other code" in said


def test_mistakes_are_named(project, capsys):
    assert reproduce.main(["two"], root=project.root) == 1
    assert capsys.readouterr().err == "no such chapter: two; there are one\n"
    project.value.unlink()
    assert reproduce.main(["one"], root=project.root) == 1
    assert "code cell 1" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("yes", "typed", "taken"), [("1", None, True), ("", "y\n", True), ("", "n\n", False)]
)
def test_new_outputs_are_shown_and_asked_for(project, capfd, monkeypatch, yes, typed, taken):
    monkeypatch.setenv("YES", yes)
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    project.value.write_text("loss 0.75000")
    status = reproduce.main(["one", "--bless"], root=project.root)
    shown, stored = capfd.readouterr().out, project.notebook.read_text()
    assert "-loss 0.50000" in shown and "+loss 0.75000" in shown
    assert status == (not taken) and ("0.75000" in stored) == taken


def test_what_changes_no_output_needs_no_word(project, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal())
    project.write(
        cell("print(open('../value').read())"),
        cell("print('2 s')", tags=["clock"]),
        prose="\nMore.\n",
    )
    assert reproduce.main(["one", "--bless"], root=project.root) == 0
    assert "one: no output changed\n" in capsys.readouterr().out
    assert "More." in project.notebook.read_text()


def test_nothing_is_blessed_without_a_terminal(project, capsys, monkeypatch):
    monkeypatch.delenv("YES", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    project.value.write_text("loss 0.75000")
    assert verdict(project, capsys, "--bless")[0] == 1
