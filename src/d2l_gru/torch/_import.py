"""The one place that imports PyTorch: every other module here imports it from this one."""

import os

# Idle threads sleep.  By default they spin, and a step of these small products then takes ten times
# as long if another program is computing as well.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

OLDEST = (2, 6)
ADVICE = "python -m pip install 'torch>=2.6'"

try:
    import torch
except (ImportError, OSError) as error:
    raise ImportError(f"PyTorch cannot be imported ({error}). Fix: {ADVICE}") from error
if tuple(map(int, torch.__version__.split(".")[:2])) < OLDEST:
    raise ImportError(f"PyTorch {torch.__version__} is too old. Fix: {ADVICE}")

Array = torch.Tensor
Device = torch.device | str
__all__ = ["Array", "Device", "torch"]
