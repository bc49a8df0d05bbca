"""Files that are damaged, altered or made up: each is refused by name, or read as it is.

The inputs are good files, changed a little and at random, and noise.  Input i is the same in every
run.  `make test` tries a few thousand, `make fuzz` a hundred thousand.
"""

import codecs
import copy
import json
import logging
import os
import random
import resource
import time
import warnings

import nbformat
import numpy
import pytest
from mxnet import cpu
from tools_of_the_build import ROOT, load

from d2l_gru import checkpoint, corpus
from d2l_gru.runs.run import Run, Setting, load_model, read_text

TIMES = int(os.environ.get("D2L_GRU_FUZZ", 1))  # how many times the few thousand
SECONDS, MEGABYTES = 10, 500  # that no input may take, and all of them together

runner = load("run")

TEXT = "Grüße! the quick brown fox jumps over the lazy dog, and the dog does not mind. " * 3
SMALL = {"num_hiddens": 3, "batch_size": 2, "num_steps": 5, "num_epochs": 2}
DEEP = "a place for many brackets"
STRANGE = [
    None, True, False, 0, 1, -1, 2, 2**31, 2**63, 10**9, 10**400, 0.5, 1e308, float("nan"),
    float("inf"), "", "a", "\0", "\ud800", "x" * 999, [], {}, [[]], {"": {}}, DEEP,
]  # fmt: skip


# Changing what is good


def alter(rng, data):
    """Return bytes with a few changes, or noise."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(200))
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        if rng.random() < 0.5:
            b = min(a + 8, b)
        flipped = bytes([data[a] ^ 1 << rng.randrange(8)]) if a < len(data) else b""
        data = rng.choice(
            [
                data[:a] + flipped + data[a + 1 :],
                data[:a],
                data[:a] + data[b:],
                data[:b] + data[a:],
                data[:a] + rng.randbytes(rng.randrange(9)) + data[b:],
                data[:a] + rng.choice([b"9" * 99, b"[" * 9999, b'"', b"\xff" * 8]) + data[b:],
            ]
        )
    return data


def _place(rng, value):
    """Return (container, key) of a place in a JSON value, each depth as likely as the next."""
    found = []
    while isinstance(value, (dict, list)) and value:
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        found.append((value, key))
        value = value[key]
    return rng.choice(found)


def alter_json(rng, value):
    """Return a JSON value with some of its parts replaced, exchanged, left out or renamed."""
    holder = [copy.deepcopy(value)]
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        (where, key), (other, there) = _place(rng, holder), _place(rng, holder)
        how = rng.randrange(5)
        if how == 0:
            where[key] = copy.deepcopy(rng.choice(STRANGE))
        elif how == 1:
            where[key] = copy.deepcopy(other[there])
        elif how == 2:
            del where[key]
        elif isinstance(where, dict):
            where[rng.choice(["", "a", *where])] = where.pop(key)
        else:
            where.insert(key, copy.deepcopy(where[key]))
        if not holder:
            return None
    return holder[0]


def text_of(rng, value):
    """Return the JSON of an altered value; sometimes with its text altered, too."""
    text = json.dumps(alter_json(rng, value)).replace(f'"{DEEP}"', "[" * 9999 + "]" * 9999)
    return alter(rng, text.encode()) if rng.random() < 0.2 else text.encode()


# The readers: each is made with a folder, and called with a generator for each input


def of_corpus(folder):
    """`corpus.find`, of a file and of a folder's name."""
    path, good = folder / corpus.FILE, TEXT.encode()
    corpus.SHA256 = corpus.hashlib.sha256(good).hexdigest()

    def read(rng):
        if rng.random() < 0.1:
            name = "".join(map(chr, rng.choices([*range(1, 128), 0xE9, 0x1F570], k=9)))
            os.environ["D2L_GRU_DATA"] = rng.choice(["", "~", "/", "../", "~no-such-user/"]) + name
            said = [repr(os.environ["D2L_GRU_DATA"])]
        else:
            os.environ["D2L_GRU_DATA"] = str(folder)
            path.write_bytes(good if rng.random() < 0.1 else alter(rng, good))
            said = [str(path)]
        try:
            assert corpus.find().path.read_bytes() == good
        except (ValueError, OSError) as error:
            return error, said

    return read


