"""What is wrong with a page is said with its chapter and line, and ends the build: real builds."""

import re
from types import SimpleNamespace

import pytest
from sphinx.errors import SphinxError
from test_tabs import HEAD, INDEX, build, write
from tools_of_the_build import load, part_of_the_book

pytestmark = pytest.mark.pages
REST = ("notation", "api", "references")


def book(folder, **pages):
    """Make a book of these pages, with their chapters; return its folder."""
    pages = {"index": INDEX, **pages, **{name: f"# The {name}\n" for name in REST}}
    source = part_of_the_book(folder)
    for path in (source / "book").glob("*.ipynb"):
        path.unlink()
    (source / "chapters").mkdir()
    contents = "".join(f"- file: {name}\n" for name in [*pages][1:])
    head = "format: jb-book\nroot: index\noptions: {numbered: true}\nchapters:\n"
    (source / "book" / "_toc.yml").write_text(head + contents)
    for name, text in pages.items():
        (source / "chapters" / f"{name}.md").write_text(HEAD + text)
        write(source / "book", name, text)
    return source


def complaints(done):
    """Return the places that a build complained about, with its words."""
    assert done.returncode and "Traceback" not in done.stdout
    return re.findall(r"^(chapters/\S+): (?:WARNING|ERROR): (.*)$", done.stdout, re.MULTILINE)


# One line each, by itself or in a paragraph: what a slip leaves on a page, or takes from it.
SLIPS = {
    "{nosuch}`x`": "Unknown interpreted text role",
    "{glue:txt}`x`": "Unknown interpreted text role",
    "{glue:text}`nokey`": "No key 'nokey'",
    "{ref} `sec-x`": "'{ref} ' would be shown",
    "{ ref}`sec-x`": "'{ ref}' would be shown",
    "{numref}fig-x": "'{numref}' would be shown",
    "`code that does not end": "'`' would be shown",
    "A note[^1] that is nowhere.": "'[^1]' would be shown",
    "[words][nowhere]": "'[words][nowhere]' would be shown",
    "![alt] (a.svg)": "'![' would be shown",
    "A sum $$ x": "'$$' would be shown",
    "{{ nothing }}": "Substitution error",
    "{{ broken": "'{{' would be shown",
    "{ref}`nowhere`": "undefined label: 'nowhere'",
    "{eq}`nowhere`": "equation not found: nowhere",
    "{doc}`nowhere`": "unknown document: 'nowhere'",
    "{cite}`nobody`": "could not find bibtex key",
    "[a](#nowhere)": "cross-reference target not found",
    "```{nosuch} a\n```": "Unknown directive type",
    "```{note}\n:nosuch: 1\na\n```": "Unknown option keys",
    "```{figure} nowhere.svg\na\n```": "image file not readable",
    "```{widget} strip\n:label: a\n```": "a widget needs the options still",
    "```{widget} strp\n:label: a\n:still: b\n```": "names no widget strp",
    "```{slide} A\n:show: nowhere\n```": "a slide shows nowhere",
    "```{solution} ex-nowhere\nFour.\n```": "is for an exercise ex-nowhere, which is not there",
    "| a | b |\n| - |\n| 1 | 2 |": "'| - |' would be shown",
    "#### Deep": "Non-consecutive header level",
}


@pytest.fixture(scope="module")
def slips(tmp_path_factory):
    """A book of slips, between paragraphs and behind a code cell with its twin."""
    cells = CELLS.format("mxnet") + CELLS.format("torch")
    text = f"# Slips\n\nWords.\n\n{cells}\n" + "\n\n".join(SLIPS) + "\n"
    fine = "Set {x}, a {b, c}, 2**32, 5 * 3, `{ref} x`, [a] (b), cost $ 3.\n\n"
    fine += "````markdown\n```{note}\n{ref} `a`\n```\n````\n"
    return book(tmp_path_factory.mktemp("slips"), slips=text, fine=f"# Fine\n\n{fine}")


CELLS = '```{{code-cell}} ipython3\n:tags: [{0}]\nprint("{0}")\n```\n'


