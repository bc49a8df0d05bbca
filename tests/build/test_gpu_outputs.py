"""The record of a GPU's outputs, made with stand-ins for PyTorch, NumPy and the package alone."""

import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from tools_of_the_build import TOOLS

from tools.notebook import digest

STAND_INS = {
    "site/torch.py": """
__version__ = "2.13.0+cu130"
class version: cuda = "13.0"
class cuda:
    is_available = staticmethod(lambda: {there})
    get_device_name = staticmethod(lambda: "a GPU of the test")
""",
    "site/numpy.py": '__version__ = "2.0"\n',
    "src/d2l_gru/__init__.py": 'name = "ours"\n',
    "src/d2l_gru/corpus.py": """
import os
class text:
    sha256, reason = "1" * 64, "for the test"
    name = "timemachine" if os.path.isabs(os.environ["D2L_GRU_DATA"]) else "sample"
find = lambda download: text
""",
    "bin/nvidia-smi": "#!/bin/sh\necho 580.1\n",
}


class Machine:
    """A folder with the program, a notebook in PyTorch, and a Python without site-packages."""

    def __init__(self, root):
        self.root, self.record = root, root / "book" / "records" / "gpu-torch.json"
        self.record.parent.mkdir(parents=True)
        shutil.copytree(TOOLS, root / "tools")
        (root / "data").mkdir()
        self.has_gpu(True)
        (root / "bin" / "nvidia-smi").chmod(0o755)

    def has_gpu(self, there):
        for path, text in STAND_INS.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text.replace("{there}", str(there)))

    def write(self, *cells, name="gru-torch"):
        code = nbformat.v4.new_code_cell
        cells = [code(source, metadata={"tags": tags}) for source, *tags in cells]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), self.root / "book" / f"{name}.ipynb")

    def run(self, *arguments, data="data"):
        path = {"PYTHONPATH": str(self.root / "site"), "D2L_GRU_DATA": data}
        path["PATH"] = f"{self.root / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            [sys.executable, "-S", "-s", "-m", "tools.gpu_outputs", *arguments],
            cwd=self.root, env=path, capture_output=True, text=True,
        )  # fmt: skip


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    machine.write(
        ("1 / 0", "torch"),
        ("import d2l_gru, os\nprint(d2l_gru.name,\n      os.path.basename(os.getcwd()))", "gpu"),
        ("import math\nprint('x' in dir(), '½')\nx = results = {'speed': [1.5]}", "torch", "gpu"),
    )
    machine.write(("print('x' in dir())", "gpu"), name="second-torch")
    machine.write(("1 / 0", "gpu"), name="gru")
    return machine


def test_cells_for_a_gpu_are_run_and_recorded(machine):
    done = machine.run()
    assert done.returncode == 0 and done.stdout == "", done.stderr
    record = json.loads(machine.record.read_text())
    assert record["device"] == "a GPU of the test" and record["driver"] == "580.1"
    assert record["versions"]["torch"] == "2.13.0+cu130" and record["versions"]["cuda"] == "13.0"
    assert {"date", "corpus_sha256", "what"} < set(record)
    first, second, third = record["cells"]
    assert first["printed"] == "ours book\n" and "results" not in first
    assert second["printed"] == "False ½\n" and second["results"] == {"speed": [1.5]}
    assert third["printed"] == "False\n", "each has a namespace of its own"
    book = nbformat.read(machine.root / "book" / "gru-torch.ipynb", as_version=4)
    assert [first["source"], second["source"]] == [digest(c.source) for c in book.cells[1:]]
    assert os.listdir(machine.record.parent) == ["gpu-torch.json"]


@pytest.mark.parametrize(
    ("source", "says"),
    [("x = 1\n1 / 0", "ZeroDivisionError"), ("results = {1, 2}", "not JSON serializable")],
)
def test_a_cell_that_fails_is_named_and_nothing_is_written(machine, source, says):
    machine.record.write_text("before")
    machine.write(("1", "torch"), ("print(1)", "gpu"), (source, "gpu"))
    done = machine.run()
    assert done.returncode == 1 and says in done.stderr
    assert done.stderr.endswith("gru, code cell 3 failed; nothing was recorded\n")
    assert machine.record.read_text() == "before"


def test_without_a_gpu_or_the_corpus_it_refuses_or_only_tries(machine):
    machine.has_gpu(False)
    for data, said in (("data", "finds no GPU here"), ("sample", "Time Machine, but for the test")):
        done = machine.run(data=data)
        assert done.returncode == 1 and said in done.stderr
    machine.write(("import os\nprint(os.environ['D2L_GRU_DEVICE'])", "gpu"))
    done = machine.run("--cpu")
    record = json.loads(done.stdout)
    assert record["device"] == "cpu" and record["cells"][0]["printed"] == "cpu\n"
    assert not machine.record.exists()
