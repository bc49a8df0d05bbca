"""Train the concise GRU of the book with five seeds, and record their perplexities.

Writes book/records/concise-seeds.json, from which the chapter "GRU, concise" draws its band.
Takes about ten minutes on two cores; the chapter itself trains one of the seeds again.
"""

import datetime
import json
import platform
from pathlib import Path

from mxnet import __version__ as mxnet_version
from mxnet.gluon import rnn

import d2l_gru as d2l
from d2l_gru import corpus

RECORD = Path(__file__).parents[1] / "book" / "records" / "concise-seeds.json"
SETTING = {"batch_size": 32, "num_steps": 35, "num_hiddens": 256, "lr": 1, "num_epochs": 500}


def run(seed):
    """Return the perplexity after each epoch of the book's setting, started from `seed`."""
    d2l.set_seed(seed)
    device = d2l.try_gpu()
    train_iter, vocab = d2l.load_data_time_machine(SETTING["batch_size"], SETTING["num_steps"])
    model = d2l.RNNModel(rnn.GRU(SETTING["num_hiddens"]), len(vocab))
    history = d2l.train(model, train_iter, SETTING["lr"], SETTING["num_epochs"], device)
    print(f"seed {seed}: perplexity {history.perplexity[-1]:.3f}", flush=True)
    return [round(ppl, 4) for ppl in history.perplexity]


def main():
    text = corpus.find()
    if text.name != "timemachine":
        raise SystemExit(f"the record is made from The Time Machine, but {text.reason}")
    record = {
        "what": "training perplexity of the concise GRU, by seed and epoch",
        "date": datetime.date.today().isoformat(),
        "device": str(d2l.try_gpu()),
        "versions": {"python": platform.python_version(), "mxnet": mxnet_version},
        "corpus_sha256": text.sha256,
        "setting": SETTING,
        "perplexity": {str(seed): run(seed) for seed in range(5)},
    }
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
