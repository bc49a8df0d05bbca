"""The only door to PyTorch: every other module here imports it from this one."""

import os

# Threads that have nothing to do sleep.  Spinning, as they would, a step of these small products
# takes ten times as long where another program computes as well.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

OLDEST = (2, 6)
ADVICE = "python -m pip install 'torch>=2.6'"

try:
    import torch
except (ImportError, OSError) as error:
    raise ImportError(f"PyTorch cannot be imported ({error}). To mend it: {ADVICE}") from error
if tuple(map(int, torch.__version__.split(".")[:2])) < OLDEST:
    raise ImportError(f"PyTorch {torch.__version__} is too old. To mend it: {ADVICE}")

Array = torch.Tensor
Device = torch.device | str
__all__ = ["Array", "Device", "torch"]