def of_text(folder):
    """`read_text`, any file as a corpus."""
    path, good = folder / "text", TEXT.encode()

    def read(rng):
        data = alter(rng, good)
        path.write_bytes(data)
        try:
            ids, vocab, _ = read_text(str(path), -1)
            assert "".join(vocab.to_tokens(ids)).encode() == data.removeprefix(codecs.BOM_UTF8)
        except (ValueError, OSError) as error:
            return error, [str(path)]

    return read


def _begun(folder):
    """Return a run in the middle of an epoch, and its checkpoint."""
    text = folder / "a text"
    text.write_text(TEXT, encoding="utf-8")
    run = Run(Setting(corpus=str(text), **SMALL), cpu())
    for _ in range(2):
        for _ in run.updates_of_epoch():
            if run.epoch == 2 and run.batch == 3:
                return checkpoint.load(run.save(folder / "run"))
    raise AssertionError("an epoch has fewer minibatches")


def of_checkpoint(folder):
    """`checkpoint.load` and `latest`, mostly with the hash in the name that belongs to the file."""
    good = checkpoint.save(folder, {"a": numpy.ones((2, 3), "float32"), "b": numpy.int8(4)}, {}, 1)
    data = good.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    described = {"epoch": 1, "vocab": [["a", 2], ["b", None]]}

    def read(rng):
        how = rng.randrange(4)
        if how == 0:
            other = alter(rng, data)
        else:
            changed = copy.deepcopy(header)
            if how == 1:
                changed["__metadata__"]["meta"] = text_of(rng, described).decode(errors="replace")
            text = json.dumps(changed).encode() if how == 1 else text_of(rng, changed)
            size = len(text) if rng.random() < 0.9 else rng.choice([0, 2**63, len(text) + 1])
            other = size.to_bytes(8, "little") + text + (body if how < 3 else alter(rng, body))
        hash = checkpoint._hash(other) if rng.random() < 0.9 else "0" * 16
        path = folder / f"checkpoint-000000002-{hash}.safetensors"
        path.write_bytes(other)
        try:
            found, arrays, meta = checkpoint.latest(folder)
            assert found in (good, path) and isinstance(meta, dict)
            assert all(isinstance(array, numpy.ndarray) for array in arrays.values())
            if found == good:
                checkpoint.load(path)
                raise AssertionError("latest refused what load takes")
        except (ValueError, OSError) as error:
            return error, [str(path)]
        finally:
            path.unlink()

    return read


def _altered(rng, arrays, meta):
    arrays, meta = dict(arrays), copy.deepcopy(meta)
    if rng.random() < 0.2:
        name = rng.choice(list(arrays))
        array = arrays.pop(name)
        others = [
            array.T,
            array[..., None],
            array.astype("int32"),
            array * numpy.nan,
            array.ravel(),
        ]
        arrays[rng.choice([name, "state 1", ""])] = rng.choice(others)
    if rng.random() < 0.9:
        # Its entries are altered evenly, though the random state is the largest.
        name = rng.choice(list(meta))
        part = alter_json(rng, {name: meta.pop(name)})
        meta |= part if isinstance(part, dict) else {}
    return arrays, meta


def of_model(folder):
    """`load_model`, of arrays and meta that could be written."""
    good = _begun(folder)

    def read(rng):
        arrays, meta = _altered(rng, *good)
        try:
            model, vocab = load_model(arrays, meta, cpu())
        except ValueError as error:
            return error, [""]
        assert len(vocab) == 1 + len(meta["vocab"]) and vocab[meta["vocab"][0][0]] == 1
        for i, param in enumerate(model.parameters()):
            numpy.testing.assert_array_equal(param.asnumpy(), arrays[f"parameter {i}"])

    return read


def of_run(folder):
    """`Run`, as `train --resume` makes it, and its next update."""
    good = _begun(folder)

    def read(rng):
        arrays, meta = _altered(rng, *good)
        try:
            setting = Setting(**good[1]["setting"])
            run = Run(setting, cpu(), (arrays, meta))
        except (ValueError, OSError) as error:
            return error, [""]
        assert (run.epoch, run.batch, run.updates) == tuple(
            meta[name] for name in ("epoch", "batch", "updates")
        )
        next(run.updates_of_epoch(), None)

    return read


