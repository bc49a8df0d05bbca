"""Bring book/*.ipynb up to date with chapters/*.md, and run those whose outputs are stale.

The markdown always wins.  A notebook is stale when its code, the package, the corpus, a record it
reads or MXNet's version differs from what made its outputs.  A chapter with cells in PyTorch has a
second notebook, NAME-torch.  Notebooks run side by side, one to a core; those with a cell tagged
`timed` run after the others, one at a time, with all cores.  Where the sample text stands in for
the corpus, all of this happens in a copy, _build/sample/, and book/ is left alone.
"""

# ruff: noqa: E402 - Ctrl-C is heard before the imports, which take a second
import signal
import sys

INTERRUPTED = "interrupted; every notebook is as it was, or wholly new"
if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: sys.exit(INTERRUPTED))

import argparse
import asyncio
import atexit
import contextlib
import fcntl
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jupytext
import nbformat
import yaml
from check_chapters import check as check_text
from check_chapters import refuse_unfit
from colab import add_install_cell, address
from fingerprint import Fingerprints, circumstances, installed
from outputs import (
    LIMIT,
    ChapterError,
    adopt,
    code_cells,
    is_torch,
    recorded,
    settle,
    switch,
    tags,
    take_recorded,
    tidy,
)
from voices import TORCH, split

from d2l_gru import corpus

ROOT = Path(__file__).resolve().parent.parent
LONG = 1  # second, above which what a cell took is recorded
ASK_DEVICE = """\
import sys
for name in ("d2l_gru.torch", "d2l_gru"):
    if name in sys.modules:
        print(sys.modules[name].try_gpu(), end="")
        break"""
ANNOUNCEMENT = (
    "Built with the sample text: <em>The Time Machine</em> could not be found or downloaded."
)


