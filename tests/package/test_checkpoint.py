"""Checkpoints: what is read is what was written, and nothing else is ever read."""

import hashlib
import json
import os
import re
import tempfile
import time

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from strategies import any_text

from d2l_gru import checkpoint

ARRAYS = {
    "W": numpy.arange(6, dtype="float32").reshape(2, 3),
    "transposed": numpy.arange(6.0).reshape(2, 3).T,
}
META = {"epoch": 3, "vocab": ["<unk>", " ", "é", "\U0001f570"], "random": [3, [1, 2**31], None]}

dtypes = st.sampled_from(["float32", "float64", "int8", "uint8", "int16", "int32", "int64"])
shapes = arrays_of.array_shapes(min_dims=0, min_side=0, max_side=4)
names = st.text().filter(lambda name: name != "__metadata__")
named_arrays = st.dictionaries(names, arrays_of.arrays(dtypes, shapes), max_size=4)
metas = st.dictionaries(
    any_text,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text,
        lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(max_examples=30)
@given(named_arrays, metas, st.integers(0, 10**12), st.booleans())
def test_what_is_loaded_is_what_was_saved(arrays, meta, number, transposed):
    arrays = {name: array.T if transposed else array for name, array in arrays.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = checkpoint.save(f"{folder}/new/folder", arrays, meta, number)
        assert [*path.parent.iterdir()] == [path]
        assert path.name.startswith(f"checkpoint-{number:09}-")
        loaded = checkpoint.load(path)
        latest = checkpoint.latest(path.parent)
    assert latest[0] == path
    for found, found_meta in (loaded, latest[1:]):
        assert found_meta == meta and set(found) == set(arrays)
        for name, array in arrays.items():
            assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
            assert found[name].tobytes() == array.tobytes()


@settings(max_examples=20)
@given(st.lists(st.integers(0, 10), min_size=1, max_size=8))
def test_the_newest_three_of_a_run_are_kept(numbers):
    expected = []
    with tempfile.TemporaryDirectory() as folder:
        open(f"{folder}/notes.txt", "w").close()
        for at, number in enumerate(numbers):
            checkpoint.save(folder, {}, {"at": at}, number)
            before = [pair for pair in expected if pair[0] < number]  # later ones were another run
            expected = [(number, at), *before][: checkpoint.KEEP]
            kept = checkpoint.paths(folder)
            assert [int(path.name.split("-")[1]) for path in kept] == [n for n, _ in expected]
            assert [checkpoint.load(path)[1]["at"] for path in kept] == [a for _, a in expected]
            assert len(os.listdir(folder)) == len(kept) + 1


def test_every_altered_byte_and_every_cut_is_refused_by_name(tmp_path):
    bad = checkpoint.save(tmp_path, ARRAYS, META, 2)
    data = bad.read_bytes()
    damaged = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(len(data))]
    damaged += [data[:at] for at in range(len(data))] + [data + b"\0"]
    for other in damaged:
        bad.write_bytes(other)
        with pytest.raises(ValueError, match=f"{bad.name} was altered or truncated"):
            checkpoint.load(bad)


def test_the_newest_good_checkpoint_is_used_and_each_newer_one_named(tmp_path):
    paths = [checkpoint.save(tmp_path, ARRAYS, META, n) for n in (1, 2, 3)]
    said = []
    for path in paths:
        found = hashlib.sha256(path.name.encode()).hexdigest()[:16]
        said.insert(0, f"{path} was altered or truncated: its SHA-256 begins {found}, "
                       f"not {path.stem[-16:]}")  # fmt: skip
    for path in paths[1:]:
        path.write_text(path.name)
    with pytest.warns(UserWarning, match="^checkpoint not used: ") as caught:
        path, _, meta = checkpoint.latest(tmp_path)
    assert [str(w.message) for w in caught] == [f"checkpoint not used: {each}" for each in said[:2]]
    assert {w.filename for w in caught} != {checkpoint.__file__}  # but the caller's
    assert path == paths[0] and meta == META
    path.write_text(path.name)
    with pytest.raises(ValueError, match="no valid checkpoint") as refused:
        checkpoint.latest(tmp_path)
    assert str(refused.value) == f"no valid checkpoint in {tmp_path}: {'; '.join(said)}"


def with_header(header):
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text


def described(format="d2l_gru checkpoint 1", **more):
    return with_header({"__metadata__": {"format": format, **more}})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (with_header({}), ""),
        (with_header({"__metadata__": {"format": checkpoint.FORMAT, "meta": "{}"}, "a": {}}), ""),
        (described(), ""),
        (described(meta="[1]"), "its meta must be a dict, not [1]"),
        (
            described("d2l_gru checkpoint 2", meta="{}"),
            "its format is 'd2l_gru checkpoint 2', not 'd2l_gru checkpoint 1'",
        ),
    ],
)
def test_what_is_no_checkpoint_is_refused_by_name(tmp_path, data, said):
    path = tmp_path / f"checkpoint-000000001-{checkpoint._hash(data)}.safetensors"
    path.write_bytes(data)
    why = rf"ValueError\([\"']{re.escape(said)}[\"']\)$" if said else ""
    with pytest.raises(ValueError, match=f"^{path} is not a checkpoint: {why}"):
        checkpoint.load(path)


