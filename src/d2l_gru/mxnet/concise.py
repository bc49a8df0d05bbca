"""The concise model: a Gluon recurrent layer with an output layer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy

from d2l_gru._checks import check_context, check_device, check_int, check_shape, check_token_ids
from d2l_gru._plain import methods, replaced
from d2l_gru.mxnet._import import Array, Device, gluon, np
from d2l_gru.mxnet._parameters import draw
from d2l_gru.mxnet.device import try_gpu


class FastGRU(gluon.rnn.GRU):
    """A ``gluon.rnn.GRU`` that joins its parameters into one vector in less time.

    Gluon's layers do so at each minibatch, number by number.  As rows of a matrix, many numbers are
    copied at a time.  Arguments, parameters and results are those of ``gluon.rnn.GRU``.
    """

    def _forward_kernel(self, F, inputs, states, sequence_length, **params):
        """Return outputs and states, as the layer's own method does."""
        if (self._layout, self._dir, sequence_length) != ("TNC", 1, None):
            return super()._forward_kernel(F, inputs, states, sequence_length, **params)
        layers, size = range(self._num_layers), self._hidden_size
        order = itertools.product(("weight", "bias"), layers, ("i2h", "h2h"))
        rows = [F.np.reshape(params[f"l{i}_{of}_{kind}"], (-1, size)) for kind, i, of in order]
        vector = F.np.reshape(F.np.concatenate(rows, axis=0), -1)
        how = {"num_layers": self._num_layers, "state_size": size, "p": self._dropout}
        outputs, H = F.npx.rnn(inputs, vector, *states, mode="gru", state_outputs=True, **how)
        return outputs, [H]


