"""The concise model: a layer of ``torch.nn`` with an output layer."""

from d2l_gru._checks import check_device, check_int
from d2l_gru.torch._ids import check_ids
from d2l_gru.torch._torch import torch
from d2l_gru.torch.device import check_torch_device

nn = torch.nn


class RNNModel(nn.Module):
    """A character language model around a recurrent layer: token ids in, logits out.

    Args:
        rnn_layer: such as ``nn.GRU(vocab_size, 256)``, not ``batch_first``.
        vocab_size: at least 1, the layer's ``input_size``.
        sigma: weights are drawn anew, N(0, sigma²), and biases become 0, as in MXNet's twin; None
            keeps what the layer holds.

    Raises:
        ValueError: sizes do not fit, or the layer is bidirectional or ``batch_first``.
        TypeError: `rnn_layer` is no such layer.

    Source: Dive into Deep Learning, ``d2l.RNNModel``, 2019.
    """

    def __init__(self, rnn_layer, vocab_size, sigma=0.01):
        super().__init__()
        if not isinstance(rnn_layer, (nn.GRU, nn.RNN)):
            raise TypeError(f"rnn_layer must be like nn.GRU(vocab_size, 256), not {rnn_layer!r}")
        self.vocab_size = check_int("vocab_size", vocab_size, 1)
        if rnn_layer.input_size != vocab_size:
            raise ValueError(
                f"rnn_layer must have the input_size {vocab_size}, not {rnn_layer.input_size}"
            )
        if rnn_layer.batch_first:
            raise ValueError("rnn_layer must not be batch_first: its inputs go step by step")
        if rnn_layer.bidirectional:
            raise ValueError("rnn_layer must not be bidirectional: it would read what it predicts")
        self.rnn = rnn_layer
        self.dense = nn.Linear(rnn_layer.hidden_size, vocab_size)
        if sigma is not None:
            for param in self.parameters():
                nn.init.normal_(param, std=sigma) if param.ndim > 1 else nn.init.zeros_(param)

    def forward(self, X, state):
        """Return logits (num_steps * batch_size, vocab_size) and the new state.

        Args:
            X: token ids (batch_size, num_steps).
            state: as from `begin_state`.

        Raises:
            ValueError: an id of an X on the CPU is out of range, or X and the state are on
                different devices, or of different batch sizes.
        """
        check_ids("X", X, self.vocab_size)
        (H,) = state
        check_device("X", X, H.device)
        if H.shape[1] != X.shape[0]:
            raise ValueError(f"the state is of {H.shape[1]} rows, but X of {X.shape[0]}")
        inputs = nn.functional.one_hot(X.T, self.vocab_size).to(torch.float32)
        states, H = self.rnn(inputs, H)
        return self.dense(states.reshape(-1, states.shape[-1])), [H]

    def begin_state(self, batch_size, device):
        """Return the first state, a list of a tensor of zeros (layers, batch_size, hiddens)."""
        shape = (self.rnn.num_layers, check_int("batch_size", batch_size, 1), self.rnn.hidden_size)
        return [torch.zeros(shape, device=check_torch_device(device))]

    def prepare(self, device):
        """Move the parameters to `device`."""
        self.to(check_torch_device(device))
