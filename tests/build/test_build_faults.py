"""What goes wrong while building: one clear error, and nothing changed or half-written."""

import fcntl
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from test_run_chapters import COUNT, HEAD, Project, cell
from tools_of_the_build import ROOT, load

pytestmark = pytest.mark.slow

INTERRUPTED = load("run").INTERRUPTED + "\n"
FIRST = cell("x = 1")
# Says who it is, and never ends.
ENDLESS = cell("import os, time\n_ = open('../pid', 'w').write(str(os.getpid()))\ntime.sleep(600)")
PID = "chapters/one.md, code cell 2: import os, time\n"
# The runner as a program, with a corpus of the test's own.
PROGRAM = """
import pathlib, runpy, sys
from d2l_gru import corpus
text = corpus.Corpus("timemachine", pathlib.Path("data/timemachine.txt"), "0" * 64, "a test's own")
corpus.find = lambda download: text
sys.path.insert(0, "tools")
runpy.run_path("tools/run_chapters.py", run_name="__main__")
"""


class Site(Project):
    """A project with its own tools, and a notebook that must not change."""

    def __init__(self, root):
        super().__init__(root, None)
        self.started = []
        shutil.copytree(ROOT / "tools", root / "tools")
        shutil.copy(ROOT / "_config.yml", root)
        nbformat.write(nbformat.v4.new_notebook(), self.notebook)
        self.before = self.notebook.read_bytes()

    def start(self, *arguments, program=("-c", PROGRAM), **options):
        running = subprocess.Popen(
            [sys.executable, *program, *arguments],
            cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, **options,
        )  # fmt: skip
        self.started.append(running)
        return running

    def build(self, *arguments, **options):
        return self.end(self.start(*arguments, **options))

    def end(self, running):
        """Return exit status, stdout and stderr."""
        out, err = running.communicate(timeout=60)
        return running.returncode, out, err

    def is_untouched(self):
        return self.notebook.read_bytes() == self.before and self.holds_no_rest()

    def holds_no_rest(self):
        return sorted(os.listdir(self.root / "book")) == ["one.ipynb", "records"]

    def kernel(self):
        """Return the process of the endless cell, once it runs."""
        return int(wait_for(self.root / "pid").read_text())


def wait_for(path):
    for _ in range(600):
        if path.exists() and (path.read_text() or path.name != "pid"):
            return path
        time.sleep(0.05)
    pytest.fail(f"{path.name} never came", pytrace=False)


def is_gone(process):
    for _ in range(100):
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


def test_a_kernel_that_kills_itself(site):
    site.write(FIRST, cell("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"))
    status, _, err = site.build()
    assert status == 1 and site.is_untouched()
    message = "chapters/one.md, code cell 2: import os, signal\nDeadKernelError: Kernel died\n"
    assert err.endswith(message) and "Traceback" not in err


def test_a_kernel_that_is_killed(site):
    site.write(FIRST, ENDLESS)
    running = site.start()
    os.kill(site.kernel(), signal.SIGKILL)
    status, _, err = site.end(running)
    assert status == 1 and site.is_untouched()
    assert err.endswith(PID + "DeadKernelError: Kernel died\n") and "Traceback" not in err


def test_a_cell_that_never_ends(site):
    site.write(FIRST, ENDLESS)
    status, _, err = site.build("--limit", "3")
    assert status == 1 and site.is_untouched() and is_gone(site.kernel())
    assert err.endswith(PID + "it ran longer than 3 s, the limit; --limit sets another\n")
    assert "Traceback" not in err


