"""Bring book/*.ipynb up to date with chapters/*.md, and run those whose outputs are stale.

The markdown always wins.  A notebook is stale when its code, the package, the corpus, a record it
reads or MXNet's version differs from what made its outputs.  Where the sample text stands in for
the corpus, all of this happens in a copy, _build/sample/, and book/ is left alone.
"""

import argparse
import ast
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import jupytext
import nbformat
import yaml

from d2l_gru import corpus

ROOT = Path(__file__).resolve().parent.parent
KEPT_METADATA = ("tags", "mystnb", "slideshow", "nbval")
TAGS_THAT_MATTER = ("gpu", "raises-exception", "skip-execution")
ANNOUNCEMENT = (
    "Built with the sample text: <em>The Time Machine</em> could not be found or downloaded."
)


class ChapterError(Exception):
    """A chapter that cannot be brought up to date; the message is for its author."""


class Book:
    """Where the notebooks are, and what their outputs depend on besides their code."""

    def __init__(self, root, text):
        self.root, self.text = root, text
        self.sample = text.name == "sample"
        self.stored = root / "book"
        self.home = root / "_build" / "sample" / "book" if self.sample else self.stored
        mxnet = {d.version for d in metadata.distributions() if d.name in ("mxnet", "mxnet-cu112")}
        sources = sorted((root / "src").rglob("*.py"))
        self.common = [sorted(mxnet), text.sha256, [skeleton(p.read_text()) for p in sources]]

    def path(self, name):
        return self.home / f"{name}.ipynb"

    def read(self, name):
        """Return the chapter as written, and the notebook as last run (None without one)."""
        written = jupytext.read(self.root / "chapters" / f"{name}.md", fmt="md:myst")
        for path in (self.path(name), self.stored / f"{name}.ipynb"):
            if path.is_file():
                return tidy(written), nbformat.read(path, as_version=4)
        return tidy(written), None

    def fingerprint(self, notebook):
        """Return the hash of all that the notebook's outputs depend on."""
        code = [[c.source, tags(c) & set(TAGS_THAT_MATTER)] for c in code_cells(notebook)]
        text = json.dumps(code, default=sorted)
        records = sorted((self.stored / "records").glob("*"))
        read = [p.read_text() for p in records if p.name in text]
        return hashlib.sha256(json.dumps([self.common, text, read]).encode()).hexdigest()

    def write(self, name, notebook):
        """Replace the notebook at once or not at all; return whether it changed."""
        path = self.path(name)
        text = nbformat.writes(notebook) + "\n"
        if path.is_file() and path.read_text() == text:
            return False
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            temporary.write_text(text)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        return True


def skeleton(source):
    """Return Python code without its comments and docstrings, in a form all versions share."""

    def plain(node):
        if isinstance(node, list):
            return [plain(part) for part in node]
        if not isinstance(node, ast.AST):
            return repr(node)
        fields = [(k, plain(v)) for k, v in ast.iter_fields(node) if v not in (None, [])]
        return [type(node).__name__, fields]

    tree = ast.parse(source)
    for node in ast.walk(tree):
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return plain(tree)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return set(cell.metadata.get("tags", []))


