"""How fast this machine multiplies matrices, in the tokens that such a rate would train on.

A token costs 1.22 million operations: forward three products of NUM_HIDDENS**2 and one with the
output layer, each a multiplication and an addition, and backward twice that.
"""

import numpy
from task import NUM_HIDDENS, load

PACKAGES = ["numpy"]
SIZE, TIMES = 2048, 4


def tokens():
    vocab_size = len(load()[1])
    a_token = 3 * 2 * (3 * NUM_HIDDENS**2 + NUM_HIDDENS * vocab_size)
    a = numpy.random.default_rng(0).random((SIZE, SIZE), dtype="float32")

    def turn():
        for _ in range(TIMES):
            a @ a
        return TIMES * 2 * SIZE**3 / a_token

    return turn