def full_disk():
    """No file may grow beyond 50 kB, which to a program is much as a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print(100_000 * 'x')", "book/one.ipynb cannot be written, and is as it was: [Errno 27]"),
        ("open('../big', 'w').write(100_000 * 'x')", "chapters/one.md, code cell 2: open('../big'"),
    ],
)
def test_a_full_disk(site, code, said):
    site.write(FIRST, cell(code))
    status, _, err = site.build(preexec_fn=full_disk)
    assert status == 1 and site.is_untouched()
    assert err.startswith(said) and "File too large" in err


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe\x00",
        b'{"cells": 3, "nbformat": 4}',
        b'{"cells": [{}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
        "half",
    ],
)
def test_a_corrupt_notebook(site, text):
    site.write(FIRST)
    site.before = site.before[: len(site.before) // 2] if text == "half" else text
    site.notebook.write_bytes(site.before)
    for arguments in ([], ["--check"]):
        status, _, err = site.build(*arguments)
        assert status == 1 and site.is_untouched()
        assert "book/one.ipynb cannot be read" in err and "Traceback" not in err


def test_a_half_written_notebook_of_a_killed_build(site):
    """The rest of a write that was cut off is written over, and the lock was let go."""
    site.write(FIRST, ENDLESS)
    running = site.start()
    kernel = site.kernel()
    running.kill()
    site.end(running)
    assert site.is_untouched() and is_gone(kernel)
    (site.root / "book" / ".one.ipynb.tmp").write_text("{")
    site.write(cell("6 * 7"))
    status, out, err = site.build()
    assert (status, err) == (0, "") and "waiting" not in out and site.holds_no_rest()
    assert site.cells()[0].outputs[0].data["text/plain"] == "42"


@pytest.mark.parametrize("altered", [True, False])
def test_a_half_written_cache(site, real_corpus, altered):
    from d2l_gru import corpus

    cache = site.root / "cache" / "d2l_gru"
    cache.mkdir(parents=True)
    whole = corpus.find(download=False).path.read_bytes()
    (cache / corpus.FILE).write_bytes(whole[:-1] if altered else whole)
    (cache / "tmp0").write_bytes(whole[:1000])
    nowhere = {
        "http_proxy": "http://127.0.0.1:9",
        "no_proxy": "",
        "XDG_CACHE_HOME": str(cache.parent),
    }
    env = {k: v for k, v in os.environ.items() if k != "D2L_GRU_DATA"} | nowhere
    site.write(cell("import os; os.environ['D2L_GRU_DATA'] == 'sample'"))
    status, out, err = site.build(program=["tools/run_chapters.py"], env=env)
    assert (status, err) == (0, "")
    staged = site.root / "_build" / "sample" / "book" / "one.ipynb"
    if altered:
        assert "sample story stands in" in out and "the cached copy was altered" in out
        assert site.is_untouched() and "True" in staged.read_text()
    else:
        assert out.startswith("Corpus: The Time Machine (found in the cache).")
        assert site.holds_no_rest() and "False" in site.notebook.read_text()


def test_two_builds_at_once(site):
    site.write(cell(f"{COUNT}\nimport time; time.sleep(4)"))
    first = site.start()
    wait_for(site.root / "runs.txt")
    status, out, err = site.build()
    assert (status, err) == (0, "")
    assert out.startswith("Another build is at work here: waiting for it.\nCorpus:")
    assert site.runs == 1 and site.holds_no_rest()
    assert site.end(first)[0] == 0


def interrupt(site, running):
    running.send_signal(signal.SIGINT)
    status, _, err = site.end(running)
    assert (status, err) == (1, INTERRUPTED) and site.is_untouched()


def test_ctrl_c_while_importing(site):
    (site.root / "tools" / "colab.py").write_text(
        "import pathlib, time\npathlib.Path('importing').touch()\ntime.sleep(60)"
    )
    running = site.start()
    wait_for(site.root / "importing")
    interrupt(site, running)


@pytest.mark.parametrize("seconds", [0, 0.4, 0.8, 1.2])
def test_ctrl_c_while_a_kernel_starts(site, seconds):
    site.write(FIRST, ENDLESS)
    running = site.start()
    running.stdout.readline()
    time.sleep(seconds)
    interrupt(site, running)


def test_ctrl_c_in_a_cell(site):
    site.write(FIRST, ENDLESS)
    running = site.start()
    kernel = site.kernel()
    interrupt(site, running)
    assert is_gone(kernel)


# Like Sphinx, it takes a page that is there for a whole one.
RENDERER = """
import os, pathlib, sys, time
source = pathlib.Path(os.environ.get("BOOK_SOURCE", "."), "book", "one.ipynb")
if "latex" in sys.argv:
    pathlib.Path("_build/latex").mkdir()
    sys.exit()
if "slides" in sys.argv:
    page = pathlib.Path(sys.argv[sys.argv.index("slides") + 1], "one.html")
else:
    source = pathlib.Path(sys.argv[2], "one.ipynb")
    page = pathlib.Path(sys.argv[sys.argv.index("--path-output") + 1], "_build/html/index.html")
