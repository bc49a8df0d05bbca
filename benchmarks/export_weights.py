"""Write the weights of networks as scripts for the pages of the book.

``python benchmarks/export_weights.py`` trains the two networks that readers hold in the page, and
writes book/widgets/*-weights.js anew, in three minutes on two cores: gru-256 is the concise model
of the book, after its 500 epochs; gru-32 is a small one, at 30 moments of its training.

A page that is opened as a file may load scripts, and nothing else.  So the weights are a script
that sets an entry of ``gruModels``; each row of a matrix is kept as int8 with a scale of its own.
"""

import base64
import datetime
import json
from pathlib import Path

import numpy
from mxnet import cpu, gluon, np
from mxnet.gluon import rnn

import d2l_gru as d2l
from d2l_gru import corpus

WIDGETS = Path(__file__).resolve().parent.parent / "book" / "widgets"
EPOCHS, MOMENTS = 500, 30
NAMES = ("W_x", "W_h", "b_x", "b_h", "W_q", "b_q")  # gates are stacked r, z, n, as MXNet does


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
    """Return a dict of arrays, by the names of NAMES, as text: scales and int8 values in base64."""
    parts = []
    for name in NAMES:
        values, scales = quantise(params[name])
        parts += [scales.astype("<f4").tobytes(), values.tobytes()]
    return base64.b64encode(b"".join(parts)).decode()


def unpack(text, num_hiddens, vocab_size):
    """Undo `pack`, but for the rounding: return a dict of float32 arrays."""
    gates = 3 * num_hiddens
    shapes = [(gates, vocab_size), (gates, num_hiddens), (1, gates), (1, gates)]
    shapes += [(vocab_size, num_hiddens), (1, vocab_size)]
    data, params, at = base64.b64decode(text), {}, 0
    for name, (rows, columns) in zip(NAMES, shapes, strict=True):
        scales = numpy.frombuffer(data, "<f4", rows, at)
        values = numpy.frombuffer(data, "int8", rows * columns, at + 4 * rows)
        array = values.reshape(rows, columns) * scales[:, None]
        params[name] = array[0] if name.startswith("b") else array
        at += rows * (4 + columns)
    return params


def weights(model):
    """Return the arrays of a concise model of one GRU layer, by the names of NAMES."""
    return dict(zip(NAMES, (param.asnumpy() for param in model.parameters()), strict=True))


def to_model(params):
    """Return an `RNNModel` with these parameters, as from `unpack` or `weights`."""
    vocab_size, num_hiddens = params["W_q"].shape
    model = d2l.RNNModel(rnn.GRU(num_hiddens, input_size=vocab_size), vocab_size)
    model.prepare(cpu())
    model(np.zeros((1, 1), dtype="int32"), model.begin_state(1))  # all shapes
    for param, name in zip(model.parameters(), NAMES, strict=True):
        param[:] = np.array(params[name])
    return model


def write(path, snapshots, vocab, about):
    """Write a script that sets ``gruModels[name]``, of the name that its file begins with.

    Args:
        path: NAME-weights.js, where to.
        snapshots: list of dicts with ``params`` (as from `weights`) and what else to keep of the
            moment, such as ``epoch`` and ``perplexity``.
        vocab: `Vocab` of characters.
        about: dict of what else to keep, such as corpus, date and device.
    """
    entry = {
        "name": (name := path.stem.removesuffix("-weights")),
        "tokens": vocab.idx_to_token,
        "numHiddens": snapshots[0]["params"]["W_h"].shape[1],
        **about,
        "snapshots": [{**snapshot, "params": pack(snapshot["params"])} for snapshot in snapshots],
    }
    text = f"(globalThis.gruModels ??= {{}})[{json.dumps(name)}] = {json.dumps(entry, indent=0)};\n"
    path.write_text(text, encoding="utf-8")


def read(path):
    """Return the entry that a script of `write` sets, its ``params`` unpacked."""
    text = path.read_text(encoding="utf-8")
    entry = json.loads(text[text.index("= {\n") + 2 :].rstrip(";\n"))
    for snapshot in entry["snapshots"]:
        snapshot["params"] = unpack(snapshot["params"], entry["numHiddens"], len(entry["tokens"]))
    return entry


def moments(epochs, count):
    """Return `count` epochs from 1 to `epochs`, dense at first."""
    chosen = sorted({round(epochs ** (i / (count - 1))) for i in range(count)})
    missing = (epoch for epoch in range(2, epochs) if epoch not in chosen)
    return sorted([*chosen, *(next(missing) for _ in range(count - len(chosen)))])


def evaluate(model, ids):
    """Return the perplexity on a text, read in one go."""
    X, Y = np.array([ids[:-1]], dtype="int32"), np.array(ids[1:], dtype="int32")
    logits, _ = model(X, model.begin_state(1, cpu()))
    return d2l.perplexity(float(gluon.loss.SoftmaxCrossEntropyLoss()(logits, Y).mean()))


def train(name, num_hiddens, keep):
    train_iter, vocab = d2l.load_data_time_machine(32, 35)
    ids, _ = d2l.load_corpus_time_machine(10_000)
    d2l.set_seed(0)
    model, kept = d2l.RNNModel(rnn.GRU(num_hiddens), len(vocab)), []

    def after_epoch(epoch, history):
        if epoch in keep:
            ppl = round(history.perplexity[-1], 3)
            kept.append({"params": weights(model), "epoch": epoch, "perplexity": ppl})

    history = d2l.train(model, train_iter, 1, EPOCHS, cpu(), on_epoch=after_epoch)
    rounded = to_model(unpack(pack(kept[-1]["params"]), num_hiddens, len(vocab)))
    about = {
        "corpusSha256": corpus.find().sha256,
        "date": datetime.date.today().isoformat(),
        "device": "cpu",
        "perplexity": [round(value, 3) for value in history.perplexity],
        # On the text that it was trained on: as trained, and with the weights of the script.
        "asTrained": round(evaluate(model, ids), 4),
        "asShipped": round(evaluate(rounded, ids), 4),
        "text": "".join(vocab.to_tokens(ids)) if name == "gru-256" else "",
    }
    write(WIDGETS / f"{name}-weights.js", kept, vocab, about)
    print(name, about["asTrained"], about["asShipped"], history.perplexity[-1])


if __name__ == "__main__":
    train("gru-32", 32, moments(EPOCHS, MOMENTS))
    train("gru-256", 256, [EPOCHS])
