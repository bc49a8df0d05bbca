"""A trained GRU, read one token at a time in NumPy.  Needs no deep-learning framework.

A step of one row is a few small products.  A framework takes longer to order them, one by one, than
to compute them; NumPy orders with a tenth of the delay.
"""

import numpy

from d2l_gru._checks import check_token_ids


def read_reset_before(params):
    """Return a reader of a GRU that resets before the product, as in `d2l_gru.gru`.

    Args:
        params: the 11 arrays of `d2l_gru.get_params`, as NumPy arrays.

    Returns:
        A function of a list of token ids, which follow those it read before, to the logits
        (vocab_size,) after them.
    """
    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q = params
    X_zr, X_h = numpy.hstack([W_xz + b_z, W_xr + b_r]), W_xh + b_h  # a row for each token
    W_zr = numpy.hstack([W_hz, W_hr])
    H = numpy.zeros(len(W_hh), dtype=W_hh.dtype)

    def read(ids):
        nonlocal H
        for i in _known(ids, len(b_q)):
            Z, R = numpy.split(_sigmoid(X_zr[i] + H @ W_zr), 2)
            H_tilde = numpy.tanh(X_h[i] + (R * H) @ W_hh)
            H = Z * H + (1 - Z) * H_tilde
        return H @ W_hq + b_q

    return read


def read_reset_after(params):
    """Return a reader of GRU layers that reset after the product, as the libraries' layers do.

    Args:
        params: for each layer the weights of its input and of its state, (3 * num_hiddens, ...),
            and their biases, gates stacked r, z, n; then weights and biases of the output layer.
            All are NumPy arrays.

    Returns:
        As `read_reset_before`.
    """
    *arrays, W_q, b_q = params
    layers = [arrays[i : i + 4] for i in range(0, len(arrays), 4)]
    W_x, _, b_x, _ = layers[0]
    inputs = numpy.ascontiguousarray(W_x.T) + b_x  # a row for each token
    states = [numpy.zeros(W_h.shape[1], dtype=W_h.dtype) for _, W_h, _, _ in layers]

    def read(ids):
        for i in _known(ids, len(b_q)):
            for layer, (W_x, W_h, b_x, b_h) in enumerate(layers):
                H = states[layer]
                A = W_x @ states[layer - 1] + b_x if layer else inputs[i]
                B = W_h @ H + b_h
                size = 2 * len(H)
                R, Z = numpy.split(_sigmoid(A[:size] + B[:size]), 2)
                N = numpy.tanh(A[size:] + R * B[size:])
                states[layer] = Z * H + (1 - Z) * N
        return W_q @ states[-1] + b_q

    return read


def _known(ids, vocab_size):
    if not 0 <= min(ids) <= max(ids) < vocab_size:
        check_token_ids("X", numpy.array([ids]), vocab_size)
    return ids


def _sigmoid(X):
    return 0.5 * numpy.tanh(0.5 * X) + 0.5  # 1 / (1 + exp(-X)), which would overflow
