"""The only door to MXNet: every other module imports it from here.

Importing this module switches MXNet to NumPy semantics (``npx.set_np()``).
"""

from d2l_gru import _before_mxnet  # noqa: F401

try:
    import mxnet
    from mxnet import autograd, gluon, init, np, npx
except (ImportError, OSError) as error:
    raise ImportError(
        f"MXNet cannot be imported ({error}). Install it with the package's requirements: "
        "`pip install 'd2l_gru[cpu]'`, or `make test` in a clone of the book. "
        "MXNet 1.9.1 needs Python 3.10 to 3.12."
    ) from error

__all__ = ["autograd", "gluon", "init", "mxnet", "np", "npx"]

npx.set_np()