class Book:
    """Chapters and notebooks below a folder, for the corpus that was found; all without `asked`."""

    def __init__(self, root, text, limit=LIMIT, asked=()):
        asked = {Path(name).stem for name in asked}
        check_text(root, {name.removesuffix(TORCH) for name in asked})
        self.root, self.text, self.limit = root, text, limit
        self.stored = root / "book"
        self.staging = root / "_build" / "sample"
        self.sample = text.name == "sample"
        self.home = self.staging / "book" if self.sample else self.stored
        self.fingerprints = Fingerprints(root, text.sha256)
        self.url = address(root / "_config.yml")
        self.torch = next(iter(installed("torch")), None)
        self.notebooks = {}  # as written
        self.at_work, self.stopped = set(), False
        paths = {path.stem: path for path in sorted((root / "chapters").glob("*.md"))}
        for name, path in paths.items():
            if not asked or {name, name + TORCH} & asked:
                self.notebooks.update(self.split(path))
        if unknown := ", ".join(sorted(asked - {*self.notebooks})):
            raise ChapterError(f"no such chapter: {unknown}; there are {', '.join(paths)}")
        # A notebook's own name chooses it.
        self.chosen = [n for n in self.notebooks if not asked or {n, n.removesuffix(TORCH)} & asked]

    def stage(self):
        """Make _build/sample hold what Jupyter Book needs but the notebooks; or remove it."""
        if not self.sample:
            shutil.rmtree(self.staging, ignore_errors=True)
            return
        notebooks = shutil.ignore_patterns("*.ipynb")
        shutil.copytree(self.stored, self.home, ignore=notebooks, dirs_exist_ok=True)
        config = yaml.safe_load((self.root / "_config.yml").read_text())
        config["html"]["announcement"] = ANNOUNCEMENT
        local = config["sphinx"]["local_extensions"]
        local.update({name: str(self.root / folder) for name, folder in local.items()})
        staged, text = self.staging / "_config.yml", yaml.safe_dump(config)
        if not staged.is_file() or staged.read_text() != text:  # a new file is rendered anew
            staged.write_text(text)

    def split(self, path):
        """Return the notebooks of a chapter as written, by their names."""
        with self.readable(path):
            chapter = jupytext.read(path, fmt="md:myst")
            notebooks = split(path.stem, chapter)
            for notebook in notebooks.values():
                tidy(add_install_cell(notebook, self.url))
                for number, cell in enumerate(code_cells(notebook), 1):
                    if said := switch(cell):
                        raise ChapterError(f"chapters/{path.name}, code cell {number}: {said}")
            return notebooks

    def last_run(self, name):
        """Return the notebook as last run; None without one."""
        for path in (self.home / f"{name}.ipynb", self.stored / f"{name}.ipynb"):
            if path.is_file():
                with self.readable(path):
                    notebook = nbformat.read(path, as_version=4)
                    nbformat.validate(notebook)  # reading only logs what is wrong
                    if not isinstance(_stamp(notebook), dict):
                        raise ValueError("its metadata d2l_gru must be a dict")
                    return notebook

    @contextlib.contextmanager
    def readable(self, path):
        try:
            yield
        except ChapterError:
            raise
        except Exception as error:  # of jupytext and nbformat, which raise whatever they trip over
            said = str(error) if isinstance(error, (OSError, ValueError)) else repr(error)
            raise ChapterError(f"{path.relative_to(self.root)} cannot be read: {said}") from None

    def write(self, name, notebook):
        """Replace the notebook at once or not at all; return whether it changed."""
        path = self.home / f"{name}.ipynb"
        text = nbformat.writes(notebook) + "\n"
        if path.is_file() and path.read_text() == text:
            return False
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            temporary.write_text(text)
            os.replace(temporary, path)
        except OSError as error:
            where = path.relative_to(self.root)
            raise ChapterError(f"{where} cannot be written, and is as it was: {error}") from None
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def stamp(self, notebook, old):
        """Return what a run of the notebook is stamped with.

        Without PyTorch, its version is that of the last run.
        """
        torch = {"torch": self.torch or _stamp(old).get("torch")} if is_torch(notebook) else {}
        fingerprint, parts = self.fingerprints.of(notebook, torch.get("torch"))
        return {"fingerprint": fingerprint, "corpus": self.text.name, "parts": parts, **torch}

    def is_stale(self, notebook, old):
        new = self.stamp(notebook, old)["fingerprint"]
        return _stamp(old).get("fingerprint") != new or not _is_whole(notebook, old)

    def seconds(self, name):
        """Return what the last run of a notebook took; 0 if none is on record."""
        return _stamp(self.last_run(name)).get("run", {}).get("seconds", 0)

    def update(self, name, force=False, threads=None):
        """Bring one notebook up to date, and say so if it changed; its run has so many threads."""
        notebook, old = self.notebooks[name], self.last_run(name)
        stamp, last, start = self.stamp(notebook, old), _stamp(old), time.time()
        stale = force or self.is_stale(notebook, old)
        runs = stale and (self.torch or not is_torch(notebook))
        if stale:
            try:
                if runs:
                    device, seconds = self.run(name, notebook, threads)
                    took = {"device": device, "seconds": round(time.time() - start, 1)}
                    took["cells"] = seconds
                else:
                    print(f"{name}: not run, since PyTorch is missing; `make torch` installs it")
                    stamp = last
                settle(tidy(notebook), old, self.root, last.get("corpus") == self.text.name)
                refuse_unfit(notebook)
            except (ChapterError, OSError) as error:
                raise ChapterError(f"{_source(name)}, {error}") from None
        else:
            adopt(notebook, old)
        records = recorded(self.root, notebook)
        for number, cell in enumerate(code_cells(notebook), 1):
            if "gpu" in tags(cell):
                take_recorded(cell, number, records)
                if runs and not cell.execution_count:
                    print(f"{name}: code cell {number} has no output until a GPU's is on record")
        if "run" in last:
            stamp["run"] = last["run"]
        if runs:
            ran = circumstances(self.root, notebook) | took
            another_lock = last.get("run", {}).get("lock") != ran["lock"]
            if "run" not in last or another_lock or not confirms(notebook, stamp, old):
                stamp["run"] = ran
        notebook.metadata["d2l_gru"] = stamp
        nbformat.validate(notebook)
        changed = self.write(name, notebook)
        if runs:
            print(f"{name}: ran in {time.time() - start:.1f} s", flush=True)
        elif changed:
            print(f"{name}: text refreshed", flush=True)

    def run(self, name, notebook, threads=None):
        """Run the notebook's cells in book/; those for a GPU only where there is one.

        Returns:
            The device that `try_gpu()` gives there, None if the notebook has not the package; and
            the seconds that the longer cells took, by their numbers.
        """
        cells = code_cells(notebook)
        if not any(cell.source.strip() for cell in cells):
            return None, {}
        from kernel import Client, environment
        from nbclient.exceptions import CellControlSignal, CellTimeoutError
        from tqdm import tqdm

        started, seconds = [], {}

        def begin(cell, cell_index):
            if self.stopped:
                raise RuntimeError("stopped")
            started.append(cell)
            seconds[cell_index] = -time.time()

        def end(cell, cell_index, execute_reply):
            seconds[cell_index] += time.time()
            bar.update()

        data = "sample" if self.sample else str(self.text.path.parent)
        with (
            tqdm(total=len(cells), desc=name, unit="cell", disable=None, leave=False) as bar,
            environment(D2L_GRU_DATA=data) as env,
        ):
            if threads:
                env.setdefault("OMP_NUM_THREADS", str(threads))
            left_out = ["gpu"] if _lacks_gpu(cells) else []
            hooks = {"on_cell_execute": begin, "on_cell_executed": end}
            client = Client(notebook, self.home, left_out, self.limit, **hooks)
            notebook.cells.append(last := nbformat.v4.new_code_cell(ASK_DEVICE))
            self.at_work.add(client)
            try:
                self.execute(client, env)
            except CellTimeoutError:
                late = f"it ran longer than {self.limit} s, the limit; --limit sets another"
                raise ChapterError(_describe(late, cells, started)) from None
            except (CellControlSignal, RuntimeError) as error:
                what = f"{type(error).__name__}: {error}"
                raise ChapterError(_describe(what, cells, started)) from None
            finally:
                self.at_work.discard(client)
                atexit.unregister(client._cleanup_kernel)  # of a kernel that ended as it started
                notebook.cells.pop()
            device = "".join(output.get("text", "") for output in last.outputs) or None
            places = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
            took = {str(n): round(seconds.get(i, 0), 1) for n, i in enumerate(places, 1)}
            return device, {number: s for number, s in took.items() if s >= LONG}

    def execute(self, client, env):
        """Run all cells in a thread: in the main one nbclient would take Ctrl-C for itself."""
        with ThreadPoolExecutor(1) as pool:
            try:
                pool.submit(lambda: asyncio.run(client.async_execute(env=env))).result()
            except (KeyboardInterrupt, SystemExit):
                self.stop()
                raise

    def stop(self):
        """End all that runs; a notebook whose run was ended is left as it was."""
        self.stopped = True
        for client in list(self.at_work):
            if client.km and client.km.has_kernel:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(client.km.provisioner.pgid, signal.SIGKILL)


