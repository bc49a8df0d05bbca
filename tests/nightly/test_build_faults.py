"""What ends a build, as a program: one clear error, and nothing changed or half-written."""

import os
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from small_book import book as small_book
from test_runner import Project, cell
from tools_of_the_build import ROOT

from tools.run import INTERRUPTED

# Says who it is, and never ends.
ENDLESS = cell("import os, time\n_ = open('../pid', 'w').write(str(os.getpid()))\ntime.sleep(600)")
# The runner as a program, with a corpus of the test's own.
PROGRAM = """
import runpy
from d2l_gru import corpus
corpus.find = lambda: corpus.Corpus("timemachine", corpus.SAMPLE, "", "a test's own")
runpy.run_module("tools.run", run_name="__main__")
"""


class Site(Project):
    """A project with its own tools, and a notebook that must not change."""

    def __init__(self, root):
        super().__init__(root)
        self.started = []
        shutil.copytree(ROOT / "tools", root / "tools")
        nbformat.write(nbformat.v4.new_notebook(), self.notebook)
        self.before = self.notebook.read_bytes()

    def start(self):
        running = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        self.started.append(running)
        return running

    def end(self, running):
        """Return exit status, stdout and stderr."""
        out, err = running.communicate(timeout=120)
        return running.returncode, out, err

    def is_untouched(self):
        files = sorted(os.listdir(self.root / "book"))
        return self.notebook.read_bytes() == self.before and files == ["one.ipynb", "records"]

    def kernel(self):
        """Return the process of the endless cell, once it runs."""
        return int(wait_for(self.root / "pid").read_text())


def wait_for(path):
    for _ in range(2000):
        if path.exists() and (path.read_text() or path.name != "pid"):
            return path
        time.sleep(0.05)
    pytest.fail(f"{path.name} never came", pytrace=False)


def is_gone(process):
    for _ in range(600):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def site(tmp_path):
    """Leaves no build behind when a test fails: its warnings would fail whatever runs next."""
    project = Site(tmp_path)
    yield project
    for running in project.started:
        with running:
            running.kill()


def test_ctrl_c_in_a_cell(site):
    site.write(ENDLESS)
    running = site.start()
    kernel = site.kernel()
    running.send_signal(signal.SIGINT)
    assert site.end(running)[::2] == (1, INTERRUPTED + "\n") and is_gone(kernel)
    assert site.is_untouched()


def test_a_build_that_is_killed_leaves_what_was(site):
    """And the rest of a write that was cut off is written over."""
    site.write(ENDLESS)
    running = site.start()
    kernel = site.kernel()
    running.kill()
    site.end(running)
    assert site.is_untouched() and is_gone(kernel)
    (site.root / "book" / ".one.ipynb.tmp").write_text("{")
    site.write()
    status, _, err = site.end(site.start())
    assert (status, err) == (0, "")
    assert sorted(os.listdir(site.root / "book")) == ["one.ipynb", "records"]


PAGE = "# At first\n\nSome words.\n\n```{slide} A slide\n- words\n```\n"


@pytest.fixture
def book(tmp_path):
    """A book of two pages with the Makefile, whose .venv is this one."""
    root = small_book(tmp_path, {"one": PAGE})
    for name in ("tools", "requirements", "src", "Makefile"):
        (root / name).symlink_to(ROOT / name)
    bin = root / ".venv" / "bin"
    bin.mkdir(parents=True)
    python = f'#!/bin/sh\ncase "$*" in *tools.check*) exit;; esac\nexec {sys.executable} "$@"\n'
    (bin / "python").write_text(python)  # a link would not find the packages
    (bin / "python").chmod(0o755)
    return root


def make(folder, *arguments):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    env |= {"BOOK_FORMS": str(folder / "_build")}
    return subprocess.Popen(
        ["make", "-o", "setup", *arguments], cwd=folder, start_new_session=True, text=True,
        env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def is_made(running):
    said = running.communicate(timeout=600)[0]
    return (running.returncode, said) == (0, "The book: _build/html/index.html\n")


def test_an_interrupted_rendering_leaves_the_pages_and_the_next_makes_them_anew(book):
    assert is_made(make(book, "html"))
    html, aside = book / "_build" / "html", book / "_build" / "aside" / "html" / "one.html"
    page, deck = html / "one.html", html / "slides" / "one.html"
    before = page.read_bytes()
    notebook = book / "book" / "one.ipynb"
    notebook.write_text(notebook.read_text().replace("At first", "And then"))
    aside.unlink()
    running = make(book, "html")
    wait_for(aside)
    waiting = make(book, "html", "ALONE=flock -n _build/.lock")
    assert waiting.communicate()[0].endswith("Error 1\n"), "one build at a time"
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    assert page.read_bytes() == before
    aside.write_text("half a page")
    assert is_made(make(book, "html"))
    assert "And then" in page.read_text() and "A slide" in deck.read_text()
    stamp = page.stat()
    assert is_made(make(book, "html")) and page.stat() == stamp