def of_notebook(folder):
    """`Book.last_run` and what `--check` makes of it."""
    for name in ("chapters", "book/records", "src"):
        (folder / name).mkdir(parents=True)
    (folder / "_config.yml").write_text((ROOT / "_config.yml").read_text())
    head = "---\nkernelspec:\n  name: python3\n  display_name: any\n---\n\n# A title\n"
    code = "\n```{code-cell} ipython3\n:tags: [gpu]\n6 * 7\n```\n"
    (folder / "chapters" / "one.md").write_text(head + code)
    book = runner.Book(folder, corpus.Corpus("timemachine", folder / "text", "0" * 64, ""))
    notebook = copy.deepcopy(book.notebooks["one"])
    notebook.metadata["d2l_gru"] = book.stamp(notebook, None)
    (cell,) = runner.code_cells(notebook)
    cell.execution_count = 1
    make = nbformat.v4.new_output
    cell.outputs = [
        make("stream", text="a\nb"),
        make("execute_result", {"text/plain": "42"}, execution_count=1),
        make("display_data", {"image/svg+xml": "<svg/>"}),
        make("error", ename="E", evalue="", traceback=["a"]),
    ]
    path = folder / "book" / "one.ipynb"
    good = json.loads(nbformat.writes(notebook))

    def read(rng):
        text = text_of(rng, good) if rng.random() < 0.8 else alter(rng, json.dumps(good).encode())
        path.write_bytes(text)
        try:
            old = book.last_run("one")
            nbformat.validate(old)
            assert book.is_stale(book.notebooks["one"], old) in (True, False)
            runner._text(old)
        except runner.ChapterError as error:
            return error, ["book/one.ipynb"]

    return read


def of_chapter(folder):
    """`Book.split`, of a chapter's text."""
    (folder / "chapters").mkdir()
    (folder / "_config.yml").write_text((ROOT / "_config.yml").read_text())
    (folder / "src").mkdir()
    book = runner.Book(folder, corpus.Corpus("timemachine", folder / "text", "0" * 64, ""))
    path = folder / "chapters" / "one.md"
    twins = "".join(
        f"\n```{{code-cell}} ipython3\n---\ntags: [{name}]\nnbval:\n  rtol: 1\n---\n1 + 1\n```\n"
        for name in ("mxnet", "torch")
    )
    head = "---\njupytext:\n  text_representation: {extension: .md}\nkernelspec:\n  name: python3\n"
    good = f"{head}  display_name: any\n---\n\n# A title\n{twins}\n+++\n\nThe end.\n".encode()

    def read(rng):
        path.write_bytes(alter(rng, good))
        try:
            for notebook in book.split(path).values():
                nbformat.validate(notebook)
        except runner.ChapterError as error:
            return error, ["chapters/one.md"]

    return read


READERS = {  # with how many inputs each is tried in `make test`
    of_corpus: 500,
    of_text: 800,
    of_checkpoint: 1000,
    of_model: 250,
    of_run: 250,
    of_notebook: 300,
    of_chapter: 100,
}


@pytest.mark.parametrize("reader", READERS)
def test_any_file_is_read_or_refused_by_name(reader, tmp_path, monkeypatch):
    monkeypatch.setenv("D2L_GRU_DATA", str(tmp_path))
    monkeypatch.setattr(corpus, "SHA256", "")
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)
    monkeypatch.chdir(tmp_path)
    read, refused, slowest = reader(tmp_path), 0, 0.0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)
        warnings.filterwarnings("ignore", category=FutureWarning, module="nbformat")
        for number in range(READERS[reader] * TIMES):
            start = time.process_time()
            try:
                said = read(random.Random(number))
            except Exception as error:
                raise AssertionError(f"{reader.__name__}, input {number}: {error!r}") from error
            if said is not None:
                error, names = said
                refused += 1
                assert all(name in str(error) for name in names), f"input {number}: {error!r}"
            slowest = max(slowest, time.process_time() - start)
    assert 0 < refused < READERS[reader] * TIMES  # some are read
    assert slowest < SECONDS
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MEGABYTES
    print(f"{reader.__name__}: {refused} refused, {slowest:.2f} s at most, {grown:.0f} MB more")
