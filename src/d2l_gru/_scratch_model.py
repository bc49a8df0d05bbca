"""What the model from scratch is in any framework.  Needs none."""

from d2l_gru._checks import check_int


class ScratchModel:
    """A language model around plain functions; each framework adds ``__call__``."""

    def __init__(self, vocab_size, num_hiddens, device, get_params, init_state, forward_fn):
        self.vocab_size = check_int("vocab_size", vocab_size, 1)
        self.num_hiddens = check_int("num_hiddens", num_hiddens, 1)
        self.device = device
        self.params = get_params(vocab_size, num_hiddens, device)
        self.init_state, self.forward_fn = init_state, forward_fn

    def begin_state(self, batch_size, device):
        """Return the state before the first token, for `batch_size` rows."""
        return self.init_state(batch_size, self.num_hiddens, device)

    def prepare(self, device):
        """Raise ValueError unless the parameters are on `device`."""
        if self.device != device:
            raise ValueError(f"the model is on {self.device}, but {device} is asked for")

    def parameters(self):
        """Return the arrays to train, each with its gradient in ``.grad``."""
        return self.params
