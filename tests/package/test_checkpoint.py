"""Checkpoints: what is read is what was written, and nothing else is ever read."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import warnings

import numpy
import pytest

from d2l_gru import checkpoint

ARRAYS = {
    "W": numpy.arange(6, dtype="float32").reshape(2, 3),
    "transposed": numpy.arange(6.0).reshape(2, 3).T,
    "scalar": numpy.array(1.5, dtype="float64"),
    "empty": numpy.zeros((0, 4), dtype="int32"),
}
META = {"epoch": 3, "vocab": ["<unk>", " ", "é", "\U0001f570"], "random": [3, [1, 2**31], None]}


def equal(a, b):
    assert set(a) == set(b)
    for name in a:
        assert a[name].dtype == b[name].dtype
        numpy.testing.assert_array_equal(a[name], b[name])


def test_what_is_read_is_what_was_written(tmp_path):
    path = checkpoint.save(tmp_path / "new" / "folder", ARRAYS, META, 7)
    assert path.name.startswith("checkpoint-000000007-")
    arrays, meta = checkpoint.load(path)
    equal(arrays, ARRAYS)
    assert meta == META
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_the_newest_three_are_kept(tmp_path):
    for number in range(6):
        checkpoint.save(tmp_path, {"a": numpy.ones(number + 1)}, {}, number)
    (tmp_path / "notes.txt").write_text("mine")
    numbers = [int(path.name.split("-")[1]) for path in checkpoint.paths(tmp_path)]
    assert numbers == [5, 4, 3] and (tmp_path / "notes.txt").exists()
    path, arrays, _ = checkpoint.latest(tmp_path)
    assert "000000005" in path.name and arrays["a"].shape == (6,)


def test_going_back_discards_what_came_after(tmp_path):
    for number in (1, 2, 3):
        checkpoint.save(tmp_path, ARRAYS, {"n": number}, number)
    checkpoint.save(tmp_path, ARRAYS, {"n": "again"}, 2)
    assert [checkpoint.load(path)[1]["n"] for path in checkpoint.paths(tmp_path)] == ["again", 1]


def test_every_altered_byte_and_every_cut_is_refused_by_name(tmp_path):
    bad = checkpoint.save(tmp_path, ARRAYS, META, 2)
    data = bad.read_bytes()
    damaged = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(len(data))]
    damaged += [data[:at] for at in range(len(data))] + [data + b"\0"]
    for other in damaged:
        bad.write_bytes(other)
        with pytest.raises(ValueError, match=f"{bad.name} was altered or cut"):
            checkpoint.load(bad)


def said_of(path, data):
    """Return what is said of a checkpoint that was overwritten with `data`."""
    found = hashlib.sha256(data).hexdigest()[:16]
    return f"{path} was altered or cut: its SHA-256 begins {found}, not {path.stem[-16:]}"


def test_the_newest_good_checkpoint_is_used_and_each_newer_one_named(tmp_path):
    good, bad, worse = (checkpoint.save(tmp_path, ARRAYS, META, n) for n in (1, 2, 3))
    bad.write_bytes(b"bad")
    worse.write_bytes(b"worse")
    both = [said_of(worse, b"worse"), said_of(bad, b"bad")]
    with pytest.warns(UserWarning, match="^checkpoint not used: ") as caught:
        path, arrays, meta = checkpoint.latest(tmp_path)
    assert [str(w.message) for w in caught] == [f"checkpoint not used: {said}" for said in both]
    assert {w.filename for w in caught} != {checkpoint.__file__}  # but the caller's
    assert path == good and meta == META
    equal(arrays, ARRAYS)
    good.write_bytes(b"")
    with pytest.raises(ValueError, match="no good checkpoint") as refused:
        checkpoint.latest(tmp_path)
    everything = "; ".join([*both, said_of(good, b"")])
    assert str(refused.value) == f"no good checkpoint in {tmp_path}: {everything}"


def named(folder, data):
    """Write bytes under the name that a checkpoint of these bytes has."""
    path = folder / f"checkpoint-000000001-{checkpoint._hash(data)}.safetensors"
    path.write_bytes(data)
    return path


def with_header(header):
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 40,
        with_header([]),
        with_header({}),
        with_header({"__metadata__": {"format": "d2l_gru checkpoint 2", "meta": "{}"}}),
        with_header({"__metadata__": {"format": checkpoint.FORMAT}}),
        with_header({"__metadata__": {"format": checkpoint.FORMAT, "meta": "[1]"}}),
        with_header({"__metadata__": {"format": checkpoint.FORMAT, "meta": "{"}}),
        with_header({"__metadata__": {"format": checkpoint.FORMAT, "meta": "{}"}, "a": {}}),
    ],
)
def test_what_is_no_checkpoint_is_refused_by_name(tmp_path, data):
    path = named(tmp_path, data)
    with pytest.raises(ValueError, match=f"{path.name} is no checkpoint"):
        checkpoint.load(path)


@pytest.mark.parametrize(
    ("described", "said"),
    [
        (
            {"format": "d2l_gru checkpoint 2", "meta": "{}"},
            "its format is 'd2l_gru checkpoint 2', not 'd2l_gru checkpoint 1'",
        ),
        ({"format": "d2l_gru checkpoint 1", "meta": "[1]"}, "its meta must be a dict, not [1]"),
    ],
)
def test_what_is_wrong_with_a_description_is_said(tmp_path, described, said):
    path = named(tmp_path, with_header({"__metadata__": described}))
    with pytest.raises(ValueError, match="is no checkpoint") as caught:
        checkpoint.load(path)
    assert str(caught.value) == f"{path} is no checkpoint: {ValueError(said)!r}"


def test_another_name_is_refused(tmp_path):
    path = checkpoint.save(tmp_path, ARRAYS, META, 1)
    path = path.rename(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="is not named") as caught:
        checkpoint.load(path)
    assert str(caught.value) == f"{path} is not named checkpoint-NUMBER-HASH.safetensors"
    with pytest.raises(FileNotFoundError, match=f"^no checkpoint in {tmp_path}$"):
        checkpoint.latest(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        checkpoint.latest(tmp_path / "nowhere")


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    good = checkpoint.save(tmp_path, ARRAYS, META, 1)

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    with pytest.raises(
        OSError, match=f"^no checkpoint can be written in {tmp_path}: .*No space left"
    ):
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
    assert [checkpoint.load(path)[1] for path in checkpoint.paths(tmp_path)] == [
        {"of": "this run"}, META
    ]  # fmt: skip


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


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=f"can be written in {tmp_path / 'file'}"):
        checkpoint.save(tmp_path / "file", ARRAYS, META, 1)


@pytest.mark.parametrize("number", [-1, 1.5])
def test_a_bad_number_is_named(tmp_path, number):
    with pytest.raises((TypeError, ValueError), match=f"^number must be .* not {number}$"):
        checkpoint.save(tmp_path, ARRAYS, META, number)


def test_the_name_that_the_format_keeps_for_itself_is_refused(tmp_path):
    with pytest.raises(ValueError, match="^no array can be named '__metadata__', where the file"):
        checkpoint.save(tmp_path, {"__metadata__": numpy.ones(2)}, META, 1)
    assert not list(tmp_path.iterdir())


WRITER = """
import sys, numpy
from d2l_gru import checkpoint
for number in range(10**6):
    checkpoint.save(sys.argv[1], {"a": numpy.full(20_000, number)}, {"number": number}, number)
"""


@pytest.mark.processes
def test_killed_while_writing_the_newest_is_always_whole(tmp_path):
    for attempt in range(8):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path])
        deadline = time.monotonic() + 30
        while not checkpoint.paths(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.013 * attempt)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # none is refused
            _, arrays, meta = checkpoint.latest(tmp_path)
        assert (arrays["a"] == meta["number"]).all()
        for path in checkpoint.paths(tmp_path):
            checkpoint.load(path)
            path.unlink()
