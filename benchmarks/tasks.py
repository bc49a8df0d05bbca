"""Train the networks of the chapter "What gates are for", with the functions of its own cells.

Writes book/records/tasks.json.  Takes about an hour on one core.  Each run is kept in
_build/tasks-*.jsonl as soon as it ends, so a second call goes on where the first was stopped.
"""

import datetime
import json
import os
import platform
import time
from pathlib import Path

import jupytext

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "book" / "records" / "tasks.json"
LAGS = (10, 20, 50, 100, 200)
OPEN = (
    ("GRU", {"Z": 3}),
    ("LSTM", {"F": 3}),
    ("LSTM", {"F": 3, "I": -3}),
    ("orthogonal", {}),
    ("identity", {}),
)
SHUT = (("GRU", {}), ("LSTM", {}), ("plain", {}))
TEXT = {"batch_size": 32, "num_steps": 35, "num_hiddens": 256, "lr": 1, "num_epochs": 50}
SETTING = {
    "lags": LAGS,
    "seeds": 5,
    "num_hiddens": 32,
    "batch_size": 32,
    "lr": 0.005,
    "most": 600,
    "sums": {"units": (1, 2, 4), "marked": 0.2, "lr": 0.02, "updates": 400},
    "text": TEXT,
}


def chapter():
    """Return the names that the chapter's cells tagged `bench` define."""
    names = {}
    for cell in jupytext.read(ROOT / "chapters" / "tasks.md").cells:
        if "bench" in cell.metadata.get("tags", []):
            exec(cell.source, names)
    return names


def jobs():
    """Yield the arguments of each run, those that the page needs most first."""
    for lag in LAGS[:3]:
        yield from race(lag, SHUT + OPEN)
    for seed in range(5):
        for bias in ({"Z": -3}, {"R": 3}, {"Z": 1}, {"Z": 2}, {"Z": 5}):
            yield {"task": "recall", "kind": "GRU", "lag": 50, "seed": seed, "bias": bias}
    for units, marked in ((1, 0.2), (1, 0), (2, 0.2), (4, 0.2)):
        for seed in range(5):
            for held in (False, True):
                yield {"task": "sums", "units": units, "held": held, "marked": marked, "seed": seed}
    for seed in range(5):
        for bias in (0, 3, -3):
            yield {"task": "text", "seed": seed, "bias": bias}
    yield from race(LAGS[3], OPEN + SHUT)
    for seed in range(3):  # is it the learning rate, or the patience?
        for setting in ({"lr": 0.001}, {"most": 2000}):
            yield {"task": "recall", "kind": "GRU", "lag": 50, "seed": seed, **setting}
    for lag in LAGS[2:]:
        both, seeds = (SHUT + OPEN, 3) if lag < LAGS[4] else (SHUT[:1] + OPEN[:1], 5)
        yield from race(lag, both, seeds, lr=0.02)
    for lag in LAGS[2:4]:
        yield from race(lag, OPEN + SHUT, 3, lr=0.001)
    yield from race(LAGS[4], OPEN[:2], 3, lr=0.001)
    yield from race(LAGS[4], OPEN + SHUT)


def race(lag, networks, seeds=5, **setting):
    """Yield the runs of these networks at one lag."""
    for seed in range(seeds):
        for kind, bias in networks:
            job = {"task": "recall", "kind": kind, "lag": lag, "seed": seed} | setting
            yield job | ({"bias": bias} if bias else {})


def learn_text(seed, bias):
    """Train the concise GRU of the book and return its perplexity after each epoch."""
    from mxnet.gluon import rnn

    import d2l_gru as d2l

    d2l.set_seed(seed)
    device = d2l.try_gpu()
    train_iter, vocab = d2l.load_data_time_machine(TEXT["batch_size"], TEXT["num_steps"])
    units = TEXT["num_hiddens"]
    layer = rnn.GRU(units, input_size=len(vocab))
    model = d2l.RNNModel(layer, len(vocab))
    model.prepare(device)
    layer.l0_i2h_bias.data()[units : 2 * units] += bias
    history = d2l.train(model, train_iter, TEXT["lr"], TEXT["num_epochs"], device)
    return [round(value, 3) for value in history.perplexity]


def write(runs):
    """Write the record of these runs."""
    from mxnet import __version__ as mxnet_version

    tasks = {"recall": [], "sums": [], "text": []}
    for run in runs:
        job = run["job"]
        usual = {name: SETTING[name] for name in ("lr", "most")} | {"bias": {}}
        run = (usual if job["task"] == "recall" else {}) | job | run
        tasks[job["task"]].append({name: run[name] for name in run if name not in ("job", "task")})
    record = {
        "what": "updates until the networks of the chapter recall a symbol; errors of sums since "
        "the last mark with and without a reset gate; perplexity of the concise GRU by epoch",
        "date": datetime.date.today().isoformat(),
        "device": "2 CPU cores",
        "versions": {"python": platform.python_version(), "mxnet": mxnet_version},
        "setting": SETTING,
    }
    RECORD.write_text(json.dumps(record | tasks) + "\n")


def main():
    os.environ["OMP_NUM_THREADS"] = "1"
    learned = chapter()
    kept = ROOT / "_build" / "tasks.jsonl"
    kept.parent.mkdir(exist_ok=True)
    kept.touch()
    runs = {}
    for line in kept.read_text().splitlines():
        run = json.loads(line)
        runs[json.dumps(run["job"])] = run
    for job in jobs():
        if json.dumps(job) in runs:
            continue
        began = time.process_time()
        run = {"job": job}
        task, setting = job["task"], {name: job[name] for name in job if name != "task"}
        if task == "recall":
            run["updates"], share = learned["learn"](**setting)
            run["right"] = round(share, 4)
        elif task == "sums":
            run["error"] = round(learned["learn_sums"](**setting), 4)
        else:
            run["perplexity"] = learn_text(**setting)
        runs[json.dumps(job)] = run
        print(json.dumps(run), round(time.process_time() - began, 1), flush=True)
        with kept.open("a") as file:
            file.write(json.dumps(run) + "\n")
    write(runs[json.dumps(job)] for job in jobs())


if __name__ == "__main__":
    main()
