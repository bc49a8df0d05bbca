"""Aliases for the module names used before 0.2, for programs that still import them."""

import importlib
import importlib.machinery
import sys

MOVED = {
    "data": "text",
    "sampling": "batches",
    "completion": "generate",
    "inference": "generate",
    "device_names": "devices",
    "showing": "plotting",
    "scratch": "mxnet.scratch",
    "concise": "mxnet.concise",
    "minibatches": "mxnet.minibatches",
    "training": "mxnet.training",
    "device": "mxnet.device",
    "parallel": "mxnet.parallel",
    "ch8": "mxnet.ch8",
    "prediction": "mxnet.generate",
    "torch.prediction": "torch.generate",
    "torch.captured": "torch.cuda_graph",
    "torch.crossing": "torch.convert",
    "run": "runs.run",
    "commands": "runs.cli",
    "frameworks": "runs.backends",
    "job": "cluster.process",
    "launch": "cluster.launch",
    "doctor": "install.doctor",
    "installation": "install.faults",
    "cuda": "install.nvidia",
}


class Finder:
    """Find a module under its old name: the same module object, not a copy."""

    def find_spec(self, name, path=None, target=None):
        """Return the spec of a module that has moved; None for any other."""
        if name.removeprefix("d2l_gru.") not in MOVED or not name.startswith("d2l_gru."):
            return None
        return importlib.machinery.ModuleSpec(name, self)

    def create_module(self, spec):
        """Return the module with the new name."""
        moved = importlib.import_module(f"d2l_gru.{MOVED[spec.name.removeprefix('d2l_gru.')]}")
        spec.loader_state = moved.__spec__
        return moved

    def exec_module(self, module):
        """Restore the module's own spec, which Python has replaced."""
        module.__spec__ = module.__spec__.loader_state


sys.meta_path.append(Finder())
