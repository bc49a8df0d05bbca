"""The operations of a training step as graphs: one call of MXNet per graph, not per operation.

Each call from Python takes a core from the threads that multiply matrices.
"""

import functools

from d2l_gru.mxnet._import import gluon


class _Norm(gluon.HybridBlock):
    def hybrid_forward(self, F, *arrays):
        # In float64, because the square of 1e20 overflows float32.
        flat = [F.np.reshape(array, -1).astype("float64") for array in arrays]
        return F.np.sqrt(sum(F.np.dot(array, array) for array in flat))


class _SummedLoss(gluon.HybridBlock):
    def __init__(self):
        super().__init__()
        self.loss = gluon.loss.SoftmaxCrossEntropyLoss()

    def hybrid_forward(self, F, Y_hat, Y):
        return F.np.sum(self.loss(Y_hat, F.np.reshape(F.np.transpose(Y), -1)))


@functools.lru_cache
def _graph(block, num_inputs):
    graph = block()
    graph.hybridize(static_alloc=True, static_shape=True)
    return graph


def norm(arrays):
    """Return the joint Euclidean norm of arrays, a float64 array of shape ()."""
    arrays = list(arrays)
    return _graph(_Norm, len(arrays))(*arrays)


def summed_loss(Y_hat, Y):
    """Return the cross-entropy of a minibatch, summed over its tokens, an array of shape ().

    Args:
        Y_hat: logits (num_steps * batch_size, vocab_size).
        Y: token ids (batch_size, num_steps).
    """
    return _graph(_SummedLoss, 2)(Y_hat, Y)
