"""Public names that are loaded when they are first used.

Each package lists them in its ``__init__.pyi``, so that editors and type checkers see them as well.
"""

import ast
import importlib
import sys
from pathlib import Path

# For old cells only, so they are not in `__all__`.
OLD = set(
    "Accumulator Animator DATA_HUB DATA_URL Timer count_corpus download "
    "plot plt seq_data_iter_sequential set_axes set_figsize train_epoch_ch8".split()
)


def attach(package, file):
    """Return the ``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Args:
        package: its name.
        file: its ``__init__.py``, beside the stub.
    """
    stub = ast.parse(Path(file).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    module_of = {alias.name: node.module for node in imports for alias in node.names}

    def __getattr__(name):
        if name not in module_of:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}; of Dive into Deep Learning it "
                "provides only what the chapters on recurrent networks use"
            )
        value = getattr(importlib.import_module(module_of[name]), name)
        setattr(sys.modules[package], name, value)  # the next look-up is an ordinary one
        return value

    def __dir__():
        return sorted({*vars(sys.modules[package]), *module_of})

    return __getattr__, __dir__, sorted(module_of.keys() - OLD)
