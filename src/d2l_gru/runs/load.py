"""Reading a run's checkpoints, and the model in one."""

from pathlib import Path

import numpy

from d2l_gru import checkpoint
from d2l_gru.runs import backends
from d2l_gru.runs._saved import check_saved
from d2l_gru.text import Vocab


def read_checkpoint(path):
    """Read the checkpoint of a run, or the newest valid one in a folder.

    Returns:
        (path, arrays, meta).

    Raises:
        ValueError, OSError: as `checkpoint.load` and `checkpoint.latest`, or it is not a training
            checkpoint.
    """
    path = Path(path)
    found = (path, *checkpoint.load(path)) if path.is_file() else checkpoint.latest(path)
    try:
        check_saved(*found[1:])
    except ValueError as error:
        raise ValueError(f"{found[0]}: {error}") from None
    return found


def load_model(arrays, meta, device):
    """Return the model and `Vocab` of a checkpoint, for completing texts; no corpus is needed.

    Args:
        arrays, meta: as from `checkpoint.load`, of a run with either framework.
        device: where to put the model, an ``mxnet.Context`` or a ``torch.device``; its type selects
            the framework.

    Raises:
        ValueError: the parameters are not finite, or it is not a training checkpoint.
    """
    setting = check_saved(arrays, meta)
    framework, vocab = backends.of(device), Vocab.from_freqs(meta["vocab"])
    model = framework.make_model(setting, len(vocab), device)
    for i, param in enumerate(model.parameters()):
        framework.assign(param, arrays[f"parameter {i}"])
    if not all(numpy.isfinite(framework.to_numpy(param)).all() for param in model.parameters()):
        raise ValueError("the parameters are not finite: the training diverged")
    return model, vocab