def test_another_name_is_refused(tmp_path):
    path = checkpoint.save(tmp_path, ARRAYS, META, 1)
    path = path.rename(tmp_path / "model.safetensors")
    said = f"^{path} is not named checkpoint-NUMBER-HASH.safetensors$"
    with pytest.raises(ValueError, match=said):
        checkpoint.load(path)
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match=f"^no checkpoint in {folder}$"):
            checkpoint.latest(folder)


@pytest.mark.parametrize(
    ("folder", "arrays", "number", "said"),
    [
        ("file", ARRAYS, 1, "^cannot write a checkpoint in .*/file: "),
        (".", ARRAYS, -1, "^number must be .* not -1$"),
        (".", {"__metadata__": numpy.ones(2)}, 1, "^no array can be named '__metadata__': the"),
    ],
)
def test_what_cannot_be_written_is_named(tmp_path, folder, arrays, number, said):
    (tmp_path / "file").touch()
    with pytest.raises((OSError, TypeError, ValueError), match=said):
        checkpoint.save(tmp_path / folder, arrays, META, number)
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    good = checkpoint.save(tmp_path, ARRAYS, META, 1)

    def full(handle):
        assert checkpoint.paths(tmp_path) == [good]  # a file has its name only when it is whole
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    said = f"^cannot write a checkpoint in {tmp_path}: .*No space left"
    with pytest.raises(OSError, match=said):
        checkpoint.save(tmp_path, ARRAYS, META, 2)
    assert list(tmp_path.iterdir()) == [good]


def test_what_a_killed_run_left_is_deleted_and_what_another_writes_is_not(tmp_path):
    for name, age in (("checkpoint.tmp", 3700), ("checkpoint-old.tmp", 3700), ("now", 0)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    (tmp_path / "now").rename(tmp_path / "checkpoint-now.tmp")
    good = checkpoint.save(tmp_path, ARRAYS, META, 1)
    assert {*tmp_path.iterdir()} == {good, tmp_path / "checkpoint-now.tmp"}


def test_two_runs_in_one_folder_write_whole_checkpoints(tmp_path, monkeypatch):
    sync, others = os.fsync, [2]

    def meanwhile(handle):  # another run saves, just before this one's file gets its name
        if others:
            checkpoint.save(tmp_path, ARRAYS, META, others.pop())
        sync(handle)

    monkeypatch.setattr(checkpoint.os, "fsync", meanwhile)
    checkpoint.save(tmp_path, ARRAYS, {"of": "this run"}, 3)
    kept = [checkpoint.load(path)[1] for path in checkpoint.paths(tmp_path)]
    assert kept == [{"of": "this run"}, META]


def test_the_names_of_new_folders_are_on_the_disk_before_the_checkpoint(tmp_path, monkeypatch):
    sync, synced = os.fsync, []

    def note(handle):
        synced.append(os.readlink(f"/proc/self/fd/{handle}").removeprefix(str(tmp_path)))
        sync(handle)

    monkeypatch.setattr(checkpoint.os, "fsync", note)
    checkpoint.save(tmp_path / "new" / "folder", ARRAYS, META, 1)
    assert synced[:2] == ["/new", ""] and synced[-1] == "/new/folder" and len(synced) == 4


def test_another_program_may_delete_checkpoints_meanwhile(tmp_path, monkeypatch):
    gone = tmp_path / "checkpoint-000000009-0123456789abcdef.safetensors"
    paths = checkpoint.paths
    monkeypatch.setattr(checkpoint, "paths", lambda directory: [gone, *paths(directory)])
    path = checkpoint.save(tmp_path, ARRAYS, META, 1)
    assert list(tmp_path.iterdir()) == [path]
