"""A contender in a process of its own: python benchmarks/turns.py peer_d2l concise.

It prints the versions of what it runs on.  Then it takes a turn for each line that it reads, and
prints what came out: the tokens (trained on, or written), and the seconds that they took.
"""

import importlib
import json
import sys
import time
from importlib import metadata


def main(module, name):
    contender = importlib.import_module(module)
    turn = getattr(contender, name)()
    turn()  # compiles, allocates, fills caches
    packages = getattr(contender, "PACKAGES", ["mxnet"])
    answer({package: metadata.version(package) for package in packages})
    for _ in sys.stdin:
        began = time.perf_counter()
        tokens = turn()
        answer({"tokens": tokens, "seconds": time.perf_counter() - began})


def answer(what):
    print("\n" + json.dumps(what), flush=True)  # whatever stood on the line before


if __name__ == "__main__":
    main(*sys.argv[1:])
