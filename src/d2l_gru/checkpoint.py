"""Checkpoints: named arrays and their description in one file; altered bytes are detected.

A file is named after its content, ``checkpoint-NUMBER-HASH.safetensors``, where HASH is the
beginning of the SHA-256 of its bytes.  It appears under that name only once it is completely on the
disk.  Loading one runs no code from it.  Needs no deep-learning framework.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
import time
import warnings
from pathlib import Path

import numpy
import safetensors.numpy

from d2l_gru._checks import check_int

FORMAT = "d2l_gru checkpoint 1"
KEEP = 3
_NAME = re.compile(r"checkpoint-(\d{9,})-([0-9a-f]{16})\.safetensors")
_ABANDONED = 3600  # seconds after which an unfinished file belongs to a killed run


def paths(directory):
    """Return the checkpoints in `directory`, valid or not, the highest number first."""
    directory = Path(directory)
    names = os.listdir(directory) if directory.is_dir() else []
    found = [(int(match[1]), match[0]) for match in map(_NAME.fullmatch, names) if match]
    return [directory / name for _, name in sorted(found, reverse=True)]


def save(directory, arrays, meta, number):
    """Write a checkpoint, and delete all but this one and the two before it.

    Whenever the program dies, earlier checkpoints are intact, and this one is complete or absent.

    Args:
        directory: where to write; created if necessary.
        arrays: dict from names to numpy arrays.
        meta: anything else to keep, a dict that JSON can hold.
        number: at least 0, and higher than the previous checkpoint's.  Other checkpoints in the
            directory with this number or a higher one are deleted: they are not part of this run.

    Returns:
        The file's path.

    Raises:
        OSError: the directory cannot be written, or the disk is full.
        ValueError: an array has the name that the format reserves, "__metadata__".
    """
    directory, number = Path(directory), check_int("number", number, 0)
    if "__metadata__" in arrays:
        raise ValueError("no array can be named '__metadata__': the format reserves that name")
    # Not ascontiguousarray, which would give an array of shape () a dimension.
    arrays = {name: numpy.asarray(array, order="C") for name, array in arrays.items()}
    described = {"format": FORMAT, "meta": json.dumps(meta)}
    data = safetensors.numpy.save(arrays, metadata=described)
    path = directory / f"checkpoint-{number:09d}-{_hash(data)}.safetensors"
    try:
        _make(directory)
        _write(directory, path.name, data)
        before = [other for other in paths(directory) if other != path]
        older = [other for other in before if _number(other) < number]
        for other in [*set(before) - set(older[: KEEP - 1]), *_abandoned(directory)]:
            other.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(f"cannot write a checkpoint in {directory}: {error}") from error
    return path


def _make(directory):
    """Make a directory, and flush its name and the names of its new parents to the disk."""
    new = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for path in new:
        _sync(path.parent)


def _write(directory, name, data):
    # Two runs that share a directory by mistake do not share this file.
    temporary = directory / f"checkpoint-{secrets.token_hex(8)}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, directory / name)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync(directory)


def _abandoned(directory):
    """Yield the files that killed runs left unfinished."""
    for path in directory.glob("checkpoint*.tmp"):
        with contextlib.suppress(FileNotFoundError):  # another run has just finished it
            if time.time() - path.stat().st_mtime > _ABANDONED:
                yield path


def _sync(directory):
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _hash(data):
    return hashlib.sha256(data).hexdigest()[:16]


def _number(path):
    return int(_NAME.fullmatch(path.name)[1])


def load(path):
    """Read one checkpoint.

    Returns:
        (arrays, meta), as they were saved.

    Raises:
        ValueError: the file was renamed, altered or truncated, or is not a checkpoint.
        OSError: it cannot be read.
    """
    path = Path(path)
    match = _NAME.fullmatch(path.name)
    data = path.read_bytes()
    if not match:
        raise ValueError(f"{path} is not named checkpoint-NUMBER-HASH.safetensors")
    if (found := _hash(data)) != match[2]:
        raise ValueError(
            f"{path} was altered or truncated: its SHA-256 begins {found}, not {match[2]}"
        )
    try:
        length = int.from_bytes(data[:8], "little")
        described = json.loads(data[8 : 8 + length])["__metadata__"]
        if described["format"] != FORMAT:
            raise ValueError(f"its format is {described['format']!r}, not {FORMAT!r}")
        meta = json.loads(described["meta"])
        if not isinstance(meta, dict):
            raise ValueError(f"its meta must be a dict, not {meta!r}")
        return safetensors.numpy.load(data), meta
    except (ValueError, KeyError, TypeError, RecursionError, safetensors.SafetensorError) as error:
        raise ValueError(f"{path} is not a checkpoint: {error!r}") from error


def latest(directory):
    """Return the newest valid checkpoint; warn about each newer one that is not valid.

    Returns:
        (path, arrays, meta).

    Raises:
        FileNotFoundError: the directory holds no checkpoint.
        ValueError: it holds no valid one.
    """
    refused = []
    for path in paths(directory):
        try:
            arrays, meta = load(path)
        except (OSError, ValueError) as error:
            refused.append(str(error))
            continue
        for reason in refused:
            warnings.warn(f"checkpoint not used: {reason}", stacklevel=2)
        return path, arrays, meta
    if refused:
        raise ValueError(f"no valid checkpoint in {directory}: {'; '.join(refused)}")
    raise FileNotFoundError(f"no checkpoint in {directory}")
