"""Checks of arguments, shared by the public functions.

Each raises at once, and names the argument, its value and what is allowed.
"""

import numbers
import sys

import numpy


def check_int(name, value, minimum):
    """Return `value` as an int; raise TypeError or ValueError unless it is one >= `minimum`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a whole number >= {minimum}, not {value!r}")
    if value < minimum:
        raise ValueError(f"{name} must be >= {minimum}, not {value}")
    return int(value)


def check_seed(seed):
    """Return `seed` as an int; raise unless it is in [0, 2**31), which every generator accepts."""
    if (seed := check_int("seed", seed, 0)) >= 2**31:
        raise ValueError(f"seed must be < 2**31, not {seed}")
    return seed


def check_number(name, value, kind="a number"):
    """Return `value`; raise TypeError unless it is a real number, which the error calls `kind`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be {kind}, not {value!r}")
    return value


def check_positive(name, value):
    """Return `value` as a float; raise unless it is a finite number above 0."""
    check_number(name, value, "a positive number")
    if not 0 < value <= sys.float_info.max:  # an int can be finite and too large for a float
        raise ValueError(f"{name} must be finite and > 0, not {value}")
    return float(value)


def check_shape(name, array, expected):
    """Raise ValueError unless `array` has the `expected` shape."""
    if tuple(array.shape) != tuple(expected):
        raise ValueError(f"{name} must have shape {tuple(expected)}, not {tuple(array.shape)}")


def check_context(device):
    """Return `device`; raise TypeError unless it is an MXNet context."""
    if not hasattr(device, "device_type"):
        raise TypeError(f"device must be a context such as npx.cpu() or npx.gpu(0), not {device!r}")
    return device


def check_device(name, array, device):
    """Raise ValueError unless `array`, of any framework, is on `device`."""
    if (where := device_of(array)) != device:
        raise ValueError(f"{name} is on {where}, but {device} is needed")


def device_of(array):
    """Return the device of an array of MXNet (``ctx``) or PyTorch (``device``)."""
    return array.ctx if hasattr(array, "ctx") else array.device


def check_token_ids(name, X, vocab_size):
    """Raise ValueError unless `X` is a 2-D array of ids in [0, vocab_size), None for no limit.

    MXNet's ``one_hot`` silently turns an out-of-range id into a row of zeros.  Ids on a GPU are not
    read back, because Python would have to wait for them: `check_minibatch` checks them before they
    are moved there.
    """
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(
            f"{name} must have shape (batch_size, num_steps), both > 0, not {tuple(X.shape)}"
        )
    if not _is_on_cpu(X):
        return
    ids = X.asnumpy() if hasattr(X, "asnumpy") else numpy.asarray(X)
    limit = numpy.inf if vocab_size is None else vocab_size
    bad = ids[~((ids >= 0) & (ids < limit) & (ids % 1 == 0))]
    if bad.size:
        allowed = ">= 0" if vocab_size is None else f"in [0, {vocab_size})"
        raise ValueError(f"token ids must be whole numbers {allowed}, but {name} holds {bad[0]}")


def check_minibatch(X, Y, vocab_size):
    """Raise ValueError unless `X` and `Y` are token ids of one shape; see `check_token_ids`."""
    check_token_ids("X", X, vocab_size)
    check_token_ids("Y", Y, vocab_size)
    check_shape("Y", Y, X.shape)


def _is_on_cpu(X):
    """Return whether an array of any framework is on the CPU, where Python can read it at once."""
    where = X.ctx if hasattr(X, "ctx") else getattr(X, "device", None)
    kind = getattr(where, "device_type", None) or getattr(where, "type", "cpu")
    return kind.startswith("cpu")


def check_gru(inputs, state, params):
    """Raise ValueError unless inputs, state and the 11 parameters of a GRU fit together."""
    names = "W_xz W_hz b_z W_xr W_hr b_r W_xh W_hh b_h W_hq b_q".split()
    if len(params) != len(names):
        raise ValueError(f"params must be 11 arrays, {', '.join(names)}, not {len(params)}")
    if len(state) != 1:
        raise ValueError(f"state must be 1 array, (H,), not {len(state)}")
    if inputs.ndim != 3 or inputs.shape[0] < 1:
        raise ValueError(
            f"inputs must have shape (num_steps, batch_size, num_inputs), not {tuple(inputs.shape)}"
        )
    _, batch_size, num_inputs = inputs.shape
    num_hiddens, num_outputs = params[1].shape[-1], params[-2].shape[-1]
    (H,) = state
    check_shape("H", H, (batch_size, num_hiddens))
    gates = [(num_inputs, num_hiddens), (num_hiddens, num_hiddens), (num_hiddens,)]
    shapes = 3 * gates + [(num_hiddens, num_outputs), (num_outputs,)]
    for name, param, shape in zip(names, params, shapes, strict=True):
        check_shape(name, param, shape)
        check_device(name, param, device_of(inputs))
    check_device("H", H, device_of(inputs))
