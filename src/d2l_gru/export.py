"""The command ``export``: the weights of a concise model as a script for the pages of the book.

A page that is opened as a file may load scripts, and nothing else.  So the weights are a script
that sets an entry of ``gruModels``; each row of a matrix is kept as int8 with a scale of its own.
"""

import base64
import json
from pathlib import Path

import numpy

from d2l_gru._checks import check_int
from d2l_gru.runs.cli import guarded

NAMES = ("W_x", "W_h", "b_x", "b_h", "W_q", "b_q")
_LARGEST = numpy.finfo("float32").max / 256  # of a scale, times any int8
_PREFIX = "(globalThis.gruModels ??= {})"


def quantise(array):
    """Round each row of a matrix to 255 steps of its largest magnitude.

    Args:
        array: float32 (rows, columns), or (rows,), which is kept as one row.

    Returns:
        An int8 array (rows, columns) and float32 scales (rows,), whose product is the array within
        half a scale.
    """
    rows = numpy.atleast_2d(numpy.asarray(array, dtype="float32"))
    scales = numpy.abs(rows).max(axis=1) / 127
    scales[scales < numpy.finfo("float32").tiny] = 1  # below, a scale has too few bits for a step
    return numpy.rint(rows / scales[:, None]).astype("int8"), scales.astype("float32")


def pack(params):
    """Return parameters as text: for each array its scales and then its int8 values, in base64.

    Args:
        params: dict with the keys of NAMES, as from `weights`.
    """
    parts = []
    for name in NAMES:
        values, scales = quantise(params[name])
        parts += [scales.astype("<f4").tobytes(), values.tobytes()]
    return base64.b64encode(b"".join(parts)).decode()


def shapes(num_hiddens, vocab_size):
    """Return the shape of each array of NAMES; gates are stacked r, z, n, as MXNet does."""
    gates = 3 * num_hiddens
    return dict(
        zip(
            NAMES,
            [(gates, vocab_size), (gates, num_hiddens), (gates,), (gates,),
             (vocab_size, num_hiddens), (vocab_size,)],
            strict=True,
        )
    )  # fmt: skip


def unpack(text, num_hiddens, vocab_size):
    """Undo `pack`, but for the rounding: return a dict of float32 arrays.

    Raises:
        ValueError: the text is not base64, or has another length than these sizes need, or a scale
            is none.
    """
    data, found, at = base64.b64decode(text, validate=True), {}, 0
    sizes = shapes(num_hiddens, vocab_size)
    rows_of = {name: shape if len(shape) == 2 else (1, *shape) for name, shape in sizes.items()}
    needed = sum(4 * rows + rows * columns for rows, columns in rows_of.values())
    if len(data) != needed:
        raise ValueError(f"{num_hiddens} hidden units need {needed} bytes, not {len(data)}")
    for name, (rows, columns) in rows_of.items():
        scales = numpy.frombuffer(data, "<f4", rows, at)
        if not ((scales > 0) & (scales < _LARGEST)).all():
            raise ValueError(f"a scale of {name} is none")
        values = numpy.frombuffer(data, "int8", rows * columns, at + 4 * rows)
        found[name] = (values.reshape(rows, columns) * scales[:, None]).reshape(sizes[name])
        at += 4 * rows + rows * columns
    return found


def weights(model):
    """Return the arrays of a concise model of one layer, by the names of NAMES.

    Raises:
        ValueError: it is no `RNNModel` with one GRU layer.
    """
    arrays = [param.asnumpy() for param in model.parameters()]
    return _named(arrays, type(getattr(model, "rnn", None)).__name__ == "GRU")


def _named(arrays, concise):
    if len(arrays) != len(NAMES) or not concise:
        raise ValueError("only a concise model with one GRU layer can be exported")
    return dict(zip(NAMES, arrays, strict=True))


def write(path, name, snapshots, vocab, about):
    """Write a script that sets ``gruModels[name]``.

    Args:
        path: where to; a file that is there is replaced.
        name: of the model.
        snapshots: list of dicts with ``params`` (as from `weights`) and what else to keep of the
            moment, such as ``epoch`` and ``perplexity``.
        vocab: `Vocab` of characters.
        about: dict of what else to keep, such as corpus, date and device.
    """
    num_hiddens = len(snapshots[0]["params"]["W_h"]) // 3
    entry = {
        "name": name,
        "tokens": vocab.idx_to_token,
        "numHiddens": num_hiddens,
        **about,
        "snapshots": [{**snapshot, "params": pack(snapshot["params"])} for snapshot in snapshots],
    }
    text = f"{_head(name)}{json.dumps(entry, indent=0)};\n"
    temporary = Path(path).with_name(f".{Path(path).name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _head(name):
    return f"{_PREFIX}[{json.dumps(name)}] = "


def read(path):
    """Return the entry that a script of `write` sets, its ``params`` unpacked.

    Raises:
        ValueError: the file is no such script.
    """
    data = Path(path).read_bytes()
    try:
        text, start = data.decode("utf-8"), f"{_PREFIX}["
        if not text.startswith(start):
            raise ValueError(f"it does not start with {start}")
        name, _ = json.JSONDecoder().raw_decode(text, len(start))
        entry = json.loads(text.removeprefix(_head(name)).rstrip().removesuffix(";"))
        sizes = check_int("numHiddens", entry["numHiddens"], 1), len(entry["tokens"])
        for snapshot in entry["snapshots"]:
            snapshot["params"] = unpack(snapshot["params"], *sizes)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is no script of exported weights: {error!r}") from None
    return entry


def to_model(params, device):
    """Return an `RNNModel` with these parameters, as from `unpack` or `weights`."""
    from d2l_gru.mxnet._import import gluon, np
    from d2l_gru.mxnet.concise import RNNModel

    vocab_size, num_hiddens = params["W_q"].shape
    model = RNNModel(gluon.rnn.GRU(num_hiddens), vocab_size)
    model.prepare(device)
    model(np.zeros((1, 1), dtype="int32", ctx=device), model.begin_state(1, device))  # all shapes
    for param, name in zip(model.parameters(), NAMES, strict=True):
        param[:] = np.array(params[name], ctx=device)
    return model


def add_parser(subparsers):
    """Add the command ``export``."""
    parser = subparsers.add_parser("export", help="write a checkpoint's weights as a script")
    parser.add_argument("checkpoint", help="a checkpoint of a concise model, or the folder of some")
    parser.add_argument("script", metavar="FILE", help="where to, such as gru.js")
    parser.set_defaults(run=lambda options: guarded(_export, options))


def _export(options):
    """Write the script of a checkpoint, of which no framework is needed."""
    from d2l_gru.runs.run import load_vocab, read_checkpoint

    script = Path(options.script)
    path, arrays, meta = read_checkpoint(options.checkpoint)
    params = [arrays[name] for name in sorted(arrays) if name.startswith("parameter ")]
    params = _named(params, meta["setting"]["model"] == "concise")
    if not all(numpy.isfinite(array).all() for array in params.values()):
        raise ValueError(f"{path}: the parameters are not finite: the training diverged")
    history = meta["history"]["perplexity"]
    moment = {"params": params, "epoch": len(history)}
    if history:
        moment["perplexity"] = history[-1]
    write(script, script.stem, [moment], load_vocab(meta), {"corpusSha256": meta["corpus_sha256"]})
    print(f"{script}: {script.stat().st_size:,} bytes")
    return 0
