"""Each chapter has its notebook, with the same text and code, and outputs fit to be published."""

import jupytext
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output
from tools_of_the_build import ROOT, load

from d2l_gru.corpus import SHA256
from tools.check import check, unfit
from tools.ext.voices import split
from tools.fingerprint import Fingerprints

colab = load("colab")
KEPT = {"tags", "mystnb", "slideshow", "nbval"}
notebooks = {
    name: colab.add_install_cell(written, colab.address(ROOT / "_config.yml"))
    for path in sorted((ROOT / "chapters").glob("*.md"))
    for name, written in split(path.stem, jupytext.read(path, fmt="md:myst")).items()
}
each_notebook = pytest.mark.parametrize("name", notebooks)


def read(name):
    """Return a notebook as written in its chapter, and as stored."""
    path = ROOT / "book" / f"{name}.ipynb"
    if not path.is_file():
        pytest.fail(f"there is no book/{name}.ipynb; run `make book`", pytrace=False)
    return notebooks[name], nbformat.read(path, as_version=4)


def cells(notebook):
    """Return what an author writes: the cells without ids, outputs and counts."""
    return [
        (cell.cell_type, cell.source, {k: v for k, v in cell.metadata.items() if k in KEPT})
        for cell in notebook.cells
    ]


def test_nothing_in_the_chapters_would_become_a_wrong_page():
    assert notebooks, "no chapters found"
    check(ROOT)


@each_notebook
def test_text_and_code_are_in_step(name):
    written, stored = map(cells, read(name))
    assert written == stored, f"book/{name}.ipynb is not its chapter's; run `make book`"


@each_notebook
def test_outputs_are_of_the_real_corpus_and_fit_to_be_published(name):
    _, stored = read(name)
    assert stored.metadata.get("d2l_gru", {}).get("corpus") == "timemachine"
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    found = {f"code cell {number}": unfit(cell) for number, cell in enumerate(code, 1)}
    assert {where: names for where, names in found.items() if names} == {}


@each_notebook
def test_outputs_are_of_this_code(name):
    """Also where an edit changes no output, so that no comparison notices it."""
    written, stored = read(name)
    stamp = stored.metadata.get("d2l_gru", {})
    current, _ = Fingerprints(ROOT, SHA256).of(written, stamp.get("torch"))
    stale = f"the code or what it reads was edited after book/{name}.ipynb ran; run `make book`"
    assert stamp.get("fingerprint") == current, stale


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
