"""What a preview does at each edit."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_run_chapters import Project
from tools_of_the_build import ROOT, load

preview = load("preview")


@pytest.fixture
def done(monkeypatch):
    """Return what was done, a list; a chapter called bad fails."""
    steps = []

    def run(names):
        steps.append(names)
        return int("bad" in names)

    monkeypatch.setattr(preview.run_chapters, "main", run)
    monkeypatch.setattr(preview, "sphinx_build", lambda arguments: steps.append(arguments) or 0)
    return steps


@pytest.fixture
def edit(tmp_path, monkeypatch):
    """Return a function that tells a builder of these paths in the folder of a book."""
    monkeypatch.setattr(preview, "CHAPTERS", tmp_path / "chapters")
    for path in ("chapters/one.md", "chapters/two.md", "chapters/bad.md", "src/package.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    builder = preview.Builder(
        ["book", "out"], url_host="here:1", pre_build_commands=(), post_build_commands=()
    )
    return lambda *paths, app=None: builder(
        changed_paths=[tmp_path / path for path in paths], app=app
    )


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["chapters/one.md"], ["one"]),
        (["chapters/two.md", "chapters/one.md", "chapters/two.md"], ["one", "two"]),
        (["chapters/one.md", "src/package.py"], []),
        (["chapters/gone.md"], []),
        (["_config.yml"], []),
        ([], []),
    ],
)
def test_an_edited_chapter_is_looked_at_alone(edit, done, capsys, paths, names):
    edit(*paths)
    assert done == [names, ["book", "out"]]
    assert capsys.readouterr().out == "The book: http://here:1\n"


def test_after_a_failure_the_pages_stay(edit, done, capsys):
    edit("chapters/bad.md")
    assert done == [["bad"]] and capsys.readouterr().out == ""


class App:
    """Sphinx, as it was set up."""

    statuscode = 0

    def __init__(self, steps, fails=False):
        self.steps, self.fails = steps, fails

    def build(self):
        self.steps.append("build")
        if self.fails:
            raise ValueError("no such figure")


def test_sphinx_as_it_was_set_up_renders(edit, done, capsys):
    edit("chapters/one.md", app=App(done))
    assert done == [["one"], "build"]
    assert capsys.readouterr().out == "The book: http://here:1\n"
    edit("chapters/one.md", app=App(done, fails=True))
    assert capsys.readouterr() == ("", "no such figure\n")


CONF = 'extensions, nb_execution_mode, root_doc = ["myst_nb"], "off", "one"'


class Preview(Project):
    """A preview of a book of one chapter, made with the sample text."""

    def __init__(self, root):
        super().__init__(root, None)
        for folder in ("tools", "requirements"):
            shutil.copytree(ROOT / folder, root / folder)
        shutil.copy(ROOT / "_config.yml", root)
        (root / "conf.py").write_text(CONF)
        self.write(prose="At first.")
        book, self.log = root / "_build" / "sample" / "book", root / "log"
        book.mkdir(parents=True)
        program = [sys.executable, "tools/preview.py", "-c", ".", book, "out", "-q"]
        watched = ["--watch", "chapters", "--watch", "conf.py", "--re-ignore", r"\.ipynb(\.tmp)?$"]
        with self.log.open("w") as log:
            self.running = subprocess.Popen(
                [*program, *watched], cwd=root, env=os.environ | {"D2L_GRU_DATA": "sample"},
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def shows(self, text, of="out/one.html", seconds=300):
        """Whether a text comes, on the page or in the log."""
        deadline, path = time.monotonic() + seconds, self.root / of
        while not (path.exists() and text in path.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return time.monotonic() < deadline

    def follows(self, text, shown=None, **where):
        """Whether an edit is seen; one made before it listened is made again."""
        for _ in range(60):
            self.write(prose=text)
            if self.shows(shown or text, **where, seconds=5):
                return True
        return False

    def processes(self):
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(path / "cwd") == str(self.root):
                    found.append(int(path.name))
            except OSError:
                continue  # it has ended, or is not ours
        return found


@pytest.fixture
def started(tmp_path):
    preview = Preview(tmp_path)
    yield preview
    for process in preview.processes():
        os.kill(process, signal.SIGKILL)
    preview.running.wait()


@pytest.mark.processes
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_the_page_follows_each_edit(started, sent):
    assert started.shows("Waiting to detect changes", of="log") and started.shows("At first.")
    for text in ("Then.", "Later."):
        assert started.follows(text)
    assert started.follows("Wrong: {nosuch}`x`", 'Unknown interpreted text role "nosuch"', of="log")
    (started.root / "conf.py").write_text(f"{CONF}\nhtml_title = 'Another title'")
    assert started.shows("Another title")
    assert started.follows("At last.") and started.shows("Another title")
    log = started.log.read_text()
    assert "Traceback" not in log and "already registered" not in log
    started.running.send_signal(sent)
    started.running.wait(timeout=60)
    deadline = time.monotonic() + 60
    while started.processes() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert started.processes() == []
