"""Train the concise GRU of the book with five seeds, and record what differs between them.

Writes book/records/concise-seeds.json, from which the chapter "GRU, concise" draws its band.
Takes about ten minutes on two cores; the chapter itself trains one of the seeds again.
"""

import datetime
import json
import multiprocessing
import os
import platform
from pathlib import Path

RECORD = Path(__file__).parents[1] / "book" / "records" / "concise-seeds.json"
SETTING = {"batch_size": 32, "num_steps": 35, "num_hiddens": 256, "lr": 1, "num_epochs": 500}


def evaluate(model, tokens, device):
    """Return the perplexity of a model on a text, read in consecutive minibatches."""
    from mxnet import gluon

    import d2l_gru as d2l

    loss, losses = gluon.loss.SoftmaxCrossEntropyLoss(), []
    state = model.begin_state(SETTING["batch_size"], device)
    for X, Y in d2l.SeqDataLoader(tokens, SETTING["batch_size"], SETTING["num_steps"]):
        Y_hat, state = model(X.as_in_ctx(device), state)
        losses.append(float(loss(Y_hat, Y.as_in_ctx(device).T.reshape(-1)).mean()))
    return d2l.perplexity(sum(losses) / len(losses))


def run(seed):
    """Train the book's setting from `seed`.

    Returns:
        The perplexity and the largest gradient norm of each epoch, and the perplexity of the
        trained model on as many characters after those of training.
    """
    from mxnet.gluon import rnn

    import d2l_gru as d2l

    d2l.set_seed(seed)
    device = d2l.try_gpu()
    train_iter, vocab = d2l.load_data_time_machine(SETTING["batch_size"], SETTING["num_steps"])
    model = d2l.RNNModel(rnn.GRU(SETTING["num_hiddens"]), len(vocab))
    history = d2l.train(model, train_iter, SETTING["lr"], SETTING["num_epochs"], device)
    print(f"seed {seed}: perplexity {history.perplexity[-1]:.3f}", flush=True)
    corpus, _ = d2l.load_corpus_time_machine(max_tokens=20_000)
    unseen = evaluate(model, corpus[10_000:], device)
    curves = history.perplexity, history.gradient_norm
    return [*([round(value, 4) for value in curve] for curve in curves), round(unseen, 4)]


def main():
    os.environ["OMP_NUM_THREADS"] = "1"  # as many runs as cores, side by side
    from mxnet import __version__ as mxnet_version

    import d2l_gru as d2l
    from d2l_gru import corpus

    text = corpus.find()
    if text.name != "timemachine":
        raise SystemExit(f"the record is made from The Time Machine, but {text.reason}")
    seeds = range(5)
    with multiprocessing.get_context("spawn").Pool() as pool:
        runs = dict(zip(map(str, seeds), pool.map(run, seeds, chunksize=1), strict=True))
    what = ("perplexity", "gradient_norm", "unseen")
    record = {
        "what": "training perplexity and largest gradient norm of the concise GRU, by seed and "
        "epoch, and its perplexity on the 10,000 characters after those of training",
        "date": datetime.date.today().isoformat(),
        "device": str(d2l.try_gpu()),
        "versions": {"python": platform.python_version(), "mxnet": mxnet_version},
        "corpus_sha256": text.sha256,
        "setting": SETTING,
    } | {name: {seed: run[i] for seed, run in runs.items()} for i, name in enumerate(what)}
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
