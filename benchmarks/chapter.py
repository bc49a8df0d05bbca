"""The models that the chapter "How fast, and why" derives, out of its own cells."""

from pathlib import Path

import jupytext
from ours import data, training
from task import NUM_HIDDENS

CHAPTER = Path(__file__).parents[1] / "chapters" / "speed.md"


def __getattr__(name):
    """Return a contender that trains the chapter's class `name`."""
    names = {}
    for cell in jupytext.read(CHAPTER).cells:
        if "bench" in cell.metadata.get("tags", []):
            exec(cell.source, names)
    if name not in names:
        raise AttributeError(name)

    def contender():
        train_iter, vocab = data()
        return training(names["Compiled"](names[name], len(vocab), NUM_HIDDENS), train_iter)

    return contender
