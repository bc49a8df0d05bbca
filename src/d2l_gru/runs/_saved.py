"""Validate a run's checkpoint before allocating the sizes that it claims.

Needs no deep-learning framework.
"""

import dataclasses
import math
import random

from d2l_gru._checks import check_int, check_shape
from d2l_gru.history import History
from d2l_gru.runs.setting import Setting

COUNTS = {"epoch": 1, "batch": 0, "updates": 0, "num_tokens": 0}  # with their minimum values


def check_saved(arrays, meta):
    """Return the `Setting` of a run's checkpoint.

    Args:
        arrays, meta: as from `checkpoint.load`.

    Raises:
        ValueError: an entry is missing, or is not what a run saves.
    """
    try:
        setting = Setting(**meta["setting"])
        _check_meta(meta, setting)
        _check_arrays(arrays, setting, 1 + len(meta["vocab"]), meta["batch"] > 0)
    except KeyError as error:
        raise ValueError(f"not a training checkpoint: missing {error}") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"not a training checkpoint: {error}") from None
    return setting


def _check_meta(meta, setting):
    if not isinstance(meta["corpus_sha256"], str):
        raise TypeError(f"corpus_sha256 must be a str, not {meta['corpus_sha256']!r}")
    tokens = [
        token for token, count in meta["vocab"] if check_int("a token's count", count, 0) >= 0
    ]
    if not all(isinstance(token, str) for token in tokens) or len({*tokens, "<unk>"}) <= len(
        tokens
    ):
        raise ValueError("vocab must hold pairs of a token and its count, each token once")
    if not isinstance(meta.get("prefix", ""), str):  # older ones lack it
        raise TypeError(f"prefix must be a str, not {meta['prefix']!r}")
    for name, minimum in COUNTS.items():
        check_int(name, meta[name], minimum)
    done = meta["batch"] * setting.batch_size * setting.num_steps
    if meta["num_tokens"] != done:
        raise ValueError(f"num_tokens must be {done} after batch {meta['batch']}")
    if not _is_number(meta["seconds"]) or not 0 <= meta["seconds"] < math.inf:
        raise ValueError(f"seconds must be finite and >= 0, not {meta['seconds']!r}")
    version, numbers, gauss = meta["random_state"]
    if gauss is not None and not _is_number(gauss):
        raise TypeError(f"random_state must end with a number or None, not {gauss!r}")
    try:
        random.Random().setstate((version, tuple(numbers), gauss))
    except OverflowError as error:
        raise ValueError(f"random_state: {error}") from None
    for name, values in dataclasses.asdict(History(**meta["history"])).items():
        if not isinstance(values, list) or not all(map(_is_number, values)):
            raise TypeError(f"history's {name} must be a list of numbers")
        if len(values) != meta["epoch"] - 1:
            raise ValueError(f"history's {name} must have {meta['epoch'] - 1} entries")


def _is_number(value):
    return isinstance(value, float) or (type(value) is int and abs(value) < 2**63)


def _check_arrays(arrays, setting, vocab_size, has_state):
    expected = {"loss": (), "largest norm": ()}
    if has_state:
        layers = () if setting.model == "scratch" else (setting.num_layers,)
        expected["state 0"] = (*layers, setting.batch_size, setting.num_hiddens)
    for i, shape in enumerate(_parameter_shapes(setting, vocab_size)):
        expected[f"parameter {i}"] = shape
        if i > len(arrays):
            break  # in case num_layers is a billion
    for name, shape in expected.items():
        check_shape(name, arrays[name], shape)
        if arrays[name].dtype != "float32":
            raise TypeError(f"{name} must be float32, not {arrays[name].dtype}")
    if unknown := sorted({*arrays} - {*expected}):
        raise ValueError(f"unexpected array {unknown[0]!r}")


def _parameter_shapes(setting, vocab_size):
    """Yield the shape of each parameter; the concise model's are the same in both frameworks."""
    H = setting.num_hiddens
    if setting.model == "scratch":
        yield from 3 * [(vocab_size, H), (H, H), (H,)] + [(H, vocab_size)]
    else:
        for layer in range(setting.num_layers):
            yield from [(3 * H, H if layer else vocab_size), (3 * H, H), (3 * H,), (3 * H,)]
        yield (vocab_size, H)
    yield (vocab_size,)
