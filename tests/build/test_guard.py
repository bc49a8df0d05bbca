"""The guard is guarded: each seeded fault is caught, and by the cell named here.

A fault is put into a copy of the repository, where `pytest --nbval` then runs the notebook that it
concerns as far as the cell that must fail.
"""

import os
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

import nbformat
import pytest
from tools_of_the_build import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("real_corpus")]
SCRATCH, TRAINING = "src/d2l_gru/mxnet/scratch.py", "src/d2l_gru/mxnet/training.py"
PARAMS = "    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q = params\n"
SWAPPED = "    W_xr, W_hr, b_r, W_xz, W_hz, b_z, W_xh, W_hh, b_h, W_hq, b_q = params\n"
DIFFERENCE = "stored: logits (1120, 28) largest difference 0.0"
# Hypothesis, which is not used there, would take a second to import.
OPTIONS = ["-x", "-q", "--color=no", "-p", "no:hypothesispytest"]
# Cells that compare two ways to train, with the cells that these need.
TWO_DEVICES, CAPTURED = ("gpu", [1, 19]), ("gpu-torch", [1, 4, 7, 10])
GRU = [1, 6, 7, 9, 10]
SCRATCH_CUT, MINIBATCHES_CUT = ("gru-scratch", GRU), ("minibatches", range(1, 15))


class Fault(NamedTuple):
    """Text of one file of the repository, and what takes its place."""

    file: str
    right: str
    wrong: str

    def seed(self, copy):
        path = copy / self.file
        text = path.read_text()
        assert text.count(self.right) == 1, f"{self.file} holds it {text.count(self.right)} times"
        path.write_text(text.replace(self.right, self.wrong))


# Name: the fault, the notebook with the cells that are kept, the cell that catches it, and how.
IN_CODE = {
    "gates swapped": (
        Fault(SCRATCH, PARAMS, SWAPPED), SCRATCH_CUT, 10, DIFFERENCE,
    ),
    "Z and 1 - Z swapped": (
        Fault(SCRATCH, "Z * H + (1 - Z) * H_tilde", "(1 - Z) * H + Z * H_tilde"),
        SCRATCH_CUT, 10, DIFFERENCE,
    ),
    "reset after the product": (
        Fault(SCRATCH, "np.dot(R * H, W_hh)", "R * np.dot(H, W_hh)"), SCRATCH_CUT, 10, DIFFERENCE,
    ),
    "gates swapped in PyTorch only": (
        Fault("src/d2l_gru/torch/scratch.py", PARAMS, SWAPPED),
        ("gru-scratch-torch", GRU), 10, DIFFERENCE,
    ),
    "state not detached, in PyTorch": (
        Fault("src/d2l_gru/torch/training.py", "else detached(state)", "else state"),
        CAPTURED, 10, "Trying to backward through the graph a second time",
    ),
    "state not carried": (
        Fault(TRAINING, "state if carry else None", "None"), TWO_DEVICES, 19, "AssertionError",
    ),
    "labels not transposed": (
        Fault("src/d2l_gru/mxnet/_graphs.py", "F.np.transpose(Y)", "Y"),
        ("gpu", [1, 14, 15]), 15, "stored: loss times    1:",
    ),
    "loss summed": (
        Fault(TRAINING, "l = summed / Y.size", "l = summed"), TWO_DEVICES, 19, "AssertionError",
    ),
    "clipping off": (
        Fault(TRAINING, "grad *= scale.astype(grad.dtype)", "pass"),
        ("gru-scratch", [1, 14]), 14, "assert worse_than_guessing[None] and not",
    ),
    "labels not shifted": (
        Fault("src/d2l_gru/batches.py", "ids[1 : batch_size * row_length + 1]",
              "ids[: batch_size * row_length]"),
        MINIBATCHES_CUT, 9, "stored: 'me machine' -> 'e machine '",
    ),
    "vocabulary in another order": (
        Fault("src/d2l_gru/text.py", "key=lambda item: item[1], reverse=True",
              "key=lambda item: item[1], reverse=False"),
        MINIBATCHES_CUT, 7, "stored: [(' ', 30836), ('e', 17838),",
    ),
    "a figure of other data": (
        Fault("src/d2l_gru/batches.py", "random.shuffle(starts)", "starts.reverse()"),
        MINIBATCHES_CUT, 10, "coordinates moved",
    ),
}  # fmt: skip
# Faults in what notebooks store: the cell that catches each, and how.
KEPT = {"minibatches": range(1, 15), "speed": [1, 3, 10], "gpu-torch": [18, 21]}
NOT_ON_RECORD = "its stored output is not that of book/records/gpu-torch.json"
IN_OUTPUTS = [
    ("minibatches", "M 0 0", "M 0 1", 10, "coordinates"),
    ("minibatches", '"execution_count": 11', '"execution_count": null', 11, "has no stored run"),
    ("minibatches", "token, perplexity 17.18", "token, perplexity 17.28", 14,
     "17.28 -> 17.18: relative error 5.8e-03, allowed rtol 1e-05"),
    # Both are of a record, and no clock and no machine says them anew.
    ("speed", "2026-11-26, 2 cores", "2026-11-25, 2 cores", 3, "25 -> 26: integers"),
    ("speed", "1.48 times as fast", "1.49 times as fast", 10, "1.49 -> 1.48"),
    ("gpu-torch", "scratch, measured: 76.4 MB", "scratch, measured: 76.3 MB", 18, NOT_ON_RECORD),
    ("gpu-torch", "PyTorch 2.11.0", "PyTorch 2.12.0", 21, NOT_ON_RECORD),
]  # fmt: skip


