"""The concise model with one of its sizes changed: scale.layers_4 has four layers.

The corpus is a file of ids, which is mapped into memory, not read as a whole.  A turn takes about
as many operations at each size.
"""

import itertools
from pathlib import Path

import numpy
from mxnet import cpu
from task import BATCH_SIZE, CLIP, LR, MAX_TOKENS, NUM_HIDDENS, NUM_STEPS

import d2l_gru as d2l
from d2l_gru.mxnet.concise import FastGRU

SETTING = {
    "corpus": 1_000_000,
    "rows": BATCH_SIZE,
    "steps": NUM_STEPS,
    "units": NUM_HIDDENS,
    "layers": 1,
}
MINIBATCHES = 24  # of a turn, at the setting


def write_ids(path, ids, length):
    """Write ids, one byte each and over and over, until the file has this length."""
    if not path.exists() or path.stat().st_size != length:
        with open(path, "wb") as file:
            for start in range(0, length, len(ids)):
                file.write(ids[: length - start])


def operations(rows, steps, units, layers, **_):
    """Return about how many operations a minibatch takes, without a factor."""
    return rows * steps * layers * units**2


def __getattr__(name):
    """Return a contender such as `units_512`."""
    axis, _, size = name.partition("_")
    if axis not in SETTING:
        raise AttributeError(name)
    setting = SETTING | {axis: int(size)}

    def contender():
        d2l.set_seed(0)
        ids, vocab = d2l.load_corpus_time_machine(MAX_TOKENS)
        path = Path(f"{setting['corpus']}.ids")
        write_ids(path, bytes(ids), setting["corpus"])
        corpus = numpy.memmap(path, "uint8", mode="r")
        loader = d2l.SeqDataLoader(corpus, setting["rows"], setting["steps"])
        model = d2l.RNNModel(FastGRU(setting["units"], setting["layers"]), len(vocab))
        model.prepare(cpu())
        share = operations(**SETTING) / operations(**setting)
        minibatches = itertools.chain.from_iterable(itertools.repeat(loader))
        times = max(2, round(MINIBATCHES * share))

        def turn():
            d2l.train_epoch(model, itertools.islice(minibatches, times), LR, cpu(), CLIP)
            return times * setting["rows"] * setting["steps"]

        return turn

    return contender
