"""The two voices of a chapter: a notebook that speaks MXNet, and one that speaks PyTorch."""

import copy

from tools.notebook import TORCH, ChapterError, tags

VOICES = {"mxnet", "torch"}


def split(name, chapter):
    """Return the notebooks of a chapter by their names: one, or two where cells have twins.

    Both hold the same text and as many code cells: those without either tag are the same in both.

    Raises:
        ChapterError: a cell tagged mxnet that its twin, tagged torch, does not follow directly.
    """
    is_code = [cell.cell_type == "code" for cell in chapter.cells]
    said = [code and tags(cell) & VOICES for code, cell in zip(is_code, chapter.cells, strict=True)]
    for i, cell in enumerate(chapter.cells):
        pair = said[i : i + 2] if said[i] == {"mxnet"} else said[max(i - 1, 0) : i + 1]
        if said[i] and pair != [{"mxnet"}, {"torch"}]:
            first = cell.source.strip().split("\n")[0]
            raise ChapterError(
                f"chapters/{name}.md, code cell {sum(is_code[: i + 1])}: {first}\n"
                "a cell tagged mxnet is followed directly by its one twin, tagged torch"
            )
    if not any(said):
        return {name: chapter}
    return {name: _without("torch", chapter), name + TORCH: _without("mxnet", chapter)}


def _without(voice, chapter):
    notebook = copy.deepcopy(chapter)
    notebook.cells = [cell for cell in notebook.cells if voice not in tags(cell)]
    return notebook
