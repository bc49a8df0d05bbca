"""The one place that imports MXNet: every other module imports it from here.

If MXNet cannot run, importing this module raises an ImportError with the diagnosis of ``python -m
d2l_gru doctor``.  `_mxnet_import_hook` prepares MXNet's own import.
"""

from d2l_gru.install.faults import faults

if _found := list(faults()):
    raise ImportError("\n".join(map(str, _found)))
try:
    import mxnet
    from mxnet import autograd, gluon, init, np, npx
except (ImportError, OSError) as error:
    raise ImportError(
        f"MXNet cannot be imported ({error}). Fix: install the package's requirements: "
        "`make setup` in a clone of the book, or `python -m pip install mxnet==1.9.1`. "
        "MXNet 1.9.1 needs Python 3.10 to 3.12. `python -m d2l_gru doctor` gives details."
    ) from error

Array = np.ndarray
Device = mxnet.Context
__all__ = ["Array", "Device", "autograd", "gluon", "init", "mxnet", "np", "npx"]
