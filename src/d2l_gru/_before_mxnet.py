"""What must be true before ``import mxnet`` can succeed."""

import importlib.util

import numpy

# MXNet 1.9.1 (2022) reads numpy.bool, which numpy 1.24 removed and numpy 2.0 brought back.
if "bool" not in vars(numpy):  # pragma: no branch - as in the one numpy of an environment
    numpy.bool = bool

# Its GPU build needs the libraries of CUDA 11; without the package `nvidia` there are none.
if importlib.util.find_spec("nvidia") is not None:  # pragma: no cover - in the GPU build alone
    from d2l_gru import cuda, installation

    if installation.version_of("mxnet-cu112"):
        cuda.preload()
