"""What determines a run, and what its checkpoint must hold; no run and no framework is needed."""

import dataclasses
import math
import random
from fractions import Fraction
from pathlib import Path

import numpy
import pytest
import reference_gru as ref

from d2l_gru.runs._saved import check_saved
from d2l_gru.runs.run import Setting

PATH = "corpus must be the path of a text file, not "
ONE_LAYER = "num_layers must be 1 for the scratch model, not 2"
SIZES = ("num_hiddens", "num_layers", "batch_size", "num_steps")
MODEL = "model must be 'scratch' or 'concise', not "


def test_the_defaults_are_the_book_s():
    expected = ["concise", "timemachine", 10_000, 256, 1, 32, 35, 500, 1.0, 1.0, False, 0]
    assert list(dataclasses.asdict(Setting()).values()) == expected


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model": "lstm"}, MODEL + "'lstm'"),
        ({"model": ["concise"]}, MODEL + "['concise']"),
        ({"num_hiddens": numpy.bool_(True)}, "num_hiddens must be a whole number >= 1, not True"),
        ({"num_epochs": 1.5}, "num_epochs must be a whole number >= 1, not 1.5"),
        *[({name: 0}, f"{name} must be >= 1, not 0") for name in SIZES],
        ({"model": "scratch", "num_layers": 2}, ONE_LAYER),
        ({"lr": -1}, "lr must be finite and > 0, not -1"),
        ({"lr": 10**400}, f"lr must be finite and > 0, not {10**400}"),
        ({"clip": 0}, "clip (None for no clipping) must be finite and > 0, not 0"),
        ({"seed": -1}, "seed must be >= 0, not -1"),
        ({"seed": 2**31}, "seed must be < 2**31, not 2147483648"),
        ({"corpus": "a\0"}, PATH + r"'a\x00'"),
        ({"corpus": 5}, PATH + "5"),
        ({"corpus": ""}, PATH + "''"),
        ({"max_tokens": 0}, "max_tokens (-1 for all) must be >= 1, not 0"),
        ({"use_random_iter": 1}, "use_random_iter must be a bool, not 1"),
    ],
)
def test_a_bad_setting_is_named(changed, said):
    with pytest.raises((ValueError, TypeError)) as caught:
        Setting(**changed)
    assert str(caught.value) == said


def test_the_least_setting_is_good(tmp_path):
    names = ("max_tokens", "num_epochs", *SIZES)
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
        ("lr", numpy.float32(0.5), 0.5),
        ("clip", Fraction(1, 4), 0.25),
        ("use_random_iter", numpy.bool_(True), True),
        ("seed", numpy.int32(7), 7),
    ],
)
def test_a_checkpoint_can_hold_each_value_of_a_setting(name, given, kept):
    found = getattr(Setting(**{name: given}), name)
    assert found == kept and type(found) is type(kept)


# Checkpoints, made in NumPy.

V, H, B, T = 6, 4, 2, 3  # <unk> and five letters, num_hiddens, batch_size, num_steps
LAYER = [(3 * H, H), (3 * H,), (3 * H,)]  # after the weights of its inputs
SHAPES = {
    ("scratch", 1): [p.shape for p in ref.random_params(V, H).values()],
    ("concise", 1): [(3 * H, V), *LAYER, (V, H), (V,)],
    ("concise", 2): [(3 * H, V), *LAYER, (3 * H, H), *LAYER, (V, H), (V,)],
}
STATES = {("scratch", 1): (B, H), ("concise", 1): (1, B, H), ("concise", 2): (2, B, H)}
SCRATCH = ("scratch", 1)
each_kind = pytest.mark.parametrize("kind", SHAPES)


def setting_of(kind):
    model, num_layers = kind
    sizes = {"num_hiddens": H, "num_layers": num_layers, "batch_size": B, "num_steps": T}
    return Setting(model=model, **sizes)


def saved(kind=SCRATCH):
    """Return arrays and meta of a run after five minibatches of its third epoch."""
    arrays = {f"parameter {i}": numpy.zeros(shape) for i, shape in enumerate(SHAPES[kind])}
    arrays |= {"loss": numpy.zeros(()), "largest norm": numpy.zeros(())}
    arrays |= {"state 0": numpy.zeros(STATES[kind])}
    version, numbers, gauss = random.Random(0).getstate()
    meta = {
        "setting": dataclasses.asdict(setting_of(kind)),
        "corpus_sha256": "0" * 64,
        "vocab": [[letter, 3] for letter in "abcde"],
        "epoch": 3,
        "batch": 5,
        "updates": 25,
        "num_tokens": 5 * B * T,
        "seconds": 1.5,
        "random_state": [version, list(numbers), gauss],
        "history": {
            "perplexity": [5.5, math.inf],
            "tokens_per_second": [100, 2**63 - 1],
            "gradient_norm": [1.0, math.nan],
        },
    }
    return {name: array.astype("float32") for name, array in arrays.items()}, meta


