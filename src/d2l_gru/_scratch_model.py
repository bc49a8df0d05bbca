"""The part of a scratch model that needs no framework."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from d2l_gru._checks import check_int, device_of
from d2l_gru._plain import replaced


class ScratchModel:
    """A language model around plain functions; each framework adds ``__call__``."""

    _as_device = staticmethod(lambda device: device)  # to the framework's own type

    def __init__(
        self,
        vocab_size: int,
        num_hiddens: int,
        device: Any,
        get_params: Callable,
        init_state: Callable,
        forward_fn: Callable,
    ) -> None:
        self.vocab_size = check_int("vocab_size", vocab_size, 1)
        self.num_hiddens = check_int("num_hiddens", num_hiddens, 1)
        self.device = self._as_device(device)
        params = get_params(vocab_size, num_hiddens, self.device)
        # An iterator could be used only once.
        self.params = params if isinstance(params, (list, tuple)) else list(params)
        self.init_state, self.forward_fn = init_state, forward_fn

    def begin_state(self, batch_size: int, device: Any = None, ctx: Any = None) -> Any:
        """Return the state before the first token, for `batch_size` rows.

        Args:
            device: None for the model's own; ``ctx`` is its 2019 name.
        """
        device = ctx if device is None else device
        device = self.device if device is None else device
        return self.init_state(batch_size, self.num_hiddens, device)

    def prepare(self, device: Any) -> None:
        """Raise ValueError unless the parameters are on `device`."""
        if self.device != self._as_device(device):
            raise ValueError(f"the model is on {self.device}, but {device} was requested")

    def parameters(self) -> Sequence:
        """Return the arrays to train, each with its gradient in ``.grad``."""
        return self.params


def differences(model, cls, originals, loops, init_state, float32):
    """Yield, in words, how a scratch model differs from a `float32` one around one of `loops`.

    All of `loops` compute the same.
    """
    home = init_state.__module__
    if model.forward_fn not in loops:
        names = " or ".join(loop.__name__ for loop in loops)
        yield f"its forward_fn must be {home}.{names}, not {model.forward_fn!r}"
    if model.init_state is not init_state:
        yield f"its init_state must be {home}.init_gru_state, not {model.init_state!r}"
    yield from replaced("it", model, cls, originals)
    V, H = model.vocab_size, model.num_hiddens
    shapes = 3 * [(V, H), (H, H), (H,)] + [(H, V), (V,)]
    if [tuple(param.shape) for param in model.params] != shapes:
        yield "its params do not have the shapes that get_params returns"
    for param in model.params:
        if param.dtype != float32 or device_of(param) != model.device:
            found = f"{param.dtype} on {device_of(param)}"
            yield f"its params must be float32 on {model.device}, not {found}"
