"""Checks of token ids that never wait for a GPU."""

from d2l_gru._checks import check_token_ids
from d2l_gru.torch._torch import torch


def check_ids(name, X, vocab_size):
    """Raise unless `X` is a tensor of whole numbers that, if it is on the CPU, are token ids.

    Reading those on a GPU would wait for it.  `train_epoch` checks them before they go there.
    """
    if not isinstance(X, torch.Tensor) or X.is_floating_point():
        raise TypeError(f"{name} must be a tensor of whole numbers, not {X!r}")
    if X.device.type == "cpu":
        check_token_ids(name, X, vocab_size)
