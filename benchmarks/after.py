"""Train seven small recurrent networks on two automata, and record what each of them learns.

Writes book/records/after.json, from which the chapter "After the GRU" draws its figures.
Takes about six minutes on two cores; all seeds are trained at once, as one stack of networks.
"""

import datetime
import json
import multiprocessing
import os
import platform
from pathlib import Path

import torch

RECORD = Path(__file__).parents[1] / "book" / "records" / "after.json"
SETTING = {"num_hiddens": 16, "num_steps": 20, "batch_size": 32, "lr": 0.01, "updates": 1000}
SEEDS = range(10)
STRINGS, LENGTH, BIN = 100, 400, 20  # of the test
# Which parts look at the state, whether the candidate has a tanh, and the least value of a gate.
MODELS = {
    "GRU": {"gates": True, "candidate": True},
    "candidate sees the state": {"candidate": True},
    "the same without tanh": {"candidate": True, "tanh": False},
    "gates see the state": {"gates": True},
    "neither sees the state": {},
    "minGRU": {"tanh": False},
    "minGRU, signed gate": {"tanh": False, "least": -1},
}


def automata(X):
    """Run both machines on symbols 0, 1, 2 of the shape (num_steps, ...).

    Returns:
        The states of the latch, which 0 and 1 set, and of the switch, which 1 turns over.
    """
    switch = (X == 1).cumsum(0) % 2
    latch, state = torch.empty_like(X), torch.zeros_like(X[0])
    for t, x in enumerate(X):
        state = latch[t] = torch.where(x == 2, state, x)
    return {"latch": latch, "switch": switch}


def fresh(num_hiddens):
    """Return parameters for all seeds, uniform as PyTorch draws them."""
    h, bound = num_hiddens, num_hiddens**-0.5
    shapes = {name: (3, h) for name in ("W_xz", "W_xr", "W_xh")}
    shapes |= {name: (h, h) for name in ("W_hz", "W_hr", "W_hh")}
    shapes |= {"b_z": (1, h), "b_r": (1, h), "b_h": (1, h), "W_hq": (h, 2), "b_q": (1, 2)}
    drawn = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    uniform = lambda shape: torch.stack([torch.rand(shape, generator=g) for g in drawn])  # noqa: E731
    return {
        name: ((2 * uniform(shape) - 1) * bound).requires_grad_() for name, shape in shapes.items()
    }


def run(X, p, gates=False, candidate=False, tanh=True, least=0):
    """Return the logits, (num_steps, seeds, rows, 2), of X, (num_steps, seeds, rows)."""
    one_hot = torch.nn.functional.one_hot(X, 3).float()
    x_z, x_r, x_h = (one_hot @ p["W_x" + gate] + p["b_" + gate] for gate in "zrh")
    H, states = torch.zeros_like(x_z[0]), []
    for t in range(len(X)):
        Z, R, N = x_z[t], x_r[t], x_h[t]
        if gates:
            Z, R = Z + H @ p["W_hz"], R + H @ p["W_hr"]
        Z = least + (1 - least) * torch.sigmoid(Z)
        if candidate:
            N = N + (torch.sigmoid(R) * H) @ p["W_hh"]
        N = torch.tanh(N) if tanh else N
        H = Z * H + (1 - Z) * N
        states.append(H)
    return torch.stack(states) @ p["W_hq"] + p["b_q"]


def clip(params, theta=1):
    """Clip the gradient of each seed by its own norm."""
    grads = [param.grad for param in params if param.grad is not None]
    norms = sum((grad**2).sum((1, 2), keepdim=True) for grad in grads) ** 0.5
    for grad in grads:
        grad *= (theta / norms).clamp(max=1)


def train(task, name):
    """Train all seeds of a network on a machine.

    Returns:
        Accuracy by seed and bin of the test, and the logits of 60 times the symbol 1 by seed.
    """
    torch.set_num_threads(1)  # as many runs as cores, side by side
    kind = MODELS[name]
    draw = torch.Generator().manual_seed(len(SEEDS))
    p = fresh(SETTING["num_hiddens"])
    optimizer = torch.optim.Adam(p.values(), SETTING["lr"])
    shape = SETTING["num_steps"], len(SEEDS), SETTING["batch_size"]
    for _ in range(SETTING["updates"]):
        X = torch.randint(3, shape, generator=draw)
        log_p = torch.log_softmax(run(X, p, **kind), -1)
        Y = automata(X)[task]
        loss = -log_p.gather(-1, Y[..., None]).mean((0, 2, 3)).sum()
        optimizer.zero_grad()
        loss.backward()
        clip(p.values())
        optimizer.step()
    with torch.no_grad():
        X = torch.randint(3, (LENGTH, 1, STRINGS), generator=draw).expand(-1, len(SEEDS), -1)
        right = (run(X, p, **kind).argmax(-1) == automata(X)[task]).float().mean(-1)
        bins = right.reshape(-1, BIN, len(SEEDS)).mean(1).T
        ones = torch.ones(60, len(SEEDS), 1, dtype=torch.long)
        logits = run(ones, p, **kind)[..., 0, :]
    print(f"{task}, {name}: {[f'{x:.2f}' for x in bins[:, -1].tolist()]}", flush=True)
    return rounded(bins, 3), rounded((logits[..., 1] - logits[..., 0]).T, 3)


def rounded(rows, digits):
    return [[round(value, digits) for value in row] for row in rows.tolist()]


def main():
    runs = [(task, name) for task in ("latch", "switch") for name in MODELS]
    with multiprocessing.get_context("spawn").Pool() as pool:
        found = dict(zip(runs, pool.starmap(train, runs, chunksize=1), strict=True))
    accuracy = {"latch": {}, "switch": {}}
    for (task, name), (bins, _) in found.items():
        accuracy[task][name] = bins
    ones = {name: found["switch", name][1] for name in MODELS}
    record = {
        "what": "accuracy on strings of 400 symbols by task, network, seed and bin of 20 symbols, "
        "and, of the networks trained on the switch, logit of state 1 less that of state 0 "
        "after 1 to 60 times the symbol 1, by network and seed",
        "date": datetime.date.today().isoformat(),
        "device": f"{len(os.sched_getaffinity(0))} CPU cores",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__.split("+")[0],
        },
        "setting": SETTING | {"seeds": len(SEEDS), "strings": STRINGS},
        "accuracy": accuracy,
        "ones": ones,
    }
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
