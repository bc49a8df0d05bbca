"""What must be true before ``import mxnet`` can succeed."""

import numpy

# MXNet 1.9.1 (2022) reads numpy.bool, which numpy 1.24 removed and numpy 2.0 brought back.
if "bool" not in vars(numpy):
    numpy.bool = bool
