"""The book on paper: whole, with all its characters and figures, and nothing off the page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pypdf
import pytest
from bs4 import BeautifulSoup
from tools_of_the_build import ROOT, load, part_of_the_book

pytestmark = [
    pytest.mark.pages,
    pytest.mark.skipif(bool(load("debian").missing("tex")), reason="needs TeX"),
]

OVERFULL = re.compile(r"Overfull \\[hv]box \(([\d.]+)pt too (?:wide|high)\)")
FAULTS = re.compile(
    r"Missing character.*|.*(?:Reference|Citation|Hyper reference) `.*undefined.*"
    r"|.*multiply[- ]defined.*|.*destination.*(?:not defined|duplicate).*"
)
INCH = 72


def printed(folder, *options, paper="a4", source=ROOT):
    """Print the stored notebooks; return the folder with book.log and book.pdf."""
    sphinx = [Path(sys.executable).with_name("sphinx-build"), "-b", "latex", "-c", "tools"]
    sphinx += [source / "book", folder, "-d", folder.parent / "doctrees", "-q", *options]
    latexmk = ["latexmk", "-xelatex", "-halt-on-error", "-interaction=nonstopmode", "book.tex"]
    for command, where in ((sphinx, ROOT), (latexmk, folder)):
        env = os.environ | {"PAPER": paper, "BOOK_SOURCE": source}
        done = subprocess.run(
            command, cwd=where, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode:
            said = done.stdout.decode(errors="replace")[-4000:]
            pytest.fail(f"{command[0]} failed:\n{said}", pytrace=False)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return printed(tmp_path_factory.mktemp("pdf") / "latex", "-n", "-W", "--keep-going")


@pytest.fixture(scope="module")
def log(folder):
    text = (folder / "book.log").read_text(errors="replace")
    return re.sub(r"(?<=.{79})\n", "", text)  # TeX breaks its lines after 79 characters


@pytest.fixture(scope="module")
def pdf(folder):
    return pypdf.PdfReader(folder / "book.pdf")


@pytest.fixture(scope="module")
def text(pdf):
    return [page.extract_text() for page in pdf.pages]


def too_wide(log):
    return [float(points) for points in OVERFULL.findall(log) if float(points) > 5]


def test_the_checks_see_faults():
    assert too_wide("Overfull \\hbox (4.9pt too wide) in\nOverfull \\vbox (12.3pt too high)") == [
        12.3
    ]
    for line in [
        "Missing character: There is no ℝ (U+211D) in font x!",
        "LaTeX Warning: Reference `fig' on page 9 undefined on input line 3.",
        "LaTeX Warning: Hyper reference `sec' on page 9 undefined on input line 3.",
        "LaTeX Warning: Citation `cho' on page 1 undefined on input line 3.",
        "LaTeX Warning: Label `eq' multiply defined.",
    ]:
        assert FAULTS.search(line)


def test_nothing_runs_off_the_page_and_nothing_is_lost(log):
    assert too_wide(log) == []
    assert [match[0] for match in FAULTS.finditer(log)] == []


def test_figures_are_drawings(pdf):
    assert [number for number, page in enumerate(pdf.pages, 1) if page.images] == []


def test_every_font_is_embedded(pdf):
    def files(font):
        """Yield the font itself, or those that it is made of."""
        for descendant in font.get("/DescendantFonts", [font]):
            yield descendant.get_object().get("/FontDescriptor", {})

    names = set()
    for page in pdf.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            for described in files(font.get_object()):
                described = described.get_object()
                assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(described), font
                names.add(described["/FontName"].split("+")[-1].split("-")[0])
    assert {"TeXGyrePagella", "TeXGyrePagellaMath", "DejaVuSansMono"} <= names


def test_it_says_what_it_is(pdf, text):
    about = pdf.metadata
    assert about.title == "The Gated Recurrent Unit" and about.author == "The d2l_gru authors"
    assert "gated recurrent unit" in about.subject and pdf.root_object["/Lang"] == "en"
    words = load("edition").describe(ROOT / "book")
    assert words in text[0] and words in text[1]
    assert 50 < len(pdf.pages) < 150
    width, height = (float(side) for side in pdf.pages[0].mediabox[2:])
    assert (width, height) == pytest.approx((595.3, 841.9), abs=1)


def chapters():
    lines = (ROOT / "book" / "_toc.yml").read_text().splitlines()
    files = [line.split("file:")[1].strip() for line in lines if "file:" in line]
    return {
        name: re.search(r"^# (.*)$", (ROOT / "chapters" / f"{name}.md").read_text(), re.M)[1]
        for name in files
    }


def test_the_outline_is_the_table_of_contents(pdf):
    titles = [entry.title for entry in pdf.outline if not isinstance(entry, list)]
    numbered = [re.sub(r"^\S{1,2} ", "", title) for title in titles]
    expected = [title for title in chapters().values() if title != "References"]
    if [*(ROOT / "book").glob("*-torch.ipynb")]:
        expected.insert(expected.index(chapters()["notation"]) + 1, "The code in PyTorch")
    assert numbered == ["Preface", *expected, "Solutions", "References", "Index"]
    assert sum(isinstance(entry, list) for entry in pdf.outline) >= 6  # with their sections


def test_no_chapter_is_empty_and_nothing_is_raw(text):
    assert [number for number, page in enumerate(text[:-1], 1) if len(page.split()) < 10] == []
    whole = "\n".join(text)
    for raw in ("{glue:", "{ref}", "{cite", "{eq}", "```", "<Figure", "Figure size", "[?]", "??"):
        assert raw not in whole.replace("????", "")


def test_as_many_figures_tables_and_exercises_as_on_the_pages(html, text):
    pages = [BeautifulSoup(page.read_text(), "html.parser") for page in html.glob("*.html")]
    whole = "\n".join(text)
    for selector, caption in [
        ("figure .caption-number:not(.tag_twin *)", r"Fig\. ?[\dA-Z]+\.\d+:"),
        ("table .caption-number", r"Table ?[\dA-Z]+\.\d+:"),
        ("div.exercise", r"^Exercise \d+\.\d+$"),
        ("div.solution", r"^Solution to Exercise \d+\.\d+$"),
    ]:
        there = sum(len(page.select(selector)) for page in pages)
        assert there > 0 and len(re.findall(caption, whole, re.M)) == there, selector


def test_a_table_stands_below_its_caption(text):
    caption_last = re.compile(r"^Table [\dA-Z]+\.\d+: (?:[^\n]+\n?){1,3}\Z", re.M)
    assert not [page[-300:] for page in text if caption_last.search(page)]


def test_a_note_says_where_the_numbers_of_a_chapter_come_from(text):
    whole = "\n".join(text)
    notes = re.findall(r"Numbers that cells placed in the text:\s([^;]+?),\s\d{4}-", whole)
    placing = [p for p in (ROOT / "chapters").glob("*.md") if "{glue:text}" in p.read_text()]
    assert len(notes) == len(placing) > 3
    assert all(re.search(r"\d from code cell \d+ of\s[\w-]+\.ipynb, on", note) for note in notes)


def test_links_lead_somewhere_and_back(pdf):
    names = set(pdf.named_destinations)
    inner = outer = 0
    for page in pdf.pages:
        for note in page.get("/Annots", []):
            action = note.get_object().get("/A", {})
            if action.get("/S") == "/GoTo":
                assert action["/D"] in names
                inner += 1
            elif action.get("/S") == "/URI":
                assert action["/URI"].startswith("https://")
                outer += 1
    assert inner > 200 and outer >= 3


def test_the_index_has_terms_and_functions(text):
    index = "\n".join(text[-4:])
    for entry in ("update", "reset", "perplexity", "clipping", "checkpoint", "get_params()"):
        assert entry in index


@pytest.mark.slow
def test_rare_characters_and_another_paper(tmp_path):
    source = part_of_the_book(tmp_path / "source", "gru-scratch", "notation", "api")
    path = source / "book" / "notation.ipynb"
    path.write_text(path.read_text().replace("# Notation", "# Notation α → ℝ ≤ ∑ Ω ⊙ ½ …"))
    out = printed(tmp_path / "out", paper="letter", source=source)
    assert "Missing character" not in (out / "book.log").read_text(errors="replace")
    pdf = pypdf.PdfReader(out / "book.pdf")
    assert [float(side) for side in pdf.pages[0].mediabox[2:]] == [8.5 * INCH, 11 * INCH]
    assert any("α → ℝ ≤ ∑ Ω ⊙ ½ …" in page.extract_text() for page in pdf.pages)


def test_unknown_paper_is_named(tmp_path):
    sphinx = [Path(sys.executable).with_name("sphinx-build"), "-b", "latex", "-c", "tools", "book"]
    done = subprocess.run(
        [*sphinx, tmp_path / "out", "-q"],
        cwd=ROOT,
        env=os.environ | {"PAPER": "a5", "BOOK_SOURCE": "."},
        capture_output=True,
        text=True,
    )
    assert done.returncode and "PAPER must be a4 or letter, not 'a5'" in done.stderr
