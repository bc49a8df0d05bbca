"""The GRU from scratch: parameters, state, one equation per line, and a language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from d2l_gru import _scratch_model
from d2l_gru._checks import (
    check_context,
    check_device,
    check_gru,
    check_int,
    check_token_ids,
)
from d2l_gru._plain import methods
from d2l_gru._scratch_model import ScratchModel
from d2l_gru.mxnet._import import Array, Device, np, npx
from d2l_gru.mxnet.scratch_fast import fast_gru


def get_params(vocab_size: int, num_hiddens: int, device: Device) -> list[Array]:
    """Draw the parameters of a GRU language model: weights N(0, 0.01²), biases 0.

    0.01 is the standard deviation.

    Args:
        vocab_size, num_hiddens: at least 1.
        device: the device of the arrays.

    Returns:
        The list ``[W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q]``, gradients
        attached.  ``W_x*`` is (vocab_size, num_hiddens), ``W_h*`` (num_hiddens, num_hiddens), the
        biases (num_hiddens,), ``W_hq`` (num_hiddens, vocab_size) and ``b_q`` (vocab_size,).

    Raises:
        ValueError: a size is below 1.

    Source: Dive into Deep Learning, "Gated Recurrent Units", 2019.
    """
    num_inputs = num_outputs = check_int("vocab_size", vocab_size, 1)
    num_hiddens = check_int("num_hiddens", num_hiddens, 1)
    check_context(device)

    def normal(*shape):
        return np.random.normal(scale=0.01, size=shape, ctx=device)

    def three():
        return (
            normal(num_inputs, num_hiddens),
            normal(num_hiddens, num_hiddens),
            np.zeros(num_hiddens, ctx=device),
        )

    params = [
        *three(),  # update gate
        *three(),  # reset gate
        *three(),  # candidate
        normal(num_hiddens, num_outputs),
        np.zeros(num_outputs, ctx=device),
    ]
    for param in params:
        param.attach_grad()
    return params


def init_gru_state(batch_size: int, num_hiddens: int, device: Device) -> tuple[Array]:
    """Return the state before the first token, ``(H,)`` with H zeros (batch_size, num_hiddens).

    Raises:
        ValueError: a size is below 1.
    """
    shape = (check_int("batch_size", batch_size, 1), check_int("num_hiddens", num_hiddens, 1))
    return (np.zeros(shape, ctx=check_context(device)),)


def gru(
    inputs: Array, state: Sequence[Array], params: Sequence[Array]
) -> tuple[Array, tuple[Array]]:
    """Run a GRU, with the reset gate before the product, and an output layer over a sequence.

    Args:
        inputs: (num_steps, batch_size, num_inputs), one-hot rows in the book.
        state: ``(H,)``, H (batch_size, num_hiddens).
        params: as from `get_params`.

    Returns:
        The logits (num_steps * batch_size, vocab_size), step by step, and the new state ``(H,)``.

    Raises:
        ValueError: shapes or devices do not match.

    Source: Cho et al., arXiv:1406.1078v3, 2014; the update gate as in Dive into Deep Learning,
    where Z = 1 keeps the state.
    """
    check_gru(inputs, state, params)
    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        Z = npx.sigmoid(np.dot(X, W_xz) + np.dot(H, W_hz) + b_z)
        R = npx.sigmoid(np.dot(X, W_xr) + np.dot(H, W_hr) + b_r)
        H_tilde = np.tanh(np.dot(X, W_xh) + np.dot(R * H, W_hh) + b_h)
        H = Z * H + (1 - Z) * H_tilde
        outputs.append(np.dot(H, W_hq) + b_q)
    return np.concatenate(outputs, axis=0), (H,)


class RNNModelScratch(ScratchModel):
    """A character language model around plain functions: token ids in, logits out.

    Args:
        vocab_size, num_hiddens: at least 1.
        device: the device of the parameters.
        get_params: function from (vocab_size, num_hiddens, device) to a list of arrays.
        init_state: function from (batch_size, num_hiddens, device) to a tuple of arrays.
        forward_fn: function from (inputs, state, params) to (logits, state); inputs are one-hot
            rows (num_steps, batch_size, vocab_size).

    Attributes:
        params: the list that `get_params` returned.

    Raises:
        ValueError: a size is below 1.

    Source: Dive into Deep Learning, ``d2l.RNNModelScratch``, 2019.
    """

    def __call__(self, X: Array, state: Sequence[Array]) -> tuple[Array, Any]:
        """Return logits (num_steps * batch_size, vocab_size) and the new state.

        Args:
            X: token ids (batch_size, num_steps).
            state: as from `begin_state`.

        Raises:
            ValueError: an id is out of range (ids on a GPU are not read back), or X is on another
                device than the model.
        """
        check_token_ids("X", X, self.vocab_size)
        check_device("X", X, self.device)
        return self.forward_fn(npx.one_hot(X.T, self.vocab_size), state, self.params)


LOOPS = gru, fast_gru  # the same equations
_METHODS = methods(RNNModelScratch, "__call__", "begin_state", "parameters")


def differences(model):
    """Yield, in words, how a model differs from an `RNNModelScratch` around one of the `LOOPS`."""
    plain = RNNModelScratch, _METHODS, LOOPS, init_gru_state, np.float32
    return _scratch_model.differences(model, *plain)
