"""Run what the PyTorch notebooks have for a GPU on this machine's, and record what it prints.

``python3 -m benchmarks.gpu_outputs`` writes book/records/gpu-torch.json, from which `make run`
takes these outputs on any machine.  The one with the GPU needs no more than the repository, Python
3.10 or later, torch, numpy and, in D2L_GRU_DATA, the folder with the corpus.  With ``--cpu``, the
cells are tried out, and the record is printed.
"""

import contextlib
import datetime
import io
import json
import os
import platform
import sys
import time
import traceback
from pathlib import Path

from tools.debian import ask
from tools.notebook import TORCH, code_cells, digest, tags

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "book" / "records" / "gpu-torch.json"


def run():
    """Yield what cells tagged gpu, which need no others, print, and leave in `results`."""
    for path in sorted((ROOT / "book").glob(f"*{TORCH}.ipynb")):
        for number, cell in enumerate(code_cells(json.loads(path.read_text("utf-8"))), 1):
            if "gpu" not in tags(cell):
                continue
            source, start = "".join(cell["source"]), time.time()
            where = f"{path.stem.removesuffix(TORCH)}, code cell {number}"
            printed, names = io.StringIO(), {"__name__": "__main__"}
            try:
                with contextlib.redirect_stdout(printed):
                    exec(compile(source, where, "exec"), names)
                results = json.loads(json.dumps(names.get("results")))
            except Exception:
                sys.exit(f"{traceback.format_exc()}\n{where} failed; nothing was recorded")
            print(f"{where}: {time.time() - start:.1f} s", file=sys.stderr, flush=True)
            said = {"source": digest(source), "printed": printed.getvalue()}
            yield said | ({} if results is None else {"results": results})


def record(cpu):
    """Return the record of all cells, and of the machine that ran them."""
    import numpy
    import torch

    from d2l_gru import corpus

    text = corpus.find(download=False)
    if text.name != "timemachine":
        sys.exit(f"The record is made from The Time Machine, but {text.reason}")
    if not cpu and not torch.cuda.is_available():
        sys.exit("PyTorch finds no GPU here; to try the cells out on the CPU: --cpu")
    smi = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0")
    return {
        "what": "what cells tagged gpu print, and their results, in the PyTorch notebooks",
        "date": datetime.date.today().isoformat(),
        "device": "cpu" if cpu else torch.cuda.get_device_name(),
        "driver": ask(*smi),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "numpy": numpy.__version__,
        },
        "corpus_sha256": text.sha256,
        "cells": list(run()),
    }


def main(cpu):
    if os.path.isdir(data := os.environ.get("D2L_GRU_DATA", "")):  # as the runner has it
        os.environ["D2L_GRU_DATA"] = os.path.abspath(data)
    if cpu:
        os.environ["D2L_GRU_DEVICE"] = "cpu"
    os.chdir(ROOT / "book")
    sys.path.insert(0, str(ROOT / "src"))
    text = json.dumps(record(cpu), indent=1, ensure_ascii=False) + "\n"
    if cpu:
        print(text, end="")
    else:
        RECORD.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main("--cpu" in sys.argv)