@pytest.mark.parametrize("builder", ["html", "latex", "slides"])
def test_each_slip_is_named_with_its_line(slips, builder):
    found = complaints(build(slips, builder, slips / "out" / builder, "-n", "-W", "--keep-going"))
    lines = (slips / "chapters" / "slips.md").read_text().split("\n")
    for slip, words in SLIPS.items():
        line = lines.index(slip.split("\n")[0]) + 1
        places = [f"chapters/slips.md:{at}" for at in (line, line + 1)]
        if builder == "slides" or "a slide" not in words:
            there = [said for place, said in found if place in places]
            assert any(words in said for said in there), (slip, line, found)
    assert not [place for place, _ in found if place.startswith("chapters/fine.md")]
    assert not [said for _, said in found if said.startswith("undefined label: ex-nowhere")]


ASK = "# Ask\n\n```{exercise}\n:label: ex-asked\nWhat is 2 + 2?\n```\n"
ANSWER = "# Answer\n\n```{solution} ex-asked\n:label: so-asked\nFour.\n```\n"


def test_a_solution_may_stand_in_another_chapter(tmp_path):
    source = book(tmp_path, answer=ANSWER, ask=ASK)
    for builder in ("latex", "html"):
        done = build(source, builder, source / "out" / builder, "-n", "-W", "--keep-going")
        assert done.returncode == 0, done.stdout
    printed = (source / "out" / "latex" / "book.tex").read_text()
    asked = printed.index("What is 2 + 2?")
    assert printed.index(r"\printsolutionat{answer:so-asked}") > asked
    assert printed.index("Four.") > printed.index(r"\chapter{Solutions}") > asked
    page = (source / "out" / "html" / "answer.html").read_text()
    assert 'href="ask.html#ex-asked"' in page and "Four." in page


def failed(source, builder="html"):
    """Build a book that cannot be built; return what is said."""
    done = build(source, builder, source / "out" / builder, "-W", "--keep-going")
    assert done.returncode and "Traceback" not in done.stdout, done.stdout
    return done.stdout.strip().split("\n")[-1]


def test_a_page_of_sphinx_takes_the_place_of_no_chapter(tmp_path):
    source = book(tmp_path, search="# Beam search\n", genindex="# General indices\n")
    for name in ("genindex", "search"):
        words = "Sphinx makes a page {0} of its own; rename the chapter"
        assert failed(source) == f"chapters/{name}.md: {words.format(name)}"
        contents = source / "book" / "_toc.yml"
        contents.write_text(contents.read_text().replace(f"- file: {name}\n", ""))
    done = build(source, "html", source / "out" / "html", "-W", "--keep-going")
    assert done.returncode == 0 and (source / "out" / "html" / "genindex.html").is_file()


def test_what_ends_a_build_names_the_page(tmp_path):
    source = book(tmp_path, one="# One\n\nWords.\n\nNot $\\nosuch{a}$.\n", two="Words.\n")
    assert re.match(r"chapters/one.md:9: .*\\nosuch\{a\}$", failed(source))
    assert failed(source, "latex") == ("chapters/two.md has no title; begin it with `# Title`")
    (source / "book" / "two-torch.ipynb").write_text("<<<<<<< HEAD\n")
    assert failed(source).startswith("two, tools/tabs.py, insert_twins: NotJSONError: ")


def test_a_notebook_of_other_text_keeps_its_own_lines(tmp_path):
    faults = load("faults")
    source = book(tmp_path, one="# One\n")
    place = f"{source / 'book' / 'one.ipynb'}:"
    assert faults.in_chapter(place + "12") == "chapters/one.md:12"
    assert faults.in_chapter(place) == "chapters/one.md"
    for other in (
        place + "10012",
        place.replace("one", "two") + "3",
        "a.py:docstring of b:3",
        None,
    ):
        assert faults.in_chapter(other) == other
    (source / "chapters" / "one.md").write_text(HEAD + "# Another\n")
    text = (source / "book" / "one.ipynb").read_text()
    given = [text]
    faults.map_lines(SimpleNamespace(srcdir=source / "book"), "one", given)
    assert given == [text]


def test_an_exception_becomes_a_sentence_and_one_of_sphinx_stays():
    def fail(app, page, wrong):
        raise wrong

    handler = load("faults").named(fail)
    with pytest.raises(SphinxError, match=r"^gates, tools/test_faults.py, fail: KeyError: 'a'$"):
        handler(None, "gates", KeyError("a"))
    with pytest.raises(SphinxError, match=r"^a sentence$"):
        handler(None, "gates", SphinxError("a sentence"))
