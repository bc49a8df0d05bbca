"""The only door to MXNet: every other module imports it from here.

Importing this module switches MXNet to NumPy semantics (``npx.set_np()``).  Where MXNet cannot run,
it raises an ImportError with what ``python -m d2l_gru doctor`` says about that.
"""

from d2l_gru import _before_mxnet  # noqa: F401
from d2l_gru.installation import faults

if _found := list(faults()):
    raise ImportError("\n".join(map(str, _found)))
try:
    import mxnet
    from mxnet import autograd, gluon, init, np, npx
except (ImportError, OSError) as error:
    raise ImportError(
        f"MXNet cannot be imported ({error}). To mend it, install the package's requirements: "
        "`make setup` in a clone of the book, or `python -m pip install mxnet==1.9.1`. "
        "MXNet 1.9.1 needs Python 3.10 to 3.12. `python -m d2l_gru doctor` tells more."
    ) from error

__all__ = ["autograd", "gluon", "init", "mxnet", "np", "npx"]

npx.set_np()
