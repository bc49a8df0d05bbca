"""Measure training and writing side by side with others: `make bench` runs this.

Each contender is a process that is kept, and takes one turn in each round; a ratio is of two turns
of one round.  Writes book/records/speed.json, from which the chapter "How fast, and why" is made.
Takes 40 minutes on two idle cores, and some more the first time, for what it installs; the names of
races, `make bench ARGS="concise writing"`, measure these anew and leave the others on record.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

from d2l_gru import corpus

BENCHMARKS = Path(__file__).parent
ROOT = BENCHMARKS.parent
ASIDE = ROOT / "_build" / "bench"
RECORD = ROOT / "book" / "records" / "speed.json"
ROUNDS = {"concise": 15, "savings": 15, "target": 5}
OTHERS = 7

SIZES = {
    "corpus": [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000],
    "rows": [1, 4, 16, 32, 64, 256, 1024],
    "steps": [5, 35, 140, 560],
    "units": [32, 64, 128, 256, 512, 1024],
    "layers": [1, 2, 4, 8],
}
# Races, and in each what the record calls a contender, its module and its name there.
RACES = {
    "concise": {
        "d2l_gru": ("ours", "concise"),
        "d2l": ("peer_d2l", "concise"),
        "PyTorch": ("peer_torch", "concise"),
        "PyTorch, compiled": ("peer_torch", "concise_compiled"),
        "Keras": ("peer_keras", "concise"),
        "JAX": ("peer_jax", "scan"),
        "limit": ("limit", "tokens"),
    },
    "savings": {
        "all": ("ours", "concise"),
        "graphs": ("ours", "concise_without_graphs"),
        "rows": ("ours", "concise_without_rows"),
        "products": ("ours", "concise_with_powers"),
        "blocks": ("ours", "concise_without_blocks"),
    },
    "scratch": {
        "d2l": ("peer_d2l", "scratch"),
        "d2l_gru": ("ours", "scratch"),
        "Graph": ("chapter", "Graph"),
        "LookUp": ("chapter", "LookUp"),
        "OneOutput": ("chapter", "OneOutput"),
        "OneGate": ("chapter", "OneGate"),
        "Faster": ("chapter", "Faster"),
        "PyTorch": ("peer_torch", "scratch"),
        "PyTorch, compiled": ("peer_torch", "scratch_compiled"),
    },
    "writing": {
        "d2l, scratch": ("peer_d2l", "write_scratch"),
        "d2l, concise": ("peer_d2l", "write_concise"),
        "d2l_gru, scratch": ("ours", "write_scratch"),
        "d2l_gru, concise": ("ours", "write_concise"),
        "without NumPy": ("ours", "write_without_numpy"),
    },
    "target": {
        "d2l_gru": ("ours", "to_target"),
        "d2l": ("peer_d2l", "to_target"),
    },
} | {
    axis: {f"{size:,}": ("scale", f"{axis}_{size}") for size in sizes}
    for axis, sizes in SIZES.items()
}
ENVIRONMENTS = {"peer_d2l": "d2l", "peer_jax": "xla", "peer_keras": "xla"}


def python_of(module):
    """Return the Python that has what a module needs, installed first if need be."""
    if module not in ENVIRONMENTS:
        return sys.executable
    name = ENVIRONMENTS[module]
    lock = ROOT / "requirements" / f"bench-{name}.txt"
    python, done = ASIDE / name / "bin" / "python", ASIDE / name / lock.name
    if not done.exists() or done.read_text() != lock.read_text():
        print(f"Installing {lock.name} aside ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", ASIDE / name], check=True)
        install = "-m pip install -q --no-deps --require-hashes -r".split()
        subprocess.run([python, *install, lock], check=True)
        shutil.copy(lock, done)
    return python


class Contender:
    """A process that takes a turn when it is told to."""

    def __init__(self, module, name):
        self.name, self.log = f"{module}.{name}", ASIDE / f"{module}.{name}.log"
        paths = os.pathsep.join(map(str, (ROOT / "src", BENCHMARKS)))
        env = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": str(os.cpu_count())}
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [python_of(module), BENCHMARKS / "turns.py", module, name],
                cwd=ASIDE / "here", env=env, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        self.versions = self.answer()

    def answer(self):
        """Return what the process answers next."""
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self.end()
        said = self.log.read_text()
        raise SystemExit(f"{self.name} ended, exit {self.process.returncode}:\n{said}")

    def turn(self):
        """Return tokens per second of a turn, and the megabytes of the process."""
        self.process.stdin.write("turn\n")
        self.process.stdin.flush()
        took = self.answer()
        return float(f"{took['tokens'] / took['seconds']:.5g}"), took["megabytes"]

    def end(self):
        """Let the process end."""
        with self.process:
            self.process.stdin.close()


def race(contenders, rounds):
    """Return what the record has of a race."""
    there, versions, speeds, megabytes = {}, {}, {what: [] for what in contenders}, {}
    try:
        for what, (module, name) in contenders.items():
            print(f"  {what}: {module}.{name}", flush=True)
            there[what] = Contender(module, name)
            versions |= {f"{module}: {k}": v for k, v in there[what].versions.items()}
        for _ in range(rounds):
            for what, contender in there.items():
                time.sleep(0.3)  # the threads of the one before go to sleep
                speed, megabytes[what] = contender.turn()
                speeds[what].append(speed)
    finally:
        for contender in there.values():
            contender.end()
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
        "speeds": speeds,
        "megabytes": megabytes,
    }


def processor():
    """Return the processor's name, as Linux knows it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("races", nargs="*", metavar="race", help=f"of {', '.join(RACES)}")
    chosen = parser.parse_args().races or list(RACES)
    if unknown := ", ".join(sorted(set(chosen) - {*RACES})):
        parser.error(f"no such race: {unknown}; there are {', '.join(RACES)}")
    text = corpus.find()
    if text.name != "timemachine":
        raise SystemExit(f"the record is made from The Time Machine, but {text.reason}")
    (ASIDE / "here").mkdir(parents=True, exist_ok=True)
    (ASIDE / "data").mkdir(exist_ok=True)
    shutil.copy(text.path, ASIDE / "data" / "timemachine.txt")  # where d2l looks for it
    nothing = {"what": "tokens per second, or trainings, by race, contender and round", "races": {}}
    record = json.loads(RECORD.read_text()) if RECORD.exists() else nothing
    for name in chosen:
        print(f"{name}:", flush=True)
        record["races"][name] = race(RACES[name], ROUNDS.get(name, OTHERS))
        record["races"] = {name: record["races"][name] for name in RACES if name in record["races"]}
        record["corpus_sha256"] = text.sha256
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(f"Written: {RECORD.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
