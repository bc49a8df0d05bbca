"""Checks of token ids that never wait for a GPU."""

from d2l_gru._checks import check_shape, check_token_ids
from d2l_gru.torch._import import torch

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def check_ids(name, X, vocab_size):
    """Raise unless `X` (batch_size, num_steps) holds whole numbers and, on the CPU, token ids.

    Reading ids on a GPU would wait for it.  `train_epoch` checks them before they are moved there.
    """
    if not isinstance(X, torch.Tensor) or X.dtype not in INTEGERS:
        raise TypeError(f"{name} must be a tensor of whole numbers, not {X!r}")
    check_token_ids(name, X, vocab_size)


def check_minibatch(X, Y, vocab_size):
    """Raise unless `X` and `Y` are token ids of one shape; see `check_ids`."""
    check_ids("X", X, vocab_size)
    check_ids("Y", Y, vocab_size)
    check_shape("Y", Y, X.shape)
