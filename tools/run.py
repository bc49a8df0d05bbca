"""Bring book/*.ipynb up to date with chapters/*.md, and run those whose outputs are stale.

The Markdown always takes precedence.  Notebooks run in parallel, one per core; those with a cell
tagged `timed` run after the others, one at a time, with all cores.  Without The Time Machine
nothing runs, and chapters with other code stay as they are.
"""

import argparse
import asyncio
import atexit
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jupytext
import nbformat

from d2l_gru import corpus
from tools.check import check, refuse_lost, refuse_unfit
from tools.fingerprint import Fingerprints, circumstances, installed
from tools.notebook import (
    LIMIT,
    TORCH,
    ChapterError,
    adopt,
    code_cells,
    ids,
    is_torch,
    recorded,
    settle,
    split,
    tags,
    take_recorded,
    tidy,
)

ROOT = Path(__file__).resolve().parent.parent
INTERRUPTED = "interrupted; every notebook is either unchanged or complete"
LONG = 1  # second, above which what a cell took is recorded
ASK_DEVICE = """\
import sys
for name in ("d2l_gru.torch", "d2l_gru"):
    if name in sys.modules:
        print(sys.modules[name].try_gpu(), end="")
        break"""
NEEDS = """\
{names}: not run, and still shown as it was: its code or its inputs have changed, but running
needs The Time Machine ({reason}).
Set D2L_GRU_DATA to a folder with {file}, or download it: .venv/bin/python -m d2l_gru.corpus"""
EDITED = """\
book/{name}.ipynb was edited, but its chapter was not.
To copy the edit into chapters/: make run ARGS="--take {name}"
To discard it: git checkout book/{name}.ipynb, or make run ARGS="--force {name}\""""


def interrupt(*_):
    """End at once; a kernel ends when it finds that nobody is there any more."""
    print(INTERRUPTED, file=sys.stderr, flush=True)
    os._exit(1)


