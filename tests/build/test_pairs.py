"""Each chapter has its notebook, with the same text and code, and outputs fit to be published."""

import pytest
from nbformat.v4 import new_code_cell, new_output
from tools_of_the_build import ROOT

from tools.check import unfit
from tools.notebook import code_cells
from tools.run import Book

KEPT = {"tags", "mystnb", "slideshow", "nbval"}
STORED = sorted(path.stem for path in (ROOT / "book").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("name", STORED)


@pytest.fixture(scope="module")
def book():
    """The chapters, none of which would become a wrong page."""
    return Book(ROOT)


def cells(notebook):
    """Return what an author writes: the cells without ids, outputs and counts."""
    return [
        (cell.cell_type, cell.source, {k: v for k, v in cell.metadata.items() if k in KEPT})
        for cell in notebook.cells
    ]


def test_each_chapter_has_its_notebooks(book):
    assert sorted(book.notebooks) == STORED, "run `make book`"


@each_notebook
def test_text_and_code_are_in_step(name, book):
    written, stored = book.notebooks[name], book.last_run(name)
    assert cells(written) == cells(stored), f"{name} is another in chapters/; run `make book`"


@each_notebook
def test_outputs_are_of_the_real_corpus_and_fit_to_be_published(name, book):
    stored = book.last_run(name)
    assert stored.metadata.d2l_gru["corpus"] == "timemachine"
    assert [unfit(cell) for cell in code_cells(stored) if unfit(cell)] == []


@each_notebook
def test_outputs_are_of_this_code(name, book):
    """Also where an edit changes no output, so that no comparison notices it."""
    written, stamp = book.notebooks[name], book.last_run(name).metadata.d2l_gru
    current, _ = book.fingerprints.of(written, stamp.get("torch"))
    stale = f"the code or what it reads was edited after book/{name}.ipynb ran; run `make book`"
    assert stamp["fingerprint"] == current, stale


def error(line):
    return new_output("error", ename="E", evalue="e", traceback=[line])


@pytest.mark.parametrize(
    "output",
    [
        "File /home/ann/book.py",
        "at\n/Users/ann/book",
        "\x1b[32m/tmp/book",
        "saved in '/tmp/x'",
        "lib/python3.11/site-packages/mxnet",
        "Traceback (most recent call last)\n",
        "DeprecationWarning: np.bool",
        "[12:00:01] src/base.cc:49: GPU context requested",
        " 40%|####    | 2/5",
        "\r1 of 3\r2 of 3",
        "|\b/\b-",
        new_output("display_data", {"image/png": "aGk="}),
        new_output("display_data", {"text/plain": "", "application/json": {"a": ["/home/ann"]}}),
        error("Traceback (most recent call last)"),
    ],
)
def test_unfit_outputs_are_found(output):
    output = output if isinstance(output, dict) else new_output("stream", text=output)
    assert unfit(new_code_cell(outputs=[output]))


def test_fit_outputs_are_not_complained_about():
    text = "see https://example.org/home/x, a/tmp/b, 50% of 3/4; no warning at all, and/or\r\n"
    assert unfit(new_code_cell(outputs=[new_output("stream", text=text)])) == []
    meant = {"tags": ["raises-exception"]}
    fit, not_fit = error("Traceback (most recent call last)"), error("File /home/ann/book.py")
    assert unfit(new_code_cell(outputs=[fit], metadata=meant)) == []
    assert len(unfit(new_code_cell(outputs=[not_fit], metadata=meant))) == 1
