"""The two frameworks that a run can use, and which one a device belongs to.

`run` needs from each a module with the same few functions, its ``_backend``.
"""

import importlib
import sys

MODULES = {"mxnet": "d2l_gru.mxnet._backend", "torch": "d2l_gru.torch._backend"}


def load(name):
    """Return the module of a framework.

    Raises:
        ImportError: it cannot be imported.
    """
    return importlib.import_module(MODULES[name])


def of(device):
    """Return the module of the framework of an ``mxnet.Context`` or a ``torch.device``."""
    torch = sys.modules.get("torch")
    return load("torch" if torch and isinstance(device, torch.device) else "mxnet")
