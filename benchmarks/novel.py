"""Train the networks of the chapter "A model that works", and record how they do on new text.

The functions are the chapter's own: its cells tagged `bench`.  Writes book/records/novel.json.
Each finished run is saved in _build/novel, so that a second call goes on where the first stopped;
the weights are not part of the record.  Takes about an hour and a half of one core.
"""

import datetime
import json
import os
import platform
import sys
from pathlib import Path

import jupytext
import numpy

ROOT = Path(__file__).parents[1]
CHAPTER, RECORD = ROOT / "chapters" / "novel.md", ROOT / "book" / "records" / "novel.json"
ASIDE = ROOT / "_build" / "novel"
TRAIN = "--finished" not in sys.argv  # else write what is finished
EPOCHS, UNITS = 12, 128
RATES = 0.0025, 0.004, 0.006, 0.01, 0.015, 0.025, 0.04, 0.06  # each row climbs from START
START = 0.006  # by its first seed
MAIN = {"kind": "GRU", "num_hiddens": UNITS}
# How each row differs from MAIN, with the arguments of `build` and of `fit`; and its seeds.
ROWS = {
    "GRU, two layers": ({"layers": 2}, {}, 5),
    "GRU": ({}, {}, 5),
    "LSTM": ({"kind": "LSTM"}, {}, 5),
    "plain": ({"kind": "plain"}, {}, 5),
    "LSTM, two layers": ({"kind": "LSTM", "layers": 2}, {}, 5),
    "plain, two layers": ({"kind": "plain", "layers": 2}, {}, 5),
    "GRU, 256 units": ({"num_hiddens": 256}, {}, 1),
}
# The same for rows that take the rate of the first one.
VARIANTS = {
    "no dropout": ({"layers": 2, "dropout": 0}, {}, 1),
    "constant rate": ({"layers": 2}, {"fall": False}, 1),
    "fixed seams": ({"layers": 2}, {"move": False}, 1),
    "none of them": ({"layers": 2, "dropout": 0}, {"fall": False, "move": False}, 1),
    "half the text": ({"layers": 2}, {"share": 2, "epochs": 2 * EPOCHS}, 1),
    "a quarter of the text": ({"layers": 2}, {"share": 4, "epochs": 4 * EPOCHS}, 1),
}
LIVE = ({"num_hiddens": 64}, {"epochs": 2}, 5)  # what the chapter trains itself, at START
ALL = ROWS | VARIANTS | {"live": LIVE}


def functions():
    """Return the names that the chapter's cells tagged bench define."""
    names = {}
    for cell in jupytext.read(CHAPTER).cells:
        if "bench" in cell.metadata.get("tags", []):
            exec(cell.source, names)  # noqa: S102
    return names