def _stamp(old):
    return old.metadata.get("d2l_gru", {}) if old else {}


def confirms(notebook, stamp, old):
    """Whether a run has only confirmed what is stored, so that the run on its card stays."""
    cells = zip(code_cells(notebook), code_cells(old), strict=False)
    same = all(before.outputs in (cell.outputs, []) for cell, before in cells)
    return same and stamp["fingerprint"] == _stamp(old).get("fingerprint")


def _source(name):
    """Name the chapter of a notebook, and its voice."""
    chapter = name.removesuffix(TORCH)
    return f"chapters/{chapter}.md" + (" in PyTorch" if chapter != name else "")


def _is_whole(notebook, old):
    """Whether the stored cells are the chapter's, and each has its run (a GPU's may be missing)."""
    written, stored = ([cell.source for cell in code_cells(part)] for part in (notebook, old))
    return written == stored and all(
        cell.execution_count or not cell.source.strip() or tags(cell) & {"gpu", "skip-execution"}
        for cell in code_cells(old)
    )


def _lacks_gpu(cells):
    """Whether some cells need a GPU and there is none; who would use it is asked only if so."""
    if not any("gpu" in tags(cell) for cell in cells):
        return False
    if any("torch" in tags(cell) for cell in cells):
        import torch

        return not torch.cuda.is_available()
    from d2l_gru import try_gpu

    return try_gpu().device_type != "gpu"


