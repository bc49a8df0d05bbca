"""From nothing to the target: python benchmarks/target.py peer_d2l 0, the last being the seed.

A process that starts, imports, reads the text, trains the concise model until an epoch's perplexity
is below TARGET, and ends.
"""

import importlib
import itertools
import subprocess
import sys

TARGET, MOST_EPOCHS = 1.1, 1000


def from_nothing(module):
    """Return a turn that is such a process, each time with another seed."""
    seeds = itertools.count()

    def turn():
        command = [sys.executable, __file__, module, str(next(seeds))]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return 1

    turn.cold = True
    return turn


def main(module, seed):
    epoch = importlib.import_module(module).epochs(int(seed))
    for _ in range(MOST_EPOCHS):
        if epoch() < TARGET:
            return
    sys.exit(f"{MOST_EPOCHS} epochs of {module}, seed {seed}, did not reach {TARGET}")


if __name__ == "__main__":
    main(*sys.argv[1:])