page.parent.mkdir(parents=True, exist_ok=True)
if not page.exists() or page.stat().st_mtime < source.stat().st_mtime:
    page.write_text("half")
    slow = pathlib.Path(page.name).exists()
    pathlib.Path(f"rendering-{page.name}").touch()
    time.sleep(60 if slow else 0)
    page.write_text(source.read_text())
"""
# The runner, where the sample text stands in for the corpus.
STAND_IN = """
import pathlib
book = pathlib.Path("_build", "sample", "book")
if not book.exists():
    book.mkdir(parents=True)
    book.with_name("_config.yml").touch()
    (book / "one.ipynb").write_text("of the sample")
"""


@pytest.fixture
def rendered(tmp_path):
    """A folder with the Makefile, and renderers that can be slow; its pages are rendered."""
    for name in ("tools", "book", "chapters", "requirements", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "chapters" / "one.md").write_text(HEAD)
    for name in ("tools/setup.py", "_config.yml", "requirements/cpu.txt"):
        (tmp_path / name).touch()
    for name in ("check_chapters.py", "outputs.py", "voices.py"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools")
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"  # a link would not find the packages
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    for name in ("sphinx-build", "jupyter-book"):
        (tmp_path / ".venv" / "bin" / name).write_text(RENDERER)
    (tmp_path / "book" / "one.ipynb").write_text("first")
    assert is_rendered(make(tmp_path))
    for name in ("index.html", "one.html"):
        (tmp_path / f"rendering-{name}").unlink()
    return tmp_path


def make(folder, target="html"):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    env["PATH"] = f"{folder / '.venv' / 'bin'}:{env['PATH']}"
    return subprocess.Popen(
        ["make", target], cwd=folder, start_new_session=True, text=True, env=env,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def is_rendered(running):
    said = running.communicate(timeout=60)[0]
    return (running.returncode, said) == (0, "The book: _build/html/index.html\n")


def pages(folder):
    names = ("html/index.html", "html/slides/one.html", "slides/one.html")
    return [(folder / "_build" / name).read_text() for name in names]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("slow", ["index.html", "one.html"])
def test_an_interrupted_rendering(rendered, slow, sent):
    assert pages(rendered) == ["first"] * 3
    (rendered / "book" / "one.ipynb").write_text("second")
    (rendered / slow).touch()
    running = make(rendered)
    for name in ("index.html", "one.html"):  # both have begun, and one is not done
        wait_for(rendered / f"rendering-{name}")
    os.killpg(running.pid, sent)
    assert "Traceback" not in running.communicate(timeout=60)[0] and running.returncode
    assert set(pages(rendered)) <= {"first", "second"} and pages(rendered)[0] == "first"
    (rendered / slow).unlink()
    assert is_rendered(make(rendered))
    assert pages(rendered) == ["second"] * 3


def test_rendering_waits_for_another_build(rendered):
    os.utime(rendered / "book" / "one.ipynb")
    with open(rendered / "_build" / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = make(rendered)
        assert running.stdout.readline() == "Another build is at work here: waiting for it.\n"
        time.sleep(0.5)
        assert running.poll() is None and not [*rendered.glob("rendering-*")]
    assert is_rendered(running)


def test_all_forms_of_a_book_that_is_new(rendered):
    """The notebooks of the sample text lie where there was nothing when `make book` began."""
    bin = rendered / ".venv" / "bin"
    (bin / "latexmk").write_text("#!/bin/sh\necho printed >> ../../printed; echo PDF > book.pdf\n")
    (bin / "latexmk").chmod(0o755)
    (rendered / "tools" / "debian.py").touch()
    (rendered / "tools" / "run_chapters.py").write_text(STAND_IN)
    for _ in range(2):
        assert is_rendered(make(rendered, "book"))
        assert pages(rendered) == ["of the sample"] * 3
        for place in ("book.pdf", "html/book.pdf"):
            assert (rendered / "_build" / place).read_text() == "PDF\n"
    assert (rendered / "printed").read_text() == "printed\n"


@pytest.mark.parametrize("target", ["html", "slides", "pdf"])
def test_a_name_that_make_cannot_read_is_refused(rendered, target):
    (rendered / "chapters" / "my page.md").touch()
    (rendered / "book" / "my page.ipynb").touch()
    said = make(rendered, target).communicate(timeout=60)[0]
    assert said.startswith("chapters/my page.md: a name has letters, digits, - and _ only; rename")
    assert "No rule" not in said and pages(rendered) == ["first"] * 3
