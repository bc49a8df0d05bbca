"""A contender in a process of its own: python benchmarks/turns.py peer_d2l concise.

It prints the versions of what it runs on.  Then it takes a turn for each line that it reads, and
prints what came out: the tokens (trained on, or written), the seconds that they took, and the
megabytes of memory that the process has to itself, files not counted.
"""

import importlib
import json
import sys
import time
from importlib import metadata
from pathlib import Path


def main(module, name):
    contender = importlib.import_module(module)
    turn = getattr(contender, name)()
    if not hasattr(turn, "cold"):
        turn()  # compiles, allocates, fills caches
    packages = getattr(contender, "PACKAGES", ["mxnet"])
    answer({package: metadata.version(package) for package in packages})
    for _ in sys.stdin:
        began = time.perf_counter()
        tokens = turn()
        seconds = time.perf_counter() - began
        answer({"tokens": tokens, "seconds": seconds, "megabytes": megabytes()})


def megabytes():
    status = Path("/proc/self/status").read_text()
    return round(int(status.split("RssAnon:")[1].split()[0]) / 1024)


def answer(what):
    print("\n" + json.dumps(what), flush=True)  # whatever stood on the line before


if __name__ == "__main__":
    main(*sys.argv[1:])
