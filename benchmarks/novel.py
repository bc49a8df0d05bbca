"""Train the networks of the chapter "A model that works", and record how they do on new text.

The functions are the chapter's own: its cells tagged `bench`.  Writes book/records/novel.json.
Each finished run is saved in _build/novel, so that a second call goes on where the first stopped;
the weights are not part of the record.  Takes about half an hour of one core.
"""

import datetime
import json
import os
import platform
from pathlib import Path

import jupytext
import numpy

ROOT = Path(__file__).parents[1]
CHAPTER, RECORD = ROOT / "chapters" / "novel.md", ROOT / "book" / "records" / "novel.json"
ASIDE = ROOT / "_build" / "novel"
EPOCHS, UNITS = 12, 128
MAIN = {"kind": "GRU", "num_hiddens": UNITS}
# How each row differs from MAIN, with the arguments of `build` and of `fit`, and its seeds.
ROWS = {
    "live": ({"num_hiddens": 64}, {"epochs": 2}, 5),
    "GRU, two layers": ({"layers": 2}, {}, 5),
    "GRU": ({}, {}, 5),
    "LSTM": ({"kind": "LSTM"}, {}, 5),
    "plain": ({"kind": "plain"}, {}, 5),
    "LSTM, two layers": ({"kind": "LSTM", "layers": 2}, {}, 5),
    "plain, two layers": ({"kind": "plain", "layers": 2}, {}, 5),
    "no dropout": ({"layers": 2, "dropout": 0}, {}, 1),
    "constant rate": ({"layers": 2}, {"fall": False}, 1),
    "fixed seams": ({"layers": 2}, {"move": False}, 1),
    "half the text": ({"layers": 2}, {"share": 2, "epochs": 2 * EPOCHS}, 1),
    "a quarter of the text": ({"layers": 2}, {"share": 4, "epochs": 4 * EPOCHS}, 1),
}


def functions():
    """Return the names that the chapter's cells tagged bench define."""
    names = {}
    for cell in jupytext.read(CHAPTER).cells:
        if "bench" in cell.metadata.get("tags", []):
            exec(cell.source, names)
    return names


def run(book, row, seed):
    """Train a row's network from `seed`, unless that is done; return its numbers."""
    path = ASIDE / f"{row}-{seed}.json"
    if path.is_file():
        return json.loads(path.read_text())
    build, fit, _ = ROWS[row]
    fit = {"epochs": EPOCHS} | fit
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
    numpy.save(path.with_suffix(".npy"), log_p)
    model.save_parameters(str(path.with_suffix(".params")))
    path.write_text(json.dumps(numbers))
    print(row, seed, numbers["valid"][numbers["epoch"] - 1], numbers["test"], flush=True)
    return numbers


def main():
    os.environ["OMP_NUM_THREADS"] = "1"
    ASIDE.mkdir(parents=True, exist_ok=True)
    book = functions()
    for seed in range(5):  # all rows with a seed, then the next: a run cut short has some of each
        for row, (_, _, seeds) in ROWS.items():
            if seed < seeds:
                run(book, row, seed)


if __name__ == "__main__":
    main()