class Book:
    """Chapters and notebooks below a folder; all without `asked`."""

    def __init__(self, root, asked=()):
        asked = {Path(name).stem.removesuffix(TORCH) for name in asked}
        check(root, asked)
        self.root = root
        self.fingerprints = Fingerprints(root, corpus.SHA256)
        self.torch = next(iter(installed("torch")), None)
        self.notebooks = {}  # as written
        paths = {path.stem: path for path in sorted((root / "chapters").glob("*.md"))}
        if unknown := ", ".join(sorted(asked - {*paths})):
            raise ChapterError(f"no such chapter: {unknown}; available: {', '.join(paths)}")
        for name, path in paths.items():
            if not asked or name in asked:
                self.notebooks.update(self.split(path))
        for path in sorted((root / "book").glob("*.ipynb")) if not asked else ():
            if path.stem not in self.notebooks:
                raise ChapterError(f"book/{path.name} belongs to no chapter; remove it")

    def path(self, name):
        return self.root / "book" / f"{name}.ipynb"

    def split(self, path):
        """Return the notebooks of a chapter as written, by their names."""
        notebooks = split(path.stem, self.read(path))
        for notebook in notebooks.values():
            refuse_lost(f"chapters/{path.name}", notebook)
            tidy(notebook)
        return notebooks

    def last_run(self, name):
        """Return the notebook as last run; None without one."""
        return self.read(self.path(name)) if self.path(name).is_file() else None

    def read(self, path):
        try:
            if path.suffix == ".md":
                notebook = jupytext.read(path, fmt="md:myst")
            else:
                notebook = nbformat.read(path, as_version=4)
            nbformat.validate(notebook)  # reading only logs what is wrong
        except Exception as error:  # of jupytext and nbformat, which raise whatever they trip over
            said = f"{type(error).__name__}: {error}"
            raise ChapterError(f"{path.relative_to(self.root)} cannot be read: {said}") from None
        return notebook

    def write(self, name, notebook):
        """Replace the notebook at once or not at all; return whether it changed."""
        path, text = self.path(name), nbformat.writes(notebook) + "\n"
        if path.is_file() and path.read_text() == text:
            return False
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(text)
        os.replace(temporary, path)
        return True

    def take(self, name):
        """Merge into a chapter what was edited in its notebook since the last commit."""
        chapter = self.root / "chapters" / f"{name.removesuffix(TORCH)}.md"
        metadata = self.notebooks[name].metadata
        metadata["language_info"]["pygments_lexer"] = "ipython3"
        show = ["git", "show", f"HEAD:./book/{name}.ipynb"]
        committed = subprocess.run(show, cwd=self.root, check=True, stdout=subprocess.PIPE).stdout
        with tempfile.TemporaryDirectory() as folder:
            sides = []
            for notebook in (nbformat.reads(committed, as_version=4), self.last_run(name)):
                notebook.metadata = metadata
                sides.append(Path(folder, f"{len(sides)}.md"))
                jupytext.write(notebook, sides[-1], fmt="md:myst")
            subprocess.run(["git", "merge-file", "-q", chapter, *sides])

    def stamp(self, notebook, old):
        """Return what a run of the notebook is stamped with.

        Without PyTorch, its version is that of the last run.
        """
        torch = {"torch": self.torch or _stamp(old).get("torch")} if is_torch(notebook) else {}
        fingerprint, parts = self.fingerprints.of(notebook, torch.get("torch"))
        return {"fingerprint": fingerprint, "corpus": "timemachine", "parts": parts, **torch}

    def is_stale(self, notebook, old):
        if not any(cell.source.strip() for cell in code_cells(notebook)):
            return False
        new = self.stamp(notebook, old)["fingerprint"]
        return _stamp(old).get("fingerprint") != new or not _is_whole(notebook, old)

    def seconds(self, name):
        """Return what the last run of a notebook took; 0 if none is on record."""
        return _stamp(self.last_run(name)).get("run", {}).get("seconds", 0)

    def update(self, name, stale, text=None, threads=None):
        """Bring one notebook up to date, and say so if it changed; its run has so many threads."""
        notebook, old = self.notebooks[name], self.last_run(name)
        stamp, last, start, took = self.stamp(notebook, old), _stamp(old), time.time(), {}
        try:
            if stale and (self.torch or not is_torch(notebook)):
                took = self.run(name, notebook, text, threads)
            elif stale:
                print(f"{name}: not run, because PyTorch is missing; `make torch` installs it")
                stamp = last
            if stale:
                settle(tidy(notebook), old, self.root)
                refuse_unfit(notebook)
            elif old:
                adopt(notebook, old)
        except (ChapterError, OSError) as error:
            voice = " in PyTorch" if name.endswith(TORCH) else ""
            where = f"chapters/{name.removesuffix(TORCH)}.md{voice}"
            raise ChapterError(f"{where}, {error}") from None
        records = recorded(self.root, notebook)
        for number, cell in enumerate(code_cells(notebook), 1):
            if "gpu" in tags(cell):
                take_recorded(cell, number, records)
                if took and not cell.execution_count:
                    print(f"{name}: code cell {number} has no output until a GPU's is recorded")
        ran = last.get("run")
        if took:
            now = circumstances(self.root, notebook) | took
            # A run that only confirms what is stored leaves the one on the card.
            confirms = ran and stamp["fingerprint"] == last.get("fingerprint")
            confirms = confirms and ran.get("lock") == now["lock"]
            if not confirms or _outputs(notebook) != _outputs(old):
                ran = now
        notebook.metadata["d2l_gru"] = stamp | ({"run": ran} if ran else {})
        nbformat.validate(notebook)
        changed = self.write(name, notebook)
        if took:
            print(f"{name}: ran in {time.time() - start:.1f} s", flush=True)
        elif changed:
            print(f"{name}: text refreshed", flush=True)

    def run(self, name, notebook, text, threads):
        """Run the notebook's cells in book/; those for a GPU only where there is one.

        Returns:
            The device that `try_gpu()` gives there, None if the notebook has not the package; the
            seconds it took, and those that its longer cells took, by their numbers.
        """
        cells, start = code_cells(notebook), time.time()
        from nbclient.exceptions import CellControlSignal
        from tqdm import tqdm

        from tools.kernel import Client, environment, has_gpu

        started, seconds = [], {}

        def begin(cell, cell_index):
            started.append(cell)
            seconds[id(cell)] = -time.time()

        def end(cell, cell_index, execute_reply):
            seconds[id(cell)] += time.time()
            bar.update()

        with (
            tqdm(total=len(cells), desc=name, unit="cell", disable=None, leave=False) as bar,
            environment(D2L_GRU_DATA=str(text.path.parent)) as env,
        ):
            env.setdefault("OMP_NUM_THREADS", str(threads))
            needed = any("gpu" in tags(cell) for cell in cells)
            left_out = ["gpu"] if needed and not has_gpu(is_torch(notebook)) else []
            hooks = {"on_cell_execute": begin, "on_cell_executed": end}
            client = Client(notebook, self.root / "book", left_out, LIMIT, **hooks)
            notebook.cells.append(last := nbformat.v4.new_code_cell(ASK_DEVICE))
            try:
                asyncio.run(client.async_execute(env=env))
            except (CellControlSignal, RuntimeError) as error:
                what = f"{type(error).__name__}: {error}"
                raise ChapterError(_describe(what, cells, started)) from None
            finally:
                atexit.unregister(client._cleanup_kernel)  # of a kernel that ended as it started
                notebook.cells.pop()
        took = {str(n): round(seconds.get(id(cell), 0), 1) for n, cell in enumerate(cells, 1)}
        return {
            "device": "".join(output.get("text", "") for output in last.outputs) or None,
            "seconds": round(time.time() - start, 1),
            "cells": {number: s for number, s in took.items() if s >= LONG},
        }


