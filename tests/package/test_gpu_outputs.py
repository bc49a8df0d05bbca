"""The record of a GPU's outputs, made with stand-ins for PyTorch, NumPy and the package alone."""

import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from tools_of_the_build import ROOT

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
CELLS = [
    ("1 / 0", "torch"),
    ("import d2l_gru, os\nprint(d2l_gru.name,\n      os.path.basename(os.getcwd()))", "gpu"),
    ("import math\nprint('x' in dir(), '½')\nx = results = {'speed': [1.5]}", "torch", "gpu"),
    ("print('x' in dir())", "gpu"),
]


@pytest.fixture
def record(tmp_path):
    """Return a function that records cells, as a Python without site-packages can."""
    for name in ("tools", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for folder in ("book/records", "data"):
        (tmp_path / folder).mkdir(parents=True)

    def run(*arguments, cells=CELLS, data="data", there=True):
        for name, text in STAND_INS.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("{there}", str(there)))
            path.chmod(0o755)
        code = nbformat.v4.new_code_cell
        cells = [code(source, metadata={"tags": tags}) for source, *tags in cells]
        notebook = nbformat.v4.new_notebook(cells=cells)
        nbformat.write(notebook, tmp_path / "book" / "gru-torch.ipynb")
        env = {"PYTHONPATH": str(tmp_path / "site"), "D2L_GRU_DATA": data}
        return subprocess.run(
            [sys.executable, "-S", "-s", "-m", "benchmarks.gpu_outputs", *arguments],
            cwd=tmp_path, env=env | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
            capture_output=True, text=True,
        )  # fmt: skip

    return run


def test_cells_for_a_gpu_are_run_and_recorded(record, tmp_path):
    done = record()
    assert done.returncode == 0 and done.stdout == "", done.stderr
    (path,) = (tmp_path / "book" / "records").iterdir()
    made = json.loads(path.read_text())
    assert made["device"] == "a GPU of the test" and made["driver"] == "580.1"
    assert made["versions"]["torch"] == "2.13.0+cu130" and made["versions"]["cuda"] == "13.0"
    assert {"date", "corpus_sha256", "what"} < set(made) and path.name == "gpu-torch.json"
    said = [(cell["source"], cell["printed"], cell.get("results")) for cell in made["cells"]]
    expected = [("ours book\n", None), ("False ½\n", {"speed": [1.5]}), ("False\n", None)]
    assert said == [(digest(c[0]), *e) for c, e in zip(CELLS[1:], expected, strict=True)]


def test_what_fails_is_named_and_nothing_is_recorded(record, tmp_path):
    for source, said in (
        ("1 / 0", "ZeroDivisionError"),
        ("results = {1}", "not JSON serializable"),
    ):
        done = record(cells=[("1", "torch"), ("print(1)", "gpu"), (source, "gpu")])
        assert done.returncode == 1 and said in done.stderr
        assert done.stderr.endswith("gru, code cell 3 failed; nothing was recorded\n")
    for data, said in (("data", "finds no GPU here"), ("sample", "Time Machine, but for the test")):
        done = record(data=data, there=False)
        assert done.returncode == 1 and said in done.stderr
    source = "import os\nprint(os.environ['D2L_GRU_DEVICE'])"
    made = json.loads(record("--cpu", cells=[(source, "gpu")], there=False).stdout)
    assert made["device"] == "cpu" and made["cells"][0]["printed"] == "cpu\n"
    assert not [*(tmp_path / "book" / "records").iterdir()]