def run(book, row, seed, rate):
    """Train a row's network from `seed`, unless that is done; return its numbers."""
    path = ASIDE / f"{row}-{seed}-{rate}.json"
    if path.is_file():
        return json.loads(path.read_text())
    if not TRAIN:
        return None
    build, fit, _ = ALL[row]
    fit = {"epochs": EPOCHS, "lr": rate} | fit
    fit["text"] = book["train"][-(len(book["train"]) // fit.pop("share", 1)) :]
    model = book["build"](**MAIN | {"seed": seed} | build)
    curve, best = book["fit"](model, **fit)
    first, second, end = book["first"], book["second"], len(book["ids"])
    last = book["bits"](book["log2_p"](model, second, end))
    book["restore"](model, best)
    log_p = book["log2_p"](model, first, end)
    numbers = {
        "train": [round(train, 4) for train, _ in curve],
        "valid": [round(valid, 4) for _, valid in curve],
        "last": round(last, 4),
        "test": round(book["bits"](log_p[second - first :]), 4),
        "epoch": 1 + min(range(len(curve)), key=lambda epoch: curve[epoch][1]),
        "parameters": sum(array.size for array in model.parameters()),
    }
    numpy.save(f"{path}.npy", log_p)
    model.save_parameters(f"{path}.params")
    path.write_text(json.dumps(numbers))
    print(row, seed, rate, numbers["valid"][numbers["epoch"] - 1], numbers["test"], flush=True)
    return numbers


def climb(book, row):
    """Try the rates beside START, and on in that direction while valid gets better."""
    tried = {}

    def valid(at):
        numbers = run(book, row, 0, RATES[at]) if 0 <= at < len(RATES) else None
        if numbers:
            tried[RATES[at]] = min(numbers["valid"])
        return tried[RATES[at]] if numbers else float("inf")

    best = RATES.index(START)
    for step in (1, -1):
        while valid(best + step) < valid(best):
            best += step
    return {"valid": dict(sorted(tried.items())), "chosen": RATES[best]}


def together(book, logs):
    """Return bits on test of logs, each log2 p of valid and test, with weights chosen on valid.

    Args:
        logs: two arrays, of which the second's share is chosen; or one.
    """
    cut, (one, *others) = book["second"] - book["first"], logs
    if not others:
        return {"test": round(book["bits"](one[cut:]), 4)}
    mixed = {}
    for share in numpy.arange(0.05, 1, 0.05):
        mixed[round(float(share), 2)] = numpy.log2((1 - share) * 2**one + share * 2 ** others[0])
    share = min(mixed, key=lambda share: book["bits"](mixed[share][:cut]))
    return {"share": share, "test": round(book["bits"](mixed[share][cut:]), 4)}


def known(text, words):
    """Return the share of a text's words that are among `words`; its first and last may be cut."""
    inside = text.split()[1:-1]
    return sum(word in words for word in inside) / len(inside)


def sample(book, models, counted, setting, share):
    """Choose the temperature by the share of known words, and write the first 700 characters."""
    words = set(to_text(book, book["train"]).split())
    shares = {}
    for temperature in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        text = book["write"](models, counted, setting, share, temperature, 1000, seed=1)
        shares[temperature] = round(known(text, words), 4)
    temperature = max(t for t in shares if shares[t] >= 0.95)
    return {
        "known on valid": round(known(to_text(book, book["valid"]), words), 4),
        "known by temperature": shares,
        "temperature": temperature,
        "seed": 0,
        "text": book["write"](models, counted, setting, share, temperature, 700, seed=0),
    }


def to_text(book, ids):
    return "".join(book["vocab"].to_tokens(ids.tolist()))


def reach(book, model):
    """Return bits on test when the network is given the last characters only."""
    rng, places = numpy.random.default_rng(0), range(book["second"] + 200, len(book["ids"]))
    places, strangers = rng.choice(places, 2000), rng.choice(places, 2000)
    lengths = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
    found = {"seed": 0, "lengths": lengths, "zeros": [], "elsewhere": []}
    for k in lengths:
        for name, before in (("zeros", None), ("elsewhere", strangers)):
            log_p = book["log2_p_given"](model, places, k, before)
            found[name].append(round(book["bits"](log_p), 4))
    return found


def write(book, rows, tried):
    """Write the record of the rows that are finished."""
    from mxnet import __version__ as mxnet_version

    from d2l_gru import corpus

    first, second = book["first"], book["second"]
    best = min(ROWS, key=lambda row: min(min(run["valid"]) for run in rows[row].values()))
    seeds = sorted(rows[best], key=lambda seed: min(rows[best][seed]["valid"]))
    saved = [str(ASIDE / f"{best}-{seed}-{tried[best]['chosen']}.json") for seed in seeds]
    logs = [numpy.load(f"{path}.npy").astype("float64") for path in saved]
    average = numpy.log2(numpy.mean([2**log_p for log_p in logs], axis=0))
    settings = [(order, weight) for order in range(10) for weight in (1, 2, 4, 8, 16)]
    counted = book["count"](book["train"], 9, len(book["vocab"]))
    tables = {
        setting: numpy.log2(book["table"](counted, book["ids"], first, *setting, 28))
        for setting in settings
    }
    setting = min(settings, key=lambda s: book["bits"](tables[s][: second - first]))
    mixture = together(book, [tables[setting], average])
    models = []
    for path in saved:
        models.append(book["build"](**MAIN | {"seed": 0} | ROWS[best][0]))
        models[-1].load_parameters(f"{path}.params")
    model = models[0]
    record = {
        "what": "bits a character of networks trained on the first 85 % of The Time Machine, on "
        "the next 5 % (valid) and the last 10 % (test), by row and seed",
        "date": datetime.date.today().isoformat(),
        "device": "2 CPU cores",
        "versions": {"python": platform.python_version(), "mxnet": mxnet_version},
        "corpus_sha256": corpus.find().sha256,
        "setting": {
            "units": UNITS,
            "epochs": EPOCHS,
            "start": START,
            "rows": {row: ALL[row][:2] for row in ALL},
        },
        "rates": tried,
        "rows": rows,
        "best": {"row": best, "seed": seeds[0]},
        "together": {
            "table": {"setting": setting} | together(book, [tables[setting]]),
            "one network and the table": together(book, [tables[setting], logs[0]]),
            "networks": {"count": len(logs)} | together(book, [average]),
            "networks and the table": mixture,
        },
        "on the first 10,000 characters": round(
            book["bits"](book["log2_p"](model, 128, 10_000)), 4
        ),
        "reach": reach(book, model),
        "sample": sample(book, models, counted, setting, mixture["share"]),
    }
    RECORD.write_text(json.dumps(record) + "\n")


def main():
    os.environ["OMP_NUM_THREADS"] = "1"
    ASIDE.mkdir(parents=True, exist_ok=True)
    book, rows, tried = functions(), {row: {} for row in ALL}, {}
    for row in ROWS:
        tried[row] = climb(book, row)
    rates = {row: tried[row]["chosen"] for row in ROWS} | {"live": START}
    rates |= dict.fromkeys(VARIANTS, rates["GRU, two layers"])
    for seed in range(5):
        for row in ALL:
            if seed < ALL[row][2] and (numbers := run(book, row, seed, rates[row])):
                rows[row][str(seed)] = numbers
    write(book, rows, tried)


if __name__ == "__main__":
    main()