def refusal(arrays, meta):
    with pytest.raises(ValueError, match=r"^not a training checkpoint: ") as caught:
        check_saved(arrays, meta)
    return str(caught.value).removeprefix("not a training checkpoint: ")


@each_kind
def test_a_checkpoint_of_a_run_gives_its_setting_and_has_no_state_between_two_epochs(kind):
    arrays, meta = saved(kind)
    assert check_saved(arrays, meta) == setting_of(kind)
    meta |= {"batch": 0, "num_tokens": 0}
    assert refusal(arrays, meta) == "unexpected array 'state 0'"
    del arrays["state 0"]
    assert check_saved(arrays, meta) == setting_of(kind)


EMPTY = {"perplexity": [], "tokens_per_second": [], "gradient_norm": []}
NUMBERS = saved()[1]["random_state"][1]


@pytest.mark.parametrize(
    "changed",
    [
        {"epoch": 1, "history": EMPTY},
        {"updates": 0},
        {"seconds": 0},
        {"vocab": [[letter, 0] for letter in "abcde"]},
        {"random_state": [3, NUMBERS, 0.5]},
        {"random_state": [3, NUMBERS, 1 - 2**63]},
    ],
)
def test_what_a_run_can_save_is_taken(changed):
    arrays, meta = saved()
    assert check_saved(arrays, meta | changed) == setting_of(SCRATCH)


PAIRS = "vocab must hold pairs of a token and its count, each token once"
LENGTH = "history's perplexity must have 2 entries"
LIST = "must be a list of numbers"
SPEEDS = f"history's tokens_per_second {LIST}"
NUMBER = "random_state must end with a number or None, not "
SECONDS = "seconds must be finite and >= 0, not "


def history(**changed):
    return {"history": EMPTY | changed}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"corpus_sha256": 5}, "corpus_sha256 must be a str, not 5"),
        ({"vocab": [["a", -1]]}, "a token's count must be >= 0, not -1"),
        ({"vocab": [["a", 1], ["a", 1], ["b", 1]]}, PAIRS),
        ({"vocab": [["a", 1], ["<unk>", 1]]}, PAIRS),
        ({"vocab": [["a", 1], [5, 1]]}, PAIRS),
        ({"prefix": 5}, "prefix must be a str, not 5"),
        ({"epoch": 0}, "epoch must be >= 1, not 0"),
        ({"batch": -1}, "batch must be >= 0, not -1"),
        ({"updates": -1}, "updates must be >= 0, not -1"),
        ({"num_tokens": -1}, "num_tokens must be >= 0, not -1"),
        ({"num_tokens": 31}, "num_tokens must be 30 after batch 5"),
        *[({"seconds": bad}, SECONDS + repr(bad)) for bad in (-0.5, math.nan, math.inf, "1", True)],
        *[({"random_state": [3, NUMBERS, bad]}, NUMBER + repr(bad)) for bad in ("a", -(2**63))],
        ({"random_state": [3, [1], None]}, "state vector is the wrong size"),
        (history(), LENGTH),
        (history(perplexity=[1, 2, 3]), LENGTH),
        (history(perplexity=5), f"history's perplexity {LIST}"),
        (history(perplexity=[1, 2], tokens_per_second=["a"]), SPEEDS),
    ],
)
def test_what_no_run_saves_is_named(changed, said):
    arrays, meta = saved()
    assert refusal(arrays, meta | changed) == said


def test_what_is_missing_or_overflows_is_named():
    arrays, meta = saved()
    said = refusal(arrays, meta | {"random_state": [3, [10**400] * 625, None]})
    assert said.startswith("random_state: ")
    for name in meta:
        without = {other: value for other, value in meta.items() if other != name}
        assert refusal(arrays, without) == f"missing '{name}'"


@each_kind
def test_each_array_must_be_there_in_its_shape_and_dtype(kind):
    arrays, meta = saved(kind)
    for name, array in arrays.items():
        wrong = arrays | {name: array[None]}
        said = f"{name} must have shape {array.shape}, not {(1, *array.shape)}"
        assert refusal(wrong, meta) == said
        wrong[name] = array.astype("float64")
        assert refusal(wrong, meta) == f"{name} must be float32, not float64"
        del wrong[name]
        assert refusal(wrong, meta) == f"missing '{name}'"


def test_of_arrays_that_no_run_saves_the_first_is_named():
    arrays, meta = saved()
    more = {"z": arrays["loss"], "parameter 11": arrays["loss"]}
    assert refusal(arrays | more, meta) == "unexpected array 'parameter 11'"


def test_layers_that_are_not_there_are_not_counted():
    arrays, meta = saved(("concise", 1))
    meta["setting"]["num_layers"] = 10**9
    arrays["state 0"] = numpy.broadcast_to(numpy.float32(0), (10**9, B, H))
    assert refusal(arrays, meta) == f"parameter 4 must have shape {(3 * H, H)}, not {(V, H)}"
