"""The gated recurrent unit (GRU), from scratch and with MXNet Gluon.

The companion package of the book *The Gated Recurrent Unit*.  ``import d2l_gru as d2l`` gives every
public name below; each module is loaded when one of its names is first used.
``import d2l_gru.torch as d2l`` gives the same names for PyTorch.  Importing either has one side
effect: MXNet, imported before or afterwards, is switched to NumPy semantics (``npx.set_np()``).
"""

from d2l_gru import _lazy, _moved, _mxnet_import_hook  # noqa: F401  (two hook into later imports)

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = _lazy.attach(__name__, __file__)
