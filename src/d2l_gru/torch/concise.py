"""The concise model: a layer of ``torch.nn`` with an output layer."""

from __future__ import annotations

from collections.abc import Sequence

from d2l_gru._checks import check_device, check_int, check_shape
from d2l_gru._plain import methods, replaced
from d2l_gru.torch._ids import check_ids
from d2l_gru.torch._import import Array, Device, torch
from d2l_gru.torch._parameters import check_is_on
from d2l_gru.torch.device import check_torch_device

nn = torch.nn


class RNNModel(nn.Module):
    """A character language model around a recurrent layer: token ids in, logits out.

    Args:
        rnn_layer: an ``nn.GRU``, ``nn.LSTM`` or ``nn.RNN``, not ``batch_first``, such as
            ``nn.GRU(vocab_size, 256)``.
        vocab_size: at least 1, the layer's ``input_size``.
        sigma: weights are redrawn from N(0, sigma²) and biases set to 0, as in the MXNet model;
            None keeps the layer's values.

    Raises:
        ValueError: sizes do not fit, or the layer is bidirectional or ``batch_first``, or has a
            ``proj_size``.
        TypeError: `rnn_layer` is not such a layer.

    Source: Dive into Deep Learning, ``d2l.RNNModel``, 2019.
    """

    _placed = False  # on a device, by `prepare`

    def __init__(
        self,
        rnn_layer: nn.GRU | nn.LSTM | nn.RNN,
        vocab_size: int,
        sigma: float | None = 0.01,
    ) -> None:
        super().__init__()
        if not isinstance(rnn_layer, (nn.GRU, nn.LSTM, nn.RNN)):
            raise TypeError(
                f"rnn_layer must be a layer such as nn.GRU(vocab_size, 256), not {rnn_layer!r}"
            )
        self.vocab_size = check_int("vocab_size", vocab_size, 1)
        if rnn_layer.input_size != vocab_size:
            raise ValueError(
                f"rnn_layer must have the input_size {vocab_size}, not {rnn_layer.input_size}"
            )
        if rnn_layer.batch_first:
            raise ValueError("rnn_layer must not be batch_first: its first axis is time")
        if rnn_layer.bidirectional:
            raise ValueError("rnn_layer must not be bidirectional: it would see what it predicts")
        if rnn_layer.proj_size:
            raise ValueError(
                f"rnn_layer must have no projection, but its proj_size is {rnn_layer.proj_size}"
            )
        self.rnn = rnn_layer
        self.dense = nn.Linear(rnn_layer.hidden_size, vocab_size)
        if sigma is not None:
            for param in self.parameters():
                nn.init.normal_(param, std=sigma) if param.ndim > 1 else nn.init.zeros_(param)

    def forward(self, X: Array, state: Sequence[Array]) -> tuple[Array, tuple[Array, ...]]:
        """Return logits (num_steps * batch_size, vocab_size) and the new state.

        Args:
            X: token ids (batch_size, num_steps).
            state: as from `begin_state`.

        Raises:
            ValueError: an id of an X on the CPU is out of range, or X and the state are on
                different devices, or of different batch sizes.
        """
        check_ids("X", X, self.vocab_size)
        shape = self.rnn.num_layers, X.shape[0], self.rnn.hidden_size
        if len(state) != (size := 2 if isinstance(self.rnn, nn.LSTM) else 1):
            raise ValueError(f"the state must be a tuple of length {size}, not {len(state)}")
        for H in state:
            check_device("X", X, H.device)
            check_shape("the state", H, shape)
        inputs = nn.functional.one_hot(X.T.long(), self.vocab_size).to(self._like().dtype)
        states, new = self.rnn(inputs, tuple(state) if size == 2 else state[0])
        logits = self.dense(states.reshape(-1, states.shape[-1]))
        return logits, new if size == 2 else (new,)

    def _like(self):
        """Return a parameter of the layer, whose device and type the state shares."""
        return next(self.rnn.parameters(), torch.zeros(()))

    def begin_state(self, batch_size: int, device: Device | None = None) -> tuple[Array, ...]:
        """Return the first state, a tuple of zero tensors (layers, batch_size, hiddens).

        It holds one tensor, or two for an ``nn.LSTM``.

        Args:
            device: None for the parameters' device.
        """
        shape = (self.rnn.num_layers, check_int("batch_size", batch_size, 1), self.rnn.hidden_size)
        device = self._like().device if device is None else check_torch_device(device)
        count = 2 if isinstance(self.rnn, nn.LSTM) else 1
        like = {"device": device, "dtype": self._like().dtype}
        return tuple(torch.zeros(shape, **like) for _ in range(count))

    def prepare(self, device: Device) -> None:
        """Move a new model to `device`; later, raise unless it is on `device`.

        PyTorch creates layers on the CPU, so a new model is moved from there, once.

        Raises:
            ValueError: it is on another device already, or `device` is "meta".
        """
        device = check_torch_device(device)
        where = {param.device.type for param in self.parameters()}
        if not self._placed and where == {"cpu"} and device.type != "meta":
            self.to(device)
        check_is_on(self, device)
        self._placed = True


_ORIGINALS = {
    RNNModel: methods(RNNModel, "__call__", "forward", "begin_state", "parameters"),
    nn.GRU: methods(nn.GRU, "__call__", "forward"),
    nn.Linear: methods(nn.Linear, "__call__", "forward"),
}
_HOOKS = "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"


def differences(model):
    """Yield, in words, how a model differs from a float32 `RNNModel` around an ``nn.GRU``."""
    layer, dense = model.rnn, model.dense
    if not isinstance(layer, nn.GRU) or not layer.bias:
        yield f"its layer must be an nn.GRU with biases, not {layer!r}"
    parts = (
        ("the model", model, RNNModel),
        ("its rnn", layer, nn.GRU),
        ("its dense", dense, nn.Linear),
    )
    for name, part, cls in parts:
        if changed := list(replaced(name, part, cls, _ORIGINALS[cls])):
            yield from changed
            return
        if any(getattr(part, hooks) for hooks in _HOOKS):
            yield f"{name} has hooks"
    if layer.batch_first or layer.bidirectional:
        yield f"its rnn is not one that RNNModel accepts: {layer!r}"
    if dense.bias is None:
        yield f"its dense must have biases, got {dense!r}"
    elif {*map(id, model.parameters())} != {*map(id, arrays(model))}:
        yield "its parameters are not those of its rnn and dense"
    if kinds := {param.dtype for param in model.parameters()} - {torch.float32}:
        yield f"its parameters must be float32, not {', '.join(map(str, kinds))}"


def arrays(model):
    """Return the parameters of a model without `differences`, layer by layer, then the output's."""
    return [*model.rnn._flat_weights, model.dense.weight, model.dense.bias]
