"""What determines a run, and which values are taken."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy
import pytest

from d2l_gru.runs.run import Setting

PATH = "corpus must be the path of a text, not "
MODEL = "model must be 'scratch' or 'concise', not "


def test_the_defaults_are_the_book_s():
    expected = ["concise", "timemachine", 10_000, 256, 1, 32, 35, 500, 1.0, 1.0, False, 0]
    assert list(dataclasses.asdict(Setting()).values()) == expected


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model": "lstm"}, MODEL + "'lstm'"),
        ({"model": b"concise"}, MODEL + "b'concise'"),
        ({"model": ["concise"]}, MODEL + "['concise']"),
        ({"num_hiddens": 0}, "num_hiddens must be >= 1, not 0"),
        ({"num_hiddens": numpy.bool_(True)}, "num_hiddens must be a whole number >= 1, not True"),
        ({"num_epochs": 1.5}, "num_epochs must be a whole number >= 1, not 1.5"),
        ({"num_layers": 0}, "num_layers must be >= 1, not 0"),
        ({"batch_size": 0}, "batch_size must be >= 1, not 0"),
        ({"num_steps": 0}, "num_steps must be >= 1, not 0"),
        (
            {"model": "scratch", "num_layers": 2},
            "num_layers must be 1 for the scratch model, not 2",
        ),
        ({"lr": -1}, "lr must be finite and > 0, not -1"),
        ({"lr": 10**400}, f"lr must be finite and > 0, not {10**400}"),
        ({"clip": 0}, "clip (None for no clipping) must be finite and > 0, not 0"),
        ({"seed": -1}, "seed must be >= 0, not -1"),
        ({"seed": 2**31}, "seed must be < 2**31, not 2147483648"),
        ({"corpus": "a\0"}, PATH + r"'a\x00'"),
        ({"corpus": 5}, PATH + "5"),
        ({"corpus": b"text"}, PATH + "b'text'"),
        ({"corpus": ""}, PATH + "''"),
        ({"max_tokens": 0}, "max_tokens (-1 for all) must be >= 1, not 0"),
        ({"max_tokens": -1.0}, "max_tokens (-1 for all) must be a whole number >= -1, not -1.0"),
        ({"use_random_iter": 1}, "use_random_iter must be a bool, not 1"),
    ],
)
def test_a_bad_setting_is_named(changed, said):
    with pytest.raises((ValueError, TypeError)) as caught:
        Setting(**changed)
    assert str(caught.value) == said


def test_the_least_setting_is_good(tmp_path):
    names = ("max_tokens", "num_hiddens", "num_layers", "batch_size", "num_steps", "num_epochs")
    least = dict.fromkeys(names, 1) | {"lr": 1e-9, "clip": 1e-9, "seed": 0}
    for model in ("scratch", "concise"):
        assert Setting(model=model, corpus=tmp_path, **least).num_hiddens == 1
    assert Setting(max_tokens=-1, clip=None, num_layers=2).clip is None


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("model", numpy.str_("scratch"), "scratch"),
        ("corpus", Path("a folder") / "text", "a folder/text"),
        ("corpus", Path("timemachine"), "./timemachine"),  # a file, not the text of the book
        ("max_tokens", numpy.int64(-1), -1),
        ("num_hiddens", numpy.int64(4), 4),
        ("num_epochs", numpy.uint8(2), 2),
        ("lr", numpy.float32(0.5), 0.5),
        ("clip", Fraction(1, 4), 0.25),
        ("use_random_iter", numpy.bool_(True), True),
        ("seed", numpy.int32(7), 7),
    ],
)
def test_a_checkpoint_can_hold_each_value_of_a_setting(name, given, kept):
    found = getattr(Setting(**{name: given}), name)
    assert found == kept and type(found) is type(kept)