def _describe(what, cells, started):
    """Name the cell that failed, and show its traceback without colours, or else `what`."""
    if not started:
        return f"before its first cell: {what}"
    failed = started[-1]
    where = f"code cell {cells.index(failed) + 1}: {failed.source.strip().splitlines()[0]}"
    traces = [output.traceback for output in failed.outputs if output.output_type == "error"]
    what = "\n".join(traces[-1]) if traces else what
    return where + "\n" + re.sub(r"\x1b\[[0-9;]*m", "", what)


def check(book, names):
    """Return 1, and say which, if chapters are stale or their notebooks hold other text."""
    late = 0
    for name in names:
        notebook, old = book.notebooks[name], book.last_run(name)
        if book.is_stale(notebook, old):
            print(f"{name}: stale")
        elif _text(notebook) != _text(old):
            print(f"{name}: text changed")
        else:
            continue
        late = 1
    return late


def _text(notebook):
    return [(cell.cell_type, cell.source, cell.metadata) for cell in notebook.cells]


@contextlib.contextmanager
def alone(folder):
    """Wait, and say so, while another build works here; `make` takes the same lock to render."""
    folder.mkdir(exist_ok=True)
    with open(folder / ".lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another build is at work here: waiting for it.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def update_side_by_side(book, names, force):
    """Update notebooks, the longest first, one to a core; return whether no run has failed.

    Once a run fails, no other begins; those that have begun come to their end.
    """
    cores, failed = os.cpu_count() or 1, []
    jobs = max(1, min(cores, len(names)))

    def update(name):
        try:
            if not failed:
                book.update(name, force, cores // jobs)
        except (ChapterError, OSError) as error:
            failed.append(name)
            if not book.stopped:
                print(error, file=sys.stderr, flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            list(pool.map(update, sorted(names, key=book.seconds, reverse=True)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            book.stop()
            raise
    return not failed


def bring_up_to_date(book, options):
    """Do what the command line asks of a book; return the exit status."""
    if options.check:
        return check(book, book.chosen)
    print(corpus.describe(book.text), flush=True)
    book.stage()
    stale, timed = [], []
    for name in book.chosen:
        notebook = book.notebooks[name]
        if not options.force and not book.is_stale(notebook, book.last_run(name)):
            book.update(name)
        elif any("timed" in tags(cell) for cell in code_cells(notebook)):
            timed.append(name)
        else:
            stale.append(name)
    for names in (stale, *([name] for name in timed)):
        if not update_side_by_side(book, names, options.force):
            return 1
    return 0


def main(arguments=None, root=ROOT):
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("chapter", nargs="*", help="the name of a chapter; all without one")
    parser.add_argument("--force", action="store_true", help="run those that are not stale, too")
    parser.add_argument("--check", action="store_true", help="only say which are stale")
    parser.add_argument(
        "--limit", type=int, default=LIMIT, metavar="SECONDS", help=f"of a cell's run ({LIMIT})"
    )
    options = parser.parse_args(arguments)

    try:
        text = corpus.find(download=not options.check)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    try:
        with contextlib.nullcontext() if options.check else alone(root / "_build"):
            return bring_up_to_date(Book(root, text, options.limit, options.chapter), options)
    except SyntaxError as error:  # in the package
        print(f"{error.filename}, line {error.lineno}: {error.msg}", file=sys.stderr)
    except (ChapterError, OSError) as error:
        print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
