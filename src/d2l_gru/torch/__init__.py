"""The package's public names for PyTorch: ``import d2l_gru.torch as d2l``.

The same names and arguments as in `d2l_gru`; MXNet need not be installed.  A seed gives the same
minibatches and, from the same weights, the same results but for rounding; the frameworks draw the
weights by different generators.  What depends on no framework is the same code.  Each module is
loaded when one of its names is first used.
"""

import importlib

from d2l_gru import _EACH, _MISSING, _SHARED, _modules_of

_OWN = {"cuda_graph": ["CapturedStep", "train_captured"], "convert": ["to_mxnet", "to_torch"]}
_MODULE_OF = _modules_of("torch", _OWN)

__all__ = sorted(n for of in (_SHARED, _EACH, _OWN) for names in of.values() for n in names)


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(_MISSING.format(__name__, name))
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value  # the next look-up is an ordinary one
    return value


def __dir__():
    return sorted(set(globals()) | set(_MODULE_OF))
