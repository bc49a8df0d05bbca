"""Checks of arguments, shared by the public functions.

Each raises at once, and names the argument, its value and what is allowed.
"""

import numbers


def check_int(name, value, minimum):
    """Return `value` as an int; raise TypeError or ValueError unless it is one >= `minimum`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a whole number >= {minimum}, not {value!r}")
    if value < minimum:
        raise ValueError(f"{name} must be >= {minimum}, not {value}")
    return int(value)


def check_number(name, value):
    """Return `value`; raise TypeError unless it is a real number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, not {value!r}")
    return value


def check_positive(name, value):
    """Return `value` as a float; raise unless it is a finite number above 0."""
    check_number(f"{name}, which is > 0,", value)
    if not 0 < value < float("inf"):
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
    """Raise ValueError unless `array` lies on `device`."""
    if array.ctx != device:
        raise ValueError(f"{name} is on {array.ctx}, but {device} is needed")


def check_token_ids(name, X, vocab_size):
    """Raise ValueError unless `X` is a 2-D array of ids in [0, vocab_size).

    ``npx.one_hot`` would turn an id out of range into a row of zeros without a word.
    """
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(
            f"{name} must have shape (batch_size, num_steps), none of them 0, not {X.shape}"
        )
    ids = X.asnumpy()
    bad = ids[(ids < 0) | (ids >= vocab_size) | (ids % 1 != 0)]
    if bad.size:
        raise ValueError(
            f"token ids must be whole numbers in [0, {vocab_size}), but {name} holds {bad[0]}"
        )
