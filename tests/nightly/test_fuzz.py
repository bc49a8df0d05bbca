"""Checkpoints that are damaged, altered or made up are refused by name, or read as they are.

hypothesis alters good files a little, the same ones in every run: some hundreds, and with `make
fuzz` 25 times as many.
"""

import contextlib
import copy
import json
import os
import resource

import numpy
import pytest
import strategies
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from mxnet import cpu

from d2l_gru import checkpoint
from d2l_gru.runs.run import Run, Setting, load_model

TIMES = int(os.environ.get("D2L_GRU_FUZZ", 1))
MEGABYTES = 500  # that all inputs together may take
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
strange = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | strategies.any_text
    | st.sampled_from([2**31, 2**63, 10**400, "x" * 999]),
    lambda inner: st.lists(inner) | st.dictionaries(strategies.any_text, inner),
    max_leaves=5,
)  # fmt: skip


def altered(value):
    """Draw a JSON value of which a part, at any depth, was replaced or left out."""
    if not isinstance(value, (dict, list)) or not value:
        return strange
    keys = st.sampled_from(sorted(value)) if isinstance(value, dict) else st.integers(
        0, len(value) - 1
    )  # fmt: skip

    def without(key):
        rest = copy.copy(value)
        del rest[key]
        return rest

    def with_another(key):
        def put(part):
            rest = copy.copy(value)
            rest[key] = part
            return rest

        return altered(value[key]).map(put)

    return keys.flatmap(with_another) | keys.map(without) | strange


def altered_bytes(data):
    """Draw bytes of which a piece was replaced, or noise."""
    at, other = st.integers(0, len(data)), st.sampled_from([b"9" * 99, b"[" * 9999, b'"'])
    pieces = st.tuples(at, at, st.binary(max_size=9) | other)
    return st.binary(max_size=200) | pieces.map(
        lambda piece: data[: min(piece[:2])] + piece[2] + data[max(piece[:2]) :]
    )


def altered_text(value):
    """Draw the JSON of an altered value, sometimes with its text altered, too."""
    texts = altered(value).map(lambda value: json.dumps(value).encode())
    return texts | altered_bytes(json.dumps(value).encode())


def fuzz(examples):
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=examples * TIMES, suppress_health_check=checks)


@contextlib.contextmanager
def or_refused(*words):
    """Let what is read here be refused, by an error that holds these words."""
    try:
        yield
        event("read")
    except (ValueError, OSError) as error:
        event("refused")  # pytest --hypothesis-show-statistics counts both
        assert all(word in str(error) for word in words), repr(error)


@pytest.fixture(autouse=True, scope="module")
def no_input_takes_much_memory():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MEGABYTES


@fuzz(300)
@given(st.data())
def test_a_checkpoint(tmp_path, data):
    """Mostly with the hash in the name that belongs to the file."""
    arrays = {"a": numpy.ones((2, 3), "float32"), "b": numpy.int8(4)}
    good = checkpoint.save(tmp_path, arrays, {"epoch": 1, "vocab": [["a", 2], ["b", None]]}, 1)
    whole = good.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header, body = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    meta = altered_text(json.loads(header["__metadata__"]["meta"])).map(
        lambda text: json.dumps(
            header | {"__metadata__": header["__metadata__"] | {"meta": text.decode("latin-1")}}
        ).encode()
    )
    text = data.draw(st.just(json.dumps(header).encode()) | meta | altered_text(header))
    size = data.draw(st.just(len(text)) | st.sampled_from([0, 2**63, len(text) + 1]))
    made_up = size.to_bytes(8, "little") + text + data.draw(st.just(body) | altered_bytes(body))
    other = data.draw(st.just(made_up) | altered_bytes(whole))
    hash = data.draw(st.sampled_from([checkpoint._hash(other), "0" * 16]))
    path = tmp_path / f"checkpoint-000000002-{hash}.safetensors"
    path.write_bytes(other)
    try:
        with or_refused(str(path)):
            found, arrays, meta = checkpoint.latest(tmp_path)
            assert found in (good, path) and isinstance(meta, dict)
            assert all(isinstance(array, numpy.ndarray) for array in arrays.values())
            if found == good:
                checkpoint.load(path)
                raise AssertionError("latest refused what load takes")
    finally:
        path.unlink()


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run in the middle of an epoch: its setting, and its checkpoint."""
    folder = tmp_path_factory.mktemp("begun")
    (folder / "text").write_text("Grüße! the quick brown fox jumps over the lazy dog. " * 5)
    small = {"num_hiddens": 3, "batch_size": 2, "num_steps": 5, "num_epochs": 2}
    run = Run(Setting(corpus=str(folder / "text"), **small), cpu())
    for _ in range(2):
        for _ in run.updates_of_epoch():
            if run.epoch == 2 and run.batch == 3:
                return run.setting, *checkpoint.load(run.save(folder / "run"))


def draw_checkpoint(data, arrays, meta):
    """Draw arrays and meta that could be written."""
    meta, arrays = data.draw(st.just(meta) | altered(meta)), dict(arrays)
    if data.draw(st.booleans()):
        a = arrays.pop(name := data.draw(st.sampled_from(sorted(arrays))))
        others = [a, a.T, a[..., None], a.astype("int32"), a * numpy.nan, a.ravel()]
        arrays[data.draw(st.sampled_from([name, "state 1", ""]))] = others[
            data.draw(st.integers(0, 5))
        ]
    return arrays, meta if isinstance(meta, dict) else {}


@fuzz(200)
@given(st.data())
def test_a_model(begun, data):
    arrays, meta = draw_checkpoint(data, *begun[1:])
    with or_refused():
        model, vocab = load_model(arrays, meta, cpu())
        assert len(vocab) == 1 + len(meta["vocab"]) and vocab[meta["vocab"][0][0]] == 1
        for i, param in enumerate(model.parameters()):
            numpy.testing.assert_array_equal(param.asnumpy(), arrays[f"parameter {i}"])


@fuzz(200)
@given(st.data())
def test_a_run_and_its_next_update(begun, data):
    arrays, meta = draw_checkpoint(data, *begun[1:])
    with or_refused():
        run = Run(begun[0], cpu(), (arrays, meta))
        for name in ("epoch", "batch", "updates"):
            assert getattr(run, name) == meta[name]
        next(run.updates_of_epoch(), None)
