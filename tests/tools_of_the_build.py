"""The programs of tools/, and where they lie."""

import importlib
from pathlib import Path

ROOT = Path(__file__).parent.parent
TOOLS = ROOT / "tools"


def load(name):
    """Import a program of the build, by its name."""
    extension = TOOLS / "ext" / f"{name}.py"
    return importlib.import_module(f"tools.{'ext.' if extension.exists() else ''}{name}")
