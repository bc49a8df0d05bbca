"""The package's public names for PyTorch: ``import d2l_gru.torch as d2l``.

The same names and arguments as in `d2l_gru`; MXNet need not be installed.  A seed gives the same
minibatches and, from the same weights, the same results up to rounding; the frameworks draw weights
with different generators.  Framework-independent code is shared.  Each module is loaded when one of
its names is first used.
"""

from d2l_gru import _lazy

__getattr__, __dir__, __all__ = _lazy.attach(__name__, __file__)