class RNNModel(gluon.HybridBlock):
    """A character language model around a Gluon layer: token ids in, logits out.

    Args:
        rnn_layer: a ``GRU``, ``LSTM`` or ``RNN`` of ``gluon.rnn``, of layout TNC, such as
            ``gluon.rnn.GRU(256)`` or `FastGRU`.
        vocab_size: at least 1.

    Raises:
        ValueError: `vocab_size` is below 1 or not the layer's ``input_size``, or the layer is
            bidirectional, not of layout TNC, or has a projection or ``use_sequence_length``.
        TypeError: `rnn_layer` is not such a layer.

    Source: Dive into Deep Learning, ``d2l.RNNModel``, 2019.
    """

    def __init__(self, rnn_layer: Any, vocab_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not hasattr(rnn_layer, "_layout"):
            raise TypeError(
                f"rnn_layer must be a layer such as gluon.rnn.GRU(256), not {rnn_layer!r}"
            )
        if rnn_layer._layout != "TNC":
            raise ValueError(f"rnn_layer must have layout 'TNC', not {rnn_layer._layout!r}")
        if rnn_layer._dir != 1:
            raise ValueError("rnn_layer must not be bidirectional: it would see what it predicts")
        if rnn_layer._projection_size:
            raise ValueError(
                f"rnn_layer must have no projection, but its projection_size is "
                f"{rnn_layer._projection_size}"
            )
        if rnn_layer._use_sequence_length:
            raise ValueError("rnn_layer must not have use_sequence_length: all rows are full")
        self.vocab_size = check_int("vocab_size", vocab_size, 1)
        if rnn_layer._input_size not in (0, vocab_size):
            raise ValueError(
                f"rnn_layer must have the input_size {vocab_size}, not {rnn_layer._input_size}"
            )
        self.rnn = rnn_layer
        self.dense = gluon.nn.Dense(vocab_size)
        self.hybridize(static_alloc=True, static_shape=True)

    def forward(self, X: Array, state: Sequence[Array]) -> tuple[Array, list[Array]]:
        """Return logits (num_steps * batch_size, vocab_size) and the new state.

        Args:
            X: token ids (batch_size, num_steps).
            state: as from `begin_state`.

        Raises:
            ValueError: an id is out of range (ids on a GPU are not read back), or X and the state
                do not match.
        """
        check_token_ids("X", X, self.vocab_size)
        infos = self.rnn.state_info(X.shape[0])
        if len(state) != len(infos):
            raise ValueError(f"the state must be a list of length {len(infos)}, not {len(state)}")
        for H, info in zip(state, infos, strict=True):
            check_device("X", X, H.ctx)
            check_shape("the state", H, info["shape"])
        weight = self.rnn.l0_i2h_weight
        weight.shape = (weight.shape[0], self.vocab_size)  # which Gluon no longer infers
        return super().forward(X, list(state))

    def hybrid_forward(self, F, X, state):
        """Return what `forward` does, as one graph: F is MXNet's array or symbol module."""
        inputs = F.npx.one_hot(F.np.transpose(X), self.vocab_size, dtype=self.rnn._dtype)
        H, state = self.rnn(inputs, state)
        return self.dense(F.np.reshape(H, (-1, self.rnn._hidden_size))), state

    def begin_state(
        self, batch_size: int, device: Device | None = None, ctx: Device | None = None
    ) -> list[Array]:
        """Return the first state, a list of arrays of zeros (layers, batch_size, hiddens).

        Args:
            device: None for the parameters' device; ``ctx`` is its 2019 name.
        """
        batch_size = check_int("batch_size", batch_size, 1)
        device = ctx if device is None else device
        if device is None:
            weight = self.rnn.l0_i2h_weight
            drawn = weight._data is not None or weight._deferred_init
            device = weight.list_ctx()[0] if drawn else try_gpu()
        return self.rnn.begin_state(batch_size=batch_size, ctx=check_context(device))

    def prepare(self, device: Device) -> None:
        """Initialise the parameters on `device`, weights N(0, 0.01²), if they are not there yet.

        Raises:
            ValueError: they are on another device.
        """
        draw(self, check_context(device))
        if any(param._data is None for param in self.collect_params().values()):
            self(np.zeros((1, 1), dtype="int32", ctx=device), self.begin_state(1, device))

    def parameters(self) -> list[Array]:
        """Return the arrays to train, each with its gradient in ``.grad``."""
        params = self.collect_params().values()
        return [param.data() for param in params if param.grad_req != "null"]


_CALLS = "__call__", "forward", "hybrid_forward"
_OF_LAYER = *_CALLS, "begin_state", "state_info", "_forward_kernel"
_ORIGINALS = {
    RNNModel: methods(RNNModel, *_CALLS, "begin_state", "parameters"),
    gluon.rnn.GRU: methods(gluon.rnn.GRU, *_OF_LAYER),
    FastGRU: methods(FastGRU, *_OF_LAYER),
    gluon.nn.Dense: methods(gluon.nn.Dense, *_CALLS),
}


def differences(model):
    """Yield, in words, how a model differs from a float32 `RNNModel` around a ``gluon.rnn.GRU``."""
    layer, dense = model.rnn, model.dense
    if getattr(layer, "_mode", None) != "gru":
        yield f"its layer must be a gluon.rnn.GRU, not {layer!r}"
    parts = (
        ("the model", model, RNNModel),
        ("its rnn", layer, FastGRU if type(layer) is FastGRU else gluon.rnn.GRU),
        ("its dense", dense, gluon.nn.Dense),
    )
    for name, part, cls in parts:
        if changed := list(replaced(name, part, cls, _ORIGINALS[cls])):
            yield from changed
            return
        if part._forward_hooks or part._forward_pre_hooks or part._callback:
            yield f"{name} has hooks"
    if (layer._layout, layer._dir, layer._use_sequence_length) != ("TNC", 1, False):
        yield f"its rnn is not one that RNNModel accepts: {layer!r}"
    params = list(model.collect_params().values())
    if dense.act is not None or dense.bias is None:
        yield f"its dense must have biases and no activation, got {dense!r}"
    elif {*map(id, params)} != {*map(id, arrays(model))}:
        yield "its parameters are not those of its rnn and dense"
    if kinds := {str(numpy.dtype(param.dtype)) for param in params} - {"float32"}:
        yield f"its parameters must be float32, not {', '.join(kinds)}"


def arrays(model):
    """Return the parameters of a model without `differences`, layer by layer, then the output's."""
    kinds = "i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias"
    names = [f"l{i}_{kind}" for i in range(model.rnn._num_layers) for kind in kinds]
    return [getattr(model.rnn, name) for name in names] + [model.dense.weight, model.dense.bias]
