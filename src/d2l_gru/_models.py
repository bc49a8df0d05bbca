"""What `train` and `predict` require of a model in either framework.

They call ``model(X, state)`` and ``model.begin_state(batch_size, device)``, and read ``vocab_size``
if the model has one.  Needs no deep-learning framework.
"""

import inspect
import math
import numbers

SIZES = "(num_steps * batch_size, vocab_size)"


def begin_state(model, batch_size, device):
    """Return the model's state before the first token.

    Arguments of ``model.begin_state`` that are named ``batch_size``, ``device`` or ``ctx`` are
    passed by name, whatever their order; others are passed by position, in the order (batch_size,
    device).

    Raises:
        TypeError: ``begin_state`` takes other arguments.
    """
    signature = inspect.signature(model.begin_state)
    names = list(signature.parameters)
    free = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    named = [name for name in ("device", "ctx") if name in names]
    if free and not named:
        named = ["ctx" if hasattr(device, "device_type") else "device"]
    if free or "batch_size" in names:
        if _binds(signature, given := {"batch_size": batch_size} | dict.fromkeys(named, device)):
            return model.begin_state(**given)
    if not named or names[0] not in named:
        if _binds(signature, {}, batch_size, device):
            return model.begin_state(batch_size, device)
    raise TypeError(
        f"the model's begin_state must take batch_size and device (or ctx), not {signature}"
    )


def _binds(signature, named, *values):
    try:
        signature.bind(*values, **named)
    except TypeError:
        return False
    return True


def detached(state):
    """Return a state (an array, or a list or tuple of arrays) detached from its history."""
    if isinstance(state, (list, tuple)):
        return [detached(H) for H in state] if isinstance(state, list) else (*map(detached, state),)
    return state.detach()


def vocab_size_of(model):
    """Return the model's ``vocab_size``, or None where it has none."""
    size = getattr(model, "vocab_size", None)
    return int(size) if isinstance(size, numbers.Integral) else None


def check_logits(Y_hat, Y):
    """Raise ValueError unless there is a row of logits for each token of `Y`."""
    if len(Y_hat.shape) != 2 or Y_hat.shape[0] != math.prod(Y.shape):
        expected = f"{SIZES}, here ({math.prod(Y.shape)}, vocab_size)"
        raise ValueError(f"the model must return logits {expected}, not {tuple(Y_hat.shape)}")
