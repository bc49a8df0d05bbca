"""Choosing where to compute."""

from d2l_gru._checks import check_int
from d2l_gru._mxnet import npx


def try_gpu(i=0):
    """Return ``gpu(i)`` if this machine has one that MXNet can use, else ``cpu()``.

    Args:
        i: the number of the GPU, from 0.

    Returns:
        An ``mxnet.Context``.

    Raises:
        ValueError: `i` is below 0.

    Source: Dive into Deep Learning, ``d2l.try_gpu``, 2019.
    """
    return npx.gpu(i) if npx.num_gpus() > check_int("i", i, 0) else npx.cpu()
