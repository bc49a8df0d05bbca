"""What is needed around ``import mxnet``, whoever imports it, and only then.

MXNet takes a second to load, and programs that use PyTorch may not have it.  Therefore ``import
d2l_gru`` does not import MXNet.  It installs an import finder ahead of Python's own, which ignores
every other module.  When MXNet is actually loaded, the finder first supplies what it needs, and
then switches it to NumPy semantics.
"""

import importlib
import importlib.util
import sys
import threading


class Finder:
    """Find ``mxnet`` as the later finders do, and act only when it is loaded."""

    def find_spec(self, name, path=None, target=None):
        """Return the spec of ``mxnet``; None for any other module, or if there is no MXNet."""
        if name != "mxnet":
            return None
        others = sys.meta_path[sys.meta_path.index(self) + 1 :]
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec and spec.loader:  # a folder without __init__.py has none
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: _load(load, module)
        return spec


def _load(load, module):
    import numpy

    # MXNet 1.9.1 (2022) reads numpy.bool, which numpy 1.24 removed and numpy 2.0 brought back.
    if "bool" not in vars(numpy):  # pragma: no branch - as in the one numpy of an environment
        numpy.bool = bool
    # Its GPU build needs the libraries of CUDA 11; without the package `nvidia` there are none.
    if importlib.util.find_spec("nvidia") is not None:  # pragma: no cover - in the GPU build alone
        from d2l_gru.install import faults, nvidia

        if faults.version_of("mxnet-cu112"):
            nvidia.preload()
    load(module)
    if hasattr(module, "npx"):  # else it is another module of that name
        _set_np(module)


def _set_np(mxnet):
    """Turn NumPy semantics on in every thread; ``npx.set_np()`` does so in the calling one."""
    mxnet.npx.set_np(shape=2)  # in 1.9.1, 2 means all threads, but arrays have no such value
    scope = mxnet.util._NumpyArrayScope

    class EveryThread(threading.local):
        value = scope(True)

    scope._current = EveryThread()


sys.meta_path.insert(0, Finder())
if sys.modules.get("mxnet"):
    _set_np(importlib.import_module("mxnet"))  # waits if another thread is importing it
