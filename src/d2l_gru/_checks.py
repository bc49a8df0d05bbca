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


def check_positive(name, value):
    """Return `value` as a float; raise unless it is a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number > 0, not {value!r}")
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be finite and > 0, not {value}")
    return float(value)


def check_shape(name, array, expected):
    """Raise ValueError unless `array` has the `expected` shape."""
    if tuple(array.shape) != tuple(expected):
        raise ValueError(f"{name} must have shape {tuple(expected)}, not {tuple(array.shape)}")


def check_device(name, array, device):
    """Raise ValueError unless `array` lies on `device`."""
    if array.ctx != device:
        raise ValueError(f"{name} is on {array.ctx}, but {device} is needed")


def check_token_ids(X, vocab_size):
    """Raise unless `X` is a 2-D array of ids in [0, vocab_size).

    ``npx.one_hot`` would turn an id out of range into a row of zeros without a word.
    """
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(f"X must have shape (batch_size, num_steps), none of them 0, not {X.shape}")
    ids = X.asnumpy()
    low, high = ids.min(), ids.max()
    if not (low >= 0 and high < vocab_size):
        bad = low if low < 0 else high
        raise ValueError(f"token ids must be in [0, {vocab_size}), but X holds {bad}")