def tidy(notebook):
    """Drop what differs from run to run or from machine to machine."""
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number:03d}"
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in KEPT_METADATA}
    kept = {k: v for k, v in notebook.metadata.items() if k not in ("jupytext", "widgets")}
    notebook.metadata = nbformat.from_dict(
        kept
        | {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
            "jupytext": {"formats": "chapters///md:myst,book///ipynb"},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def run(book, name, notebook):
    """Run the notebook's cells in book/; those for a GPU only where there is one."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from tqdm import tqdm

    cells = code_cells(notebook)
    skip = "gpu" if any("gpu" in tags(cell) for cell in cells) and not has_gpu() else ""
    running = []
    with tqdm(total=len(cells), desc=name, unit="cell", disable=None, leave=False) as bar:
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            timeout=None,
            record_timing=False,
            skip_cells_with_tag=skip,
            resources={"metadata": {"path": str(book.home)}},
            on_cell_execute=lambda cell, cell_index: running.append(cell),
            on_cell_complete=lambda cell, cell_index: bar.update(),
        )
        with tempfile.TemporaryDirectory() as ipython:
            env = os.environ | {
                "D2L_GRU_DATA": "sample" if book.sample else str(book.text.path.parent),
                "IPYTHONDIR": ipython,  # the author's own start-up files are not the book's
            }
            env.pop("MPLBACKEND", None)
            try:
                client.execute(env=env)
            except (CellExecutionError, DeadKernelError) as error:
                raise ChapterError(describe(name, notebook, running[-1:], error)) from None


def has_gpu():
    from d2l_gru import try_gpu

    return try_gpu().device_type == "gpu"


def describe(name, notebook, running, error):
    """Name the cell that failed, and show its traceback without colours."""
    where = f"chapters/{name}.md"
    for cell in running:
        number = code_cells(notebook).index(cell) + 1
        where += f", code cell {number}: {cell.source.strip().splitlines()[0]}"
        for output in cell.outputs:
            if output.output_type == "error" and output.traceback:
                trace = "\n".join(output.traceback)
                return where + "\n" + re.sub(r"\x1b\[[0-9;]*m", "", trace)
    return f"{where}\n{type(error).__name__}: {error}"


def merge_streams(outputs):
    """Join neighbouring pieces of one stream: where they were cut is a matter of timing."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def settle(book, name, notebook, old):
    """Keep the stored outputs that a new run only confirms, and those it could not make."""
    rules = (book.root / "tests" / "sanitize.cfg").read_text()
    rules = re.findall(r"^regex: (.*)\n^replace: (.*)$", rules, flags=re.MULTILINE)

    def sanitised(part):
        if isinstance(part, list):
            return [sanitised(p) for p in part]
        if isinstance(part, dict):
            return {k: sanitised(v) for k, v in part.items()}
        if isinstance(part, str):
            for regex, replacement in rules:
                part = re.sub(regex, replacement, part)
        return part

    stored = {}
    for cell in code_cells(old) if old else []:
        stored.setdefault(cell.source, []).append(cell)
    for number, cell in enumerate(code_cells(notebook), 1):
        before = stored[cell.source].pop(0) if stored.get(cell.source) else None
        if cell.execution_count is None:  # empty, or for a GPU where there is none
            if "gpu" in tags(cell) and before is None:
                print(f"{name}: code cell {number} needs a GPU, and has no output until one ran it")
            cell.outputs = before.outputs if before else []
            cell.execution_count = number if before and before.execution_count else None
        else:
            cell.outputs = merge_streams(cell.outputs)
            cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = cell.execution_count
            if output.output_type == "error":
                output.traceback = [t.replace(f"{book.root}/", "") for t in output.traceback]
        if before and sanitised(before.outputs) == sanitised(cell.outputs):
            cell.outputs = before.outputs
        private = {str(book.root), str(Path.home()), str(Path(tempfile.gettempdir(), "ipykernel_"))}
        for path in (p for p in private if len(p) > 1 and p in json.dumps(cell.outputs)):
            raise ChapterError(
                f"chapters/{name}.md, code cell {number}: its output holds {path}, a path of this "
                "machine; print something that is the same everywhere"
            )


def adopt(notebook, old):
    """Give the chapter as written the outputs of its last run."""
    for cell, before in zip(code_cells(notebook), code_cells(old), strict=True):
        cell.outputs, cell.execution_count = before.outputs, before.execution_count


def update(book, name, force):
    """Bring one notebook up to date; return whether it was run."""
    notebook, old = book.read(name)
    fingerprint = book.fingerprint(notebook)
    stale = old is None or old.metadata.get("d2l_gru", {}).get("fingerprint") != fingerprint
    if stale or force:
        start = time.time()
        if any(cell.source.strip() for cell in code_cells(notebook)):
            run(book, name, notebook)
        settle(book, name, tidy(notebook), old)
        print(f"{name}: ran in {time.time() - start:.1f} s", flush=True)
    else:
        adopt(notebook, old)
    notebook.metadata["d2l_gru"] = {"fingerprint": fingerprint, "corpus": book.text.name}
    nbformat.validate(notebook)
    if book.write(name, notebook) and not (stale or force):
        print(f"{name}: text refreshed", flush=True)


def check(book, names):
    """Return 1, and say which, if chapters are stale or their notebooks hold other text."""
    late = 0
    for name in names:
        notebook, old = book.read(name)
        recorded = (old.metadata.get("d2l_gru") or {}) if old else {}
        if recorded.get("fingerprint") != book.fingerprint(notebook):
            print(f"{name}: stale")
        elif [(c.cell_type, c.source, c.metadata) for c in notebook.cells] != [
            (c.cell_type, c.source, c.metadata) for c in old.cells
        ]:
            print(f"{name}: text changed")
        else:
            continue
        late = 1
    return late


def stage(book):
    """Make _build/sample hold what Jupyter Book needs but the notebooks; or remove it."""
    staging = book.root / "_build" / "sample"
    if not book.sample:
        shutil.rmtree(staging, ignore_errors=True)
        return
    shutil.copytree(
        book.stored, book.home, ignore=shutil.ignore_patterns("*.ipynb"), dirs_exist_ok=True
    )
    config = yaml.safe_load((book.root / "_config.yml").read_text())
    config.setdefault("html", {})["announcement"] = ANNOUNCEMENT
    local = config.get("sphinx", {}).get("local_extensions") or {}
    local.update({k: str(book.root / v) for k, v in local.items()})
    staged, text = staging / "_config.yml", yaml.safe_dump(config)
    if not staged.is_file() or staged.read_text() != text:  # a new file would be rendered anew
        staged.write_text(text)


def main(arguments=None, root=ROOT):
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("chapter", nargs="*", help="the name of a chapter; all without one")
    parser.add_argument("--force", action="store_true", help="run those that are not stale, too")
    parser.add_argument("--check", action="store_true", help="only say which are stale")
    options = parser.parse_args(arguments)

    names = sorted(path.stem for path in (root / "chapters").glob("*.md"))
    chosen = [Path(chapter).stem for chapter in options.chapter] or names
    if unknown := sorted(set(chosen) - set(names)):
        print(f"no such chapter: {', '.join(unknown)}; there are {', '.join(names)}")
        return 1
    text = corpus.find(download=not options.check)
    book = Book(root, text)
    if options.check:
        return check(book, chosen)
    print(corpus.describe(text), flush=True)
    stage(book)
    failed = False
    try:
        for name in chosen:
            update(book, name, options.force)
    except ChapterError as error:
        print(error, file=sys.stderr)
        failed = True
    orphans = sorted(p.name for p in book.stored.glob("*.ipynb") if p.stem not in names)
    if orphans:
        print(f"no chapter belongs to book/{', book/'.join(orphans)}: remove it", file=sys.stderr)
    return int(failed or bool(orphans))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError) as error:  # of the corpus: see d2l_gru.corpus.find
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("interrupted; what was running is as it was before")
