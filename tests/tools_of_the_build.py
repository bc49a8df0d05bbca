"""The programs of tools/, and books to try them on."""

import importlib
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
TOOLS = ROOT / "tools"


def load(name):
    """Import a program of the build, by its name."""
    extension = TOOLS / "ext" / f"{name}.py"
    return importlib.import_module(f"tools.{'ext.' if extension.exists() else ''}{name}")


def part_of_the_book(folder, *names):
    """Copy the stored notebooks of some pages, and what they show; return the copy's folder.

    The first page is theirs, too, and references to others are lost.
    """
    shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("*.ipynb"))
    for name in ("index", *names):
        shutil.copy(ROOT / "book" / f"{name}.ipynb", folder / "book")
        if (twin := ROOT / "book" / f"{name}-torch.ipynb").exists():
            shutil.copy(twin, folder / "book")
    toc = "format: jb-book\nroot: index\noptions: {numbered: true}\nchapters:\n"
    toc += "".join(f"- file: {name}\n" for name in names)
    (folder / "book" / "_toc.yml").write_text(toc)
    config = (
        (ROOT / "_config.yml")
        .read_text()
        .replace(": tools", f": {TOOLS}")
        .replace(": .\n", f": {ROOT}\n")
    )
    (folder / "_config.yml").write_text(config)
    return folder
