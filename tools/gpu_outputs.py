"""Run what the PyTorch notebooks have for a GPU on this machine's, and record what it prints.

Writes book/records/gpu-torch.json, from which `make book` takes these outputs on any machine.  The
one with the GPU needs no more than the repository, Python 3.10 or later, torch, numpy and, in
D2L_GRU_DATA, the folder with the corpus.
"""

import argparse
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

from debian import ask
from outputs import code_cells, digest, tags
from voices import TORCH

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "book" / "records" / "gpu-torch.json"


def cells():
    """Yield chapter, number and source of each cell tagged gpu, which needs no other cell."""
    for path in sorted((ROOT / "book").glob(f"*{TORCH}.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for number, cell in enumerate(code_cells(notebook), 1):
            if "gpu" in tags(cell):
                yield path.stem.removesuffix(TORCH), number, "".join(cell["source"])


def run(chapter, number, source):
    """Return what is recorded of a cell: what it prints, and what it leaves in `results`."""
    printed, names = io.StringIO(), {"__name__": "__main__"}
    where, start = f"{chapter}, code cell {number}", time.time()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(source, where, "exec"), names)
        results = json.loads(json.dumps(names.get("results")))
    except Exception:
        sys.exit(f"{traceback.format_exc()}\n{where} failed; nothing was recorded")
    print(f"{where}: {time.time() - start:.1f} s", file=sys.stderr, flush=True)
    said = {"chapter": chapter, "source": digest(source), "printed": printed.getvalue()}
    return said | ({} if results is None else {"results": results})


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
    return {
        "what": "what cells tagged gpu print, and their results, in the PyTorch notebooks",
        "date": datetime.date.today().isoformat(),
        "device": "cpu" if cpu else torch.cuda.get_device_name(),
        "driver": ask(
            "nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"
        ),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "numpy": numpy.__version__,
        },
        "corpus_sha256": text.sha256,
        "cells": [run(*cell) for cell in cells()],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cpu", action="store_true", help="try the cells out, print the record")
    options = parser.parse_args()
    if data := os.environ.get("D2L_GRU_DATA"):  # as the runner of chapters has it
        os.environ["D2L_GRU_DATA"] = str(Path(data).resolve()) if Path(data).is_dir() else data
    if options.cpu:
        os.environ["D2L_GRU_DEVICE"] = "cpu"
    os.chdir(ROOT / "book")
    sys.path.insert(0, str(ROOT / "src"))
    text = json.dumps(record(options.cpu), indent=1, ensure_ascii=False) + "\n"
    if options.cpu:
        print(text, end="")
    else:
        temporary = RECORD.with_name(f".{RECORD.name}.tmp")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, RECORD)


if __name__ == "__main__":
    main()
