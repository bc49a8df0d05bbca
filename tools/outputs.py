"""The cells of a notebook and their outputs: what is kept of them, and what is made the same."""

import hashlib
import json
import re
import tempfile
from pathlib import Path

KEPT_METADATA = ("tags", "mystnb", "slideshow", "nbval")


class ChapterError(Exception):
    """A chapter that cannot be brought up to date; the message is for its author."""


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def tags(cell):
    return set(cell["metadata"].get("tags", []))


def digest(source):
    """Return what stands for a cell's source in a record."""
    return hashlib.sha256(source.encode()).hexdigest()


def is_torch(notebook):
    """Whether it is the PyTorch notebook of a chapter."""
    return any("torch" in tags(cell) for cell in notebook.cells)


def tidy(notebook):
    """Drop what differs from run to run or from machine to machine."""
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number:03d}"
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in KEPT_METADATA}
    for name in ("jupytext", "widgets"):
        notebook.metadata.pop(name, None)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata.update(kernelspec=kernel, language_info={"name": "python"})
    if not is_torch(notebook):  # the chapter's own is the pair of the other
        notebook.metadata["jupytext"] = {"formats": "chapters///md:myst,book///ipynb"}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def adopt(notebook, old):
    """Give the chapter as written the outputs of its last run."""
    for cell, before in zip(code_cells(notebook), code_cells(old), strict=True):
        cell.outputs, cell.execution_count = before.outputs, before.execution_count


def settle(notebook, old, root, same_text=True):
    """Make the outputs of a run the same as those of any other run of the same code.

    Stored outputs that the run only confirms are kept, and those that it could not make.

    Args:
        notebook: the one that ran.
        old: the one stored, or None.
        root: the folder that holds tests/sanitize.cfg; no output may name it.
        same_text: whether both ran with one corpus; else the old outputs are another run's, and
            none of its speeds and dates are kept.

    Raises:
        ChapterError: an output holds a path of this machine.
    """
    plain, stored = sanitiser(root), {}
    for cell in code_cells(old) if old else []:
        stored.setdefault(cell.source, []).append(cell)
    for number, cell in enumerate(code_cells(notebook), 1):
        before = stored[cell.source].pop(0) if stored.get(cell.source) else None
        if cell.execution_count is None:  # empty, or what it needs is not here
            cell.outputs = before.outputs if before else []
            cell.execution_count = number if before and before.execution_count else None
        else:
            cell.outputs = _merge_streams(cell.outputs)
            cell.execution_count = number
        for output in (output for output in cell.outputs if output.output_type == "error"):
            output.traceback = [line.replace(f"{root}/", "") for line in output.traceback]
        confirmed = before and same_text
        if confirmed and plain(before.outputs) == plain(cell.outputs):
            cell.outputs = before.outputs
        for output in (output for output in cell.outputs if "execution_count" in output):
            output.execution_count = cell.execution_count
        if path := _private_path(cell.outputs, root):
            raise ChapterError(
                f"code cell {number}: its output holds {path}, a path of this machine; print "
                "something that is the same everywhere"
            )


def _merge_streams(outputs):
    """Join neighbouring pieces of one stream: where they were cut is a matter of timing."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def sanitiser(root):
    """Return a function that replaces, by tests/sanitize.cfg, what nested outputs measure."""
    rules = (root / "tests" / "sanitize.cfg").read_text()
    rules = re.findall(r"^regex: (.*)\n^replace: (.*)$", rules, flags=re.MULTILINE)

    def plain(part):
        if isinstance(part, list):
            return [plain(p) for p in part]
        if isinstance(part, dict):
            return {k: plain(v) for k, v in part.items() if k != "execution_count"}
        if isinstance(part, str):
            for regex, replacement in rules:
                part = re.sub(regex, replacement, part)
        return part

    return plain


def _private_path(outputs, root):
    """Return a path of this machine that nested outputs hold, or None."""
    text = json.dumps(outputs, ensure_ascii=False).replace("\\n", "\n")
    private = (str(root), str(Path.home()), str(Path(tempfile.gettempdir(), "ipykernel_")))
    found = (path for path in private if re.search(rf"(?<![\w./-]){re.escape(path)}", text))
    return next((path for path in found if len(path) > 1), None)
