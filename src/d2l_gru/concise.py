"""The concise model: a Gluon recurrent layer with an output layer."""

import types

from d2l_gru._checks import check_context, check_device, check_int, check_shape, check_token_ids
from d2l_gru._mxnet import gluon, init, np


def _with_fast_concatenation(layer):
    """Let a layer concatenate its parameters as rows, not number by number.

    At each step Gluon's layers make one vector of all their parameters, which takes a tenth of the
    step's time.  oneDNN does the same with matrices, twenty times as fast.
    """

    def forward_kernel(F, *args, **kwargs):
        def concatenate(*vectors, dim):
            rows = [F.np.reshape(vector, (-1, layer._hidden_size)) for vector in vectors]
            return F.np.reshape(F.np.concatenate(rows, axis=dim), -1)

        changed = types.SimpleNamespace(
            np=types.SimpleNamespace(
                _internal=types.SimpleNamespace(rnn_param_concat=concatenate),
                swapaxes=F.np.swapaxes,
            ),
            npx=F.npx,
        )
        return type(layer)._forward_kernel(layer, changed, *args, **kwargs)

    layer._forward_kernel = forward_kernel
    return layer


class RNNModel(gluon.HybridBlock):
    """A character language model around a Gluon layer: token ids in, logits out.

    Args:
        rnn_layer: such as ``gluon.rnn.GRU(256)``, of layout TNC.
        vocab_size: at least 1.

    Raises:
        ValueError: `vocab_size` is below 1 or not the layer's ``input_size``, or the layer is
            bidirectional or not of layout TNC.
        TypeError: `rnn_layer` is no such layer.

    Source: Dive into Deep Learning, ``d2l.RNNModel``, 2019.
    """

    def __init__(self, rnn_layer, vocab_size, **kwargs):
        super().__init__(**kwargs)
        if not hasattr(rnn_layer, "_layout"):
            raise TypeError(f"rnn_layer must be a layer like gluon.rnn.GRU(256), not {rnn_layer!r}")
        if rnn_layer._layout != "TNC":
            raise ValueError(f"rnn_layer must have layout 'TNC', not {rnn_layer._layout!r}")
        if rnn_layer._dir != 1:
            raise ValueError("rnn_layer must not be bidirectional: it would read what it predicts")
        self.vocab_size = check_int("vocab_size", vocab_size, 1)
        if rnn_layer._input_size not in (0, vocab_size):
            raise ValueError(
                f"rnn_layer must have the input_size {vocab_size}, not {rnn_layer._input_size}"
            )
        self.rnn = _with_fast_concatenation(rnn_layer)
        self.dense = gluon.nn.Dense(vocab_size)
        self.hybridize(static_alloc=True, static_shape=True)

    def forward(self, X, state):
        """Return logits (num_steps * batch_size, vocab_size) and the new state.

        Args:
            X: token ids (batch_size, num_steps).
            state: as from `begin_state`.

        Raises:
            ValueError: an id is out of range, or X and the state do not fit together.
        """
        check_token_ids("X", X, self.vocab_size)
        infos = self.rnn.state_info(X.shape[0])
        if len(state) != len(infos):
            raise ValueError(f"the state must be a list of length {len(infos)}, not {len(state)}")
        for H, info in zip(state, infos, strict=True):
            check_device("X", X, H.ctx)
            check_shape("the state", H, info["shape"])
        weight = self.rnn.l0_i2h_weight
        weight.shape = (weight.shape[0], self.vocab_size)  # what Gluon infers no more
        return super().forward(X, list(state))

    def hybrid_forward(self, F, X, state):
        """Return what `forward` does, as one graph: F is MXNet's arrays, or its symbols."""
        H, state = self.rnn(F.npx.one_hot(F.np.transpose(X), self.vocab_size), state)
        return self.dense(F.np.reshape(H, (-1, self.rnn._hidden_size))), state

    def begin_state(self, batch_size, device):
        """Return the first state, a list of arrays of zeros (layers, batch_size, hiddens)."""
        batch_size = check_int("batch_size", batch_size, 1)
        return self.rnn.begin_state(batch_size=batch_size, ctx=check_context(device))

    def prepare(self, device):
        """Draw the parameters on `device`, weights N(0, 0.01²), unless they are there already.

        Raises:
            ValueError: they are on another device.
        """
        check_context(device)
        params = self.collect_params()
        if any(param._data is None and not param._deferred_init for param in params.values()):
            self.initialize(init=init.Normal(0.01), ctx=device)
        for name, param in params.items():
            if param.list_ctx() != [device]:
                raise ValueError(f"{name} is on {param.list_ctx()}, but {device} is asked for")
        if any(param._data is None for param in params.values()):
            self(np.zeros((1, 1), dtype="int32", ctx=device), self.begin_state(1, device))

    def parameters(self):
        """Return the arrays to train, each with its gradient in ``.grad``."""
        params = self.collect_params().values()
        return [param.data() for param in params if param.grad_req != "null"]