@pytest.fixture
def copy(tmp_path):
    """What `pytest` needs of the repository, to be spoilt."""
    for name in ("src", "book", "chapters", "tests", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml", "_config.yml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def cut(copy, name, kept):
    """Leave a notebook some of its code cells; return the code of each of them by its number."""
    path = copy / "book" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    notebook.cells = [code[number - 1] for number in kept]
    nbformat.write(notebook, path)
    return {number: code[number - 1].source for number in kept}


def judge(copy, *arguments):
    """Run pytest in the copy, on the copy's package; return its exit status and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, *arguments],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def needs_torch(notebook, request):
    if notebook.endswith("-torch"):
        request.getfixturevalue("torch")


@pytest.mark.parametrize("fault", IN_CODE)
def test_nbval_catches(fault, copy, request):
    fault, (notebook, kept), number, said = IN_CODE[fault]
    needs_torch(notebook, request)
    fault.seed(copy)
    code = cut(copy, notebook, kept)
    status, report = judge(copy, "--nbval", f"book/{notebook}.ipynb")
    place = [*kept].index(number)
    before = f", {place} passed" if place else ""
    assert status == 1 and f"1 failed{before} in" in report, report
    assert f"Cell {place}" in report and code[number].strip().splitlines()[0] in report, report
    assert said in report, report


def test_nbval_catches_what_is_stored_wrong(copy, torch):
    for notebook, right, wrong, _, _ in IN_OUTPUTS:
        Fault(f"book/{notebook}.ipynb", right, wrong).seed(copy)
    code = {notebook: cut(copy, notebook, kept) for notebook, kept in KEPT.items()}
    books = [f"book/{notebook}.ipynb" for notebook in KEPT]
    status, report = judge(copy, "--nbval", "--maxfail=99", *books)
    passed = sum(map(len, KEPT.values())) - len(IN_OUTPUTS)
    assert status == 1 and f"{len(IN_OUTPUTS)} failed, {passed} passed" in report, report
    failures = re.split(r"^book/(?=\S+, Cell )", report, flags=re.MULTILINE)[1:]
    for (notebook, _, _, number, said), failure in zip(IN_OUTPUTS, failures, strict=True):
        first = code[notebook][number].splitlines()[0]
        where = f"{notebook}.ipynb, Cell {[*KEPT[notebook]].index(number)}: {first}"
        assert failure.startswith(where) and said in failure, report


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["-p", "no:cacheprovider", "-W", "error"], 0, "1 passed"),
        (["-p", "no:xdist", "--import-mode=importlib"], 0, "1 passed"),
        (["--nbval-lax"], 4, "--nbval-lax is not for this book"),
        (["--nbval-sanitize-with=none.cfg"], 4, "--nbval-sanitize-with is not for this book"),
        (["--sanitize-with=none.cfg"], 4, "--sanitize-with is not for this book"),
        (["--current-env", "--nbval-current-env"], 4, "--current-env is not for this book"),
        (["--nbval-kernel-name=python3"], 4, "--nbval-kernel-name is not for this book"),
        (["--nbdime"], 4, "--nbdime is not for this book"),
        (["-p", "no:nbval"], 4, "unrecognized arguments: --nbval"),
    ],
)
def test_no_option_weakens_the_guard_or_breaks_it(copy, options, status, said):
    cut(copy, "speed", [1])
    found, report = judge(copy, "--nbval", *options, "book/speed.ipynb")
    assert (found, "INTERNALERROR" in report) == (status, False) and said in report, report


@pytest.mark.parametrize(("notebook", "kept"), [TWO_DEVICES, CAPTURED])
def test_cells_left_out_are_not_what_fails(notebook, kept, copy, request):
    """Notebooks that are only cut short need no such test: the book's own is one."""
    needs_torch(notebook, request)
    cut(copy, notebook, kept)
    status, report = judge(copy, "--nbval", f"book/{notebook}.ipynb")
    assert status == 0 and f"{len(kept)} passed" in report, report


# Edits after which each output is as before, so that no comparison can notice them.
OUT_OF_STEP = {
    "prose": (
        Fault("chapters/gates.md", "# What the gates learn", "# What gates learn"),
        "FAILED tests/build/test_pairs.py::test_text_and_code_are_in_step[gates]",
    ),
    "code without an effect": (
        Fault(SCRATCH, "    outputs = []\n", "    outputs = list()\n"),
        "FAILED tests/build/test_pairs.py::test_outputs_are_of_this_code[api]",
    ),
    "state not detached, in MXNet, whose backward forgets the past by itself": (
        Fault(TRAINING, "else detached(state)", "else state"),
        "FAILED tests/build/test_pairs.py::test_outputs_are_of_this_code[api]",
    ),
}


@pytest.mark.parametrize("fault", OUT_OF_STEP)
def test_the_pairs_catch(fault, copy):
    fault, said = OUT_OF_STEP[fault]
    fault.seed(copy)
    status, report = judge(copy, "tests/build/test_pairs.py")
    assert status == 1 and said in report and "run `make book`" in report, report
