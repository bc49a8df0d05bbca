"""Each chapter has its notebook, with the same text and code, and outputs fit to be published."""

import jupytext
import nbformat
import pytest
from tools_of_the_build import ROOT, load

from d2l_gru.corpus import SHA256

colab, run_chapters, checker = load("colab"), load("run"), load("check")
check, unfit = checker.check, checker.unfit
KEPT = {"tags", "mystnb", "slideshow", "nbval"}
chapters = sorted((ROOT / "chapters").glob("*.md"))
notebooks = {
    name: colab.add_install_cell(written, colab.address(ROOT / "_config.yml"))
    for path in chapters
    for name, written in run_chapters.split(path.stem, jupytext.read(path, fmt="md:myst")).items()
}
each_notebook = pytest.mark.parametrize("name", notebooks)


def read(name):
    """Return a notebook as written in its chapter, and as stored."""
    notebook = ROOT / "book" / f"{name}.ipynb"
    if not notebook.is_file():
        pytest.fail(f"there is no book/{name}.ipynb; run `make book`", pytrace=False)
    return notebooks[name], nbformat.read(notebook, as_version=4)


def cells(notebook):
    """Return what an author writes: the cells without ids, outputs and counts."""
    return [
        (cell.cell_type, cell.source, {k: v for k, v in cell.metadata.items() if k in KEPT})
        for cell in notebook.cells
    ]


def first_difference(written, stored):
    """Return None if two lists of cells agree, else say where they part."""
    for number, (a, b) in enumerate(zip(written, stored, strict=False)):
        for kind, here, there in zip(("type", "text", "metadata"), a, b, strict=True):
            if here != there:
                return f"cell {number}: {kind} {here!r} in the chapter, {there!r} in the notebook"
    if len(written) != len(stored):
        return f"{len(written)} cells in the chapter, {len(stored)} in the notebook"
    return None


def test_nothing_in_the_chapters_would_become_a_wrong_page():
    assert chapters, "no chapters found"
    check(ROOT)


@each_notebook
def test_text_and_code_are_in_step(name):
    written, stored = map(cells, read(name))
    difference = first_difference(written, stored)
    assert difference is None, f"book/{name}.ipynb: {difference}; run `make book`"


@each_notebook
def test_outputs_are_fit_to_be_published(name):
    _, stored = read(name)
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    found = {f"code cell {number}": unfit(cell) for number, cell in enumerate(code, 1)}
    assert {where: names for where, names in found.items() if names} == {}


@each_notebook
def test_outputs_are_of_the_real_corpus(name):
    _, stored = read(name)
    corpus = stored.metadata.get("d2l_gru", {}).get("corpus")
    assert corpus == "timemachine", f"book/{name}.ipynb was run on {corpus!r}"


@each_notebook
def test_outputs_are_of_this_code(name):
    """Also where an edit changes no output, so that no comparison notices it."""
    written, stored = read(name)
    stamp = stored.metadata.get("d2l_gru", {})
    current, _ = run_chapters.Fingerprints(ROOT, SHA256).of(written, stamp.get("torch"))
    stale = f"the code or what it reads was edited after book/{name}.ipynb ran; run `make book`"
    assert stamp.get("fingerprint") == current, stale


@pytest.mark.parametrize(
    "text",
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
    ],
)
def test_unfit_outputs_are_found(text):
    printed = nbformat.v4.new_output("stream", text=text)
    assert unfit(nbformat.v4.new_code_cell(outputs=[printed]))


def test_errors_are_unfit_unless_announced():
    error = nbformat.v4.new_output(
        "error", ename="E", evalue="e", traceback=["Traceback (most recent call last)"]
    )
    cell = nbformat.v4.new_code_cell(outputs=[error])
    assert "an error" in unfit(cell)
    cell.metadata.tags = ["raises-exception"]
    assert unfit(cell) == []
    error.traceback = ["File /home/ann/book.py"]
    assert [name.split(";")[0] for name in unfit(cell)] == ["a path of the machine that ran it"]


def test_fit_outputs_are_not_complained_about():
    text = "see https://example.org/home/x, a/tmp/b, 50% of 3/4; no warning at all, and/or\r\n"
    printed = nbformat.v4.new_output("stream", text=text)
    assert unfit(nbformat.v4.new_code_cell(outputs=[printed])) == []


def test_every_part_of_an_output_is_read():
    picture = nbformat.v4.new_output("display_data", {"image/png": "aGk="})
    assert unfit(nbformat.v4.new_code_cell(outputs=[picture]))
    data = {"text/plain": "x", "application/json": {"a": ["/home/ann"]}}
    nested = nbformat.v4.new_output("display_data", data)
    assert unfit(nbformat.v4.new_code_cell(outputs=[nested]))


def test_any_difference_of_a_pair_is_found():
    one = [("code", "x = 1", {"tags": ["gpu"]}), ("markdown", "text", {})]
    assert first_difference(one, list(one)) is None
    for other in (
        one[:1],
        one[::-1],
        [("code", "x = 2", {"tags": ["gpu"]}), one[1]],
        [("code", "x = 1", {}), one[1]],
        [("raw", *one[0][1:]), one[1]],
        [*one, one[0]],
    ):
        assert first_difference(one, other)
