"""The guard is guarded: each seeded fault is caught, and by the cell named here.

A fault is put into a copy of the repository, where `pytest --nbval` then runs the notebook that it
concerns as far as the cell that must fail.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from tools_of_the_build import ROOT

pytestmark = pytest.mark.usefixtures("real_corpus")
SCRATCH, TRAINING = "src/d2l_gru/mxnet/scratch.py", "src/d2l_gru/mxnet/training.py"
BATCHES = "src/d2l_gru/batches.py"
PARAMS = "    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q = params\n"
SWAPPED = "    W_xr, W_hr, b_r, W_xz, W_hz, b_z, W_xh, W_hh, b_h, W_hq, b_q = params\n"
DIFFERENCE = "stored: logits (1120, 28) largest difference 0.0"
# Notebooks with the code cells that are kept, the last of which must fail.
GRU, MINIBATCHES = ("gru-scratch", [1, 9, 13, 20, 21]), ("minibatches", range(1, 15))
TWO_DEVICES, CAPTURED = ("gpu", [1, 20]), ("gpu-torch", [1, 4, 7, 10])
# Name: the file, what it says and what takes its place, the notebook, the cell, and what it says.
FAULTS = {
    "gates swapped": (SCRATCH, PARAMS, SWAPPED, GRU, 21, DIFFERENCE),
    "Z and 1 - Z swapped": (
        SCRATCH, "Z * H + (1 - Z) * H_tilde", "(1 - Z) * H + Z * H_tilde", GRU, 21, DIFFERENCE),
    "reset after the product": (
        SCRATCH, "np.dot(R * H, W_hh)", "R * np.dot(H, W_hh)", GRU, 21, DIFFERENCE),
    "gates swapped in PyTorch only": (
        "src/d2l_gru/torch/scratch.py", PARAMS, SWAPPED,
        ("gru-scratch-torch", GRU[1]), 21, DIFFERENCE),
    "state not detached, in PyTorch": (
        "src/d2l_gru/torch/training.py", "else detached(state)", "else state",
        CAPTURED, 10, "Trying to backward through the graph a second time"),
    "state not carried": (
        TRAINING, "state if carry else None", "None", TWO_DEVICES, 20, "AssertionError"),
    "labels not transposed": (
        "src/d2l_gru/mxnet/_graphs.py", "F.np.transpose(Y)", "Y",
        ("gpu", [1, 14, 15]), 15, "stored: loss times    1:"),
    "loss summed": (
        TRAINING, "l = summed / Y.size", "l = summed", TWO_DEVICES, 20, "AssertionError"),
    "clipping off": (
        TRAINING, "grad *= scale.astype(grad.dtype)", "pass",
        ("rnn", [1, 3, 18]), 18, "assert max(curves[0.1]) < len(vocab)"),
    "labels not shifted": (
        BATCHES, "ids[1 : batch_size * row_length + 1]", "ids[: batch_size * row_length]",
        MINIBATCHES, 9, "stored: 'me machine' -> 'e machine '"),
    "vocabulary in another order": (
        "src/d2l_gru/text.py", "key=lambda item: item[1], reverse=True", "key=lambda item: item[1]",
        MINIBATCHES, 7, "stored: [(' ', 30836), ('e', 17838),"),
    "a figure of other data": (
        BATCHES, "random.shuffle(starts)", "starts.reverse()", MINIBATCHES, 10, "moved by"),
}  # fmt: skip
# A digit that a notebook stores: the cell, a pattern whose group it is, and what is said.
KEPT = {"minibatches": range(1, 15), "speed": [1, 3, 10], "gpu-torch": [19, 22]}
NOT_ON_RECORD = "its stored output is not that of book/records/gpu-torch.json"
STORED = [
    ("minibatches", 10, r"M 0 (0)", "moved by"),
    ("minibatches", 14, r"token, perplexity \d+\.\d(\d)", "allowed rtol 1e-05"),
    # Both are of a record, and no clock and no machine says them anew.
    ("speed", 3, r"20\d\d-\d\d-\d(\d), \d+ cores", "integers must be equal"),
    ("speed", 10, r"\d\.\d(\d) times as fast", "allowed rtol 1e-05"),
    ("gpu-torch", 19, r"scratch, measured: \d+\.(\d) MB", NOT_ON_RECORD),
    ("gpu-torch", 22, r"PyTorch 2\.1(\d)", NOT_ON_RECORD),
]
# Edits after which each output is as before, so that no comparison can notice them.
OUT_OF_STEP = [
    ("chapters/gates.md", "# What the gates learn", "# What gates learn"),
    # MXNet's backward forgets the past by itself.
    (TRAINING, "else detached(state)", "else state"),
]


@pytest.fixture
def copy(tmp_path):
    """What `pytest` needs of the repository, to be spoilt."""
    for name in ("src", "book", "chapters", "tests", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml", "_config.yml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def seed(copy, file, right, wrong):
    text = (copy / file).read_text()
    assert text.count(right) == 1, f"{file} holds it {text.count(right)} times"
    (copy / file).write_text(text.replace(right, wrong))


def cut(copy, name, kept):
    """Leave a notebook some of its code cells; return them by their numbers."""
    path = copy / "book" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    notebook.cells = [code[number - 1] for number in kept]
    nbformat.write(notebook, path)
    return {number: code[number - 1] for number in kept}


def judge(copy, *arguments):
    """Run pytest in the copy, on the copy's package; return its exit status and what it says."""
    # Hypothesis, which is not used there, would take a second to import.
    command = [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:hypothesispytest"]
    done = subprocess.run(
        [*command, *arguments], cwd=copy, env=os.environ | {"PYTHONPATH": str(copy / "src")},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_code_is_caught(name, copy, request):
    file, right, wrong, (notebook, kept), number, said = FAULTS[name]
    if notebook.endswith("-torch"):
        request.getfixturevalue("torch")
    seed(copy, file, right, wrong)
    first = cut(copy, notebook, kept)[number].source.strip().splitlines()[0]
    status, report = judge(copy, "--nbval", "-x", f"book/{notebook}.ipynb")
    place = [*kept].index(number)
    assert status == 1 and f"1 failed{f', {place} passed' * (place > 0)} in" in report, report
    assert f"Cell {place}: {first}" in report and said in report, report


@pytest.mark.parametrize(("notebook", "kept"), [TWO_DEVICES, CAPTURED])
def test_cells_left_out_are_not_what_fails(notebook, kept, copy, request):
    """Notebooks that are only cut short need no such test: the book's own is one."""
    if notebook.endswith("-torch"):
        request.getfixturevalue("torch")
    cut(copy, notebook, kept)
    status, report = judge(copy, "--nbval", f"book/{notebook}.ipynb")
    assert status == 0 and f"{len(kept)} passed" in report, report


def spoil(copy, name, number, pattern):
    """Change the digit that is the pattern's group in a cell's stored outputs."""
    path = copy / "book" / f"{name}.ipynb"
    notebook = json.loads(path.read_text())
    cell = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"][number - 1]
    text = json.dumps(cell["outputs"])
    start, end = re.search(pattern, text).span(1)
    cell["outputs"] = json.loads(f"{text[:start]}{(int(text[start:end]) + 1) % 10}{text[end:]}")
    path.write_text(json.dumps(notebook))


def test_what_is_stored_wrong_is_caught(copy, torch):
    for notebook, number, pattern, _ in STORED:
        spoil(copy, notebook, number, pattern)
    code = {notebook: cut(copy, notebook, kept) for notebook, kept in KEPT.items()}
    status, report = judge(copy, "--nbval", *(f"book/{notebook}.ipynb" for notebook in KEPT))
    passed = sum(map(len, KEPT.values())) - len(STORED)
    assert status == 1 and f"{len(STORED)} failed, {passed} passed" in report, report
    failures = re.split(r"^book/(?=\S+, Cell )", report, flags=re.MULTILINE)[1:]
    for (notebook, number, _, said), failure in zip(STORED, failures, strict=True):
        first = code[notebook][number].source.splitlines()[0]
        where = f"{notebook}.ipynb, Cell {[*KEPT[notebook]].index(number)}: {first}"
        assert failure.startswith(where) and said in failure, report


def test_edits_that_change_no_output_are_caught(copy):
    for edit in OUT_OF_STEP:
        seed(copy, *edit)
    status, report = judge(copy, "tests/build/test_pairs.py")
    assert status == 1 and report.count("run `make book`") > 1, report
    for said in ("text_and_code_are_in_step[gates]", "outputs_are_of_this_code[api]"):
        assert f"FAILED tests/build/test_pairs.py::test_{said}" in report, report