def _stamp(old):
    return old.metadata.get("d2l_gru", {}) if old else {}


def _outputs(notebook):
    return [cell.outputs for cell in code_cells(notebook)]


def _is_whole(notebook, old):
    """Whether the stored cells are the chapter's, and each has its run (a GPU's may be missing)."""
    written, stored = ([cell.source for cell in code_cells(part)] for part in (notebook, old))
    return written == stored and all(
        cell.execution_count or not cell.source.strip() or tags(cell) & {"gpu", "skip-execution"}
        for cell in code_cells(old)
    )


def _describe(what, cells, started):
    """Name the cell that failed, and show its traceback without colours, or else `what`."""
    if not started:
        return f"before its first cell: {what}"
    failed = started[-1]
    where = f"code cell {cells.index(failed) + 1}: {failed.source.strip().splitlines()[0]}"
    traces = [output.traceback for output in failed.outputs if output.output_type == "error"]
    what = "\n".join(traces[-1]) if traces else what
    return where + "\n" + re.sub(r"\x1b\[[0-9;]*m", "", what)


def run_side_by_side(book, names, text):
    """Run notebooks, the longest first, one to a core; return whether no run has failed.

    Once a run fails, no other begins; those that have begun come to their end.
    """
    cores, failed = os.cpu_count() or 1, []
    jobs = max(1, min(cores, len(names)))

    def update(name):
        try:
            if not failed:
                book.update(name, True, text, cores // jobs)
        except (ChapterError, OSError) as error:
            failed.append(name)
            print(error, file=sys.stderr, flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(update, sorted(names, key=book.seconds, reverse=True)))
    return not failed


def bring_up_to_date(book, force, taken):
    """Run what is stale, and refresh the text of the rest; return the exit status."""
    stored = {name: book.last_run(name) for name in book.notebooks}
    for name, old in stored.items():
        if old and not (force or taken) and [cell.id for cell in old.cells] != ids(old):
            raise ChapterError(EDITED.format(name=name))
    stale = [
        n for n, old in stored.items() if book.is_stale(book.notebooks[n], None if force else old)
    ]
    if stale and (text := corpus.find()).name != "timemachine":
        kept = {name.removesuffix(TORCH) for name in stale}
        said = NEEDS.format(names=", ".join(sorted(kept)), reason=text.reason, file=corpus.FILE)
        print(said, file=sys.stderr)
        stored = {name: old for name, old in stored.items() if name.removesuffix(TORCH) not in kept}
        stale = []
    elif stale:
        print(corpus.describe(text), flush=True)
    for name in stored.keys() - {*stale}:
        book.update(name, False)
    timed = [n for n in stale if any("timed" in tags(c) for c in code_cells(book.notebooks[n]))]
    groups = [[name for name in stale if name not in timed], *([name] for name in timed)]
    return int(not all(run_side_by_side(book, names, text) for names in groups if names))


def main(arguments=None, root=ROOT):
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__.split("\n")[0])
    parser.add_argument("chapter", nargs="*", help="the name of a chapter; default: all")
    parser.add_argument("--force", action="store_true", help="also run what is not stale")
    parser.add_argument("--take", metavar="NOTEBOOK", help="copy its edits into its chapter")
    options = parser.parse_args(arguments)
    try:
        if options.take:
            options.chapter = [options.take]
            Book(root, options.chapter).take(options.take)
        return bring_up_to_date(Book(root, options.chapter), options.force, options.take)
    # A SyntaxError is of the package.
    except (ChapterError, OSError, ValueError, SyntaxError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    signal.signal(signal.SIGINT, interrupt)
    sys.exit(main())
