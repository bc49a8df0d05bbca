"""The cells of a notebook and their outputs: what is kept of them, and what is made the same.

What a cell may say of itself by a tag, here and in the rules of `pytest --nbval`: `clock` and
`machine` (`MEASURED`), `gpu`, `skip-execution` and `raises-exception`.
"""

import copy
import hashlib
import json
import re

TORCH = "-torch"  # ends the name of a chapter's notebook in PyTorch
KEPT_METADATA = ("tags", "mystnb", "slideshow", "nbval")
LIMIT = 3600  # seconds that a cell may run
START = 300  # seconds in which a kernel answers, on a machine that is busy
# What may differ from run to run, in the cells with the tag; all around it is compared.
MEASURED = {
    "clock": r" *\b\d[\d,]*(?:\.\d+)?(?= (?:tokens/s(?:ec)?|GFLOP/s|seconds|s|ms|times as fast)\b)",
    "machine": r"""(?x)
        \b20\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])\b            # the day
      | (?<=\bPython[ ])3\.\d+\.\d+\b | (?<=\bNumPy[ ])\d+\.\d+\.\d+\b  # what the pins leave open
      | (?<=\bPyTorch[ ])\d+\.\d+\.\d+\b
      | \b[cg]pu\(\d+\) | \bcuda:\d+ | (?<=\bon[ ])cpu\b                # the device
      | (?<=\bon[ ])NVIDIA(?:[ ][A-Z\d][\w-]*)+
      | \b[1-9]\d*(?=[ ]cores\b)
      | (?<=[ ]at[ ])0x[\da-f]+\b                                      # an address in memory
    """,
}


class ChapterError(Exception):
    """A chapter that cannot be brought up to date; the message is for its author."""


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def tags(cell):
    return set(cell["metadata"].get("tags", []))


def digest(source):
    """Return what stands for a cell's source in a record."""
    return hashlib.sha256(source.encode()).hexdigest()


def plain(text, tags):
    """Replace what a clock or the machine said, if a cell has the tag that allows for it."""
    for tag in tags & MEASURED.keys():
        text = re.sub(MEASURED[tag], f" ({tag})", text)
    return text


def recorded(root, notebook):
    """Return what cells of a notebook printed on a GPU, by the hashes of their sources.

    Only PyTorch's have a record (see benchmarks/gpu_outputs.py).
    """
    path = root / "book" / "records" / "gpu-torch.json"
    cells = json.loads(path.read_text())["cells"] if is_torch(notebook) and path.is_file() else []
    return {cell["source"]: cell["printed"] for cell in cells}


def take_recorded(cell, number, records):
    """Give a cell tagged gpu the output on record, the same on every machine; else it has none."""
    from nbformat.v4 import new_output  # gpu_outputs.py has only the standard library

    printed = records.get(digest(cell.source))
    cell.execution_count = None if printed is None else number
    cell.outputs = [new_output("stream", text=printed)] if printed else []


def is_torch(notebook):
    """Whether it is the PyTorch notebook of a chapter."""
    return any("torch" in tags(cell) for cell in notebook.cells)


def split(name, chapter):
    """Return the notebooks of a chapter by their names: one, or two where cells have twins.

    Both hold the same text and as many code cells: those without either tag are the same in both.

    Raises:
        ChapterError: a cell tagged mxnet that its twin, tagged torch, does not follow directly.
    """
    said = [tags(cell) & {"mxnet", "torch"} for cell in chapter.cells]
    for i, cell in enumerate(chapter.cells):
        pair = said[i : i + 2] if said[i] == {"mxnet"} else said[max(i - 1, 0) : i + 1]
        if said[i] and pair != [{"mxnet"}, {"torch"}]:
            number = sum(cell.cell_type == "code" for cell in chapter.cells[: i + 1])
            raise ChapterError(
                f"chapters/{name}.md, code cell {number}: {cell.source.strip().splitlines()[0]}\n"
                "a cell tagged mxnet must be followed directly by its one twin, tagged torch"
            )
    if not any(said):
        return {name: chapter}
    return {name: _without("torch", chapter), name + TORCH: _without("mxnet", chapter)}


def _without(voice, chapter):
    notebook = copy.deepcopy(chapter)
    notebook.cells = [cell for cell in notebook.cells if voice not in tags(cell)]
    return notebook


def ids(notebook):
    """Return the ids of cells as the runner writes them: of what a cell and the one before hold.

    So a notebook that was edited elsewhere shows it, and two edits of one notebook can be merged.
    """
    texts, found = [cell.source for cell in notebook.cells], []
    for before, text in zip(texts[-1:] + texts, texts, strict=False):
        key = digest(f"{before}\n\n{text}")[:10]
        found.append(f"{key}-{found.count(key)}" if key in found else key)
    return found


def tidy(notebook):
    """Drop what differs from run to run or from machine to machine."""
    for cell, name in zip(notebook.cells, ids(notebook), strict=True):
        cell.id = name
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


def settle(notebook, old, root):
    """Make the outputs of a run the same as those of any other run of the same code.

    Stored outputs that the run only confirms are kept, and those that it could not make.  What a
    clock measured is kept in all cells or in none, so that a page shows the numbers of one run.

    Args:
        notebook: the one that ran.
        old: the one stored, or None.
        root: the folder of the project, where all paths begin.
    """
    stored, measured = {}, []
    for cell in code_cells(old) if old else []:
        stored.setdefault(cell.source, []).append(cell)
    for number, cell in enumerate(code_cells(notebook), 1):
        before = stored[cell.source].pop(0) if stored.get(cell.source) else None
        if "skip-execution" in tags(cell) or not cell.source.strip():
            cell.outputs, cell.execution_count = [], None
        elif cell.execution_count is None:  # what it needs is not here
            cell.outputs = before.outputs if before else []
            cell.execution_count = number if before and before.execution_count else None
        else:
            cell.outputs = as_stored(cell.outputs, root)
            cell.execution_count = number
        confirmed = before and _plain(before.outputs, cell) == _plain(cell.outputs, cell)
        if "clock" in tags(cell):
            measured.append((cell, before.outputs if confirmed else None))
        elif confirmed:
            cell.outputs = before.outputs
    for cell, outputs in measured if all(kept is not None for _, kept in measured) else ():
        cell.outputs = outputs
    for cell in code_cells(notebook):
        for output in (output for output in cell.outputs if "execution_count" in output):
            output.execution_count = cell.execution_count


def as_stored(outputs, root):
    """Return what a kernel sent as a notebook stores it, and a page shows it.

    Neighbouring pieces of one stream are joined, since where they were cut is a matter of timing;
    what a carriage return overwrites is gone; paths begin at the project's folder.
    """
    merged = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
        else:
            merged.append(output.copy())
    for output in merged:
        if output.output_type == "stream":
            output.text = re.sub(r"[^\n]*\r(?!\n)", "", output.text)
        elif output.output_type == "error":
            output.traceback = [line.replace(f"{root}/", "") for line in output.traceback]
    return [output for output in merged if output.get("text") != ""]


def _plain(part, cell):
    """Replace in nested outputs what their cell may say differently."""
    if isinstance(part, list):
        return [_plain(p, cell) for p in part]
    if isinstance(part, dict):
        return {k: _plain(v, cell) for k, v in part.items() if k != "execution_count"}
    return plain(part, tags(cell)) if isinstance(part, str) else part
