"""Every page in a browser, as test_browser.py sees some of them; and the book on paper.

Whole, with all its characters and figures, and nothing off the page.
"""

import re

import pytest
import yaml
from bs4 import BeautifulSoup
from small_book import book, printed
from test_browser import PAGES, SOME, check_all
from tools_of_the_build import ROOT

from tools import debian
from tools.ext import edition

OVERFULL = re.compile(r"Overfull \\[hv]box \(([\d.]+)pt too (?:wide|high)\)")
FAULTS = re.compile(
    r"Missing character.*|.*(?:Reference|Citation|Hyper reference) `.*undefined.*"
    r"|.*multiply[- ]defined.*|.*destination.*(?:not defined|duplicate).*"
)


@pytest.mark.parametrize("name", sorted({*PAGES} - {*SOME}))
def test_every_other_page(visit, server, name):
    check_all(visit, server, name)


@pytest.fixture(scope="module")
def tex():
    if debian.missing("tex"):
        pytest.skip("needs TeX")


@pytest.fixture(scope="module")
def made(tex, tmp_path_factory):
    """What TeX said, and the book."""
    return printed(ROOT, tmp_path_factory.mktemp("pdf"))


@pytest.fixture(scope="module")
def pdf(made):
    return made[1]


@pytest.fixture(scope="module")
def text(pdf):
    return [page.extract_text() for page in pdf.pages]


def wrong(log):
    """List what runs more than 5 points off the page, and what is missing or undefined."""
    return [
        *(points for points in OVERFULL.findall(log) if float(points) > 5),
        *(match[0] for match in FAULTS.finditer(log)),
    ]


def test_nothing_runs_off_the_page_and_nothing_is_lost(made, text):
    lines = [
        "Overfull \\vbox (12.3pt too high)",
        "Missing character: There is no ℝ (U+211D) in font x!",
        "LaTeX Warning: Reference `fig' on page 9 undefined on input line 3.",
        "LaTeX Warning: Hyper reference `sec' on page 9 undefined on input line 3.",
        "LaTeX Warning: Citation `cho' on page 1 undefined on input line 3.",
        "LaTeX Warning: Label `eq' multiply defined.",
    ]
    assert all(len(wrong(line)) == 1 for line in lines)
    assert not wrong("Overfull \\hbox (4.9pt too wide) in") and wrong(made[0]) == []
    assert [number for number, page in enumerate(text[:-1], 1) if len(page.split()) < 10] == []
    whole = "\n".join(text)
    for raw in ("{glue:", "{ref}", "{cite", "{eq}", "```", "<Figure", "Figure size", "[?]", "??"):
        assert raw not in whole.replace("????", "")


def test_figures_are_drawings_and_every_font_is_embedded(pdf):
    assert [number for number, page in enumerate(pdf.pages, 1) if page.images] == []
    names = set()
    for page in pdf.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            font = font.get_object()
            for part in font.get("/DescendantFonts", [font]):  # itself, or what it is made of
                described = part.get_object()["/FontDescriptor"].get_object()
                assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(described), font
                names.add(described["/FontName"].split("+")[-1].split("-")[0])
    assert {"TeXGyrePagella", "TeXGyrePagellaMath", "DejaVuSansMono"} <= names


def test_it_says_what_it_is(pdf, text):
    about = pdf.metadata
    assert about.title == "The Gated Recurrent Unit" and about.author == "The d2l_gru authors"
    assert "gated recurrent unit" in about.subject and pdf.root_object["/Lang"] == "en"
    version = edition.describe(ROOT / "book")
    assert version in text[0] and version in text[1] and "An executable book" in text[0]
    assert 50 < len(pdf.pages) < 400
    width, height = (float(side) for side in pdf.pages[0].mediabox[2:])
    assert (width, height) == pytest.approx((595.3, 841.9), abs=1)


def test_the_outline_is_the_table_of_contents(pdf):
    contents = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())["parts"]
    names = [entry["file"] for part in contents for entry in part["chapters"]]
    texts = [(ROOT / "chapters" / f"{name}.md").read_text() for name in names]
    expected = [re.search(r"^# (.*)$", text, re.M)[1] for text in texts]
    expected.remove("References")
    titles = [entry.title for entry in pdf.outline if not isinstance(entry, list)]
    numbered = [re.sub(r"^\S{1,2} ", "", title) for title in titles]
    end = ["The code in PyTorch", "Solutions", "References", "Index"]
    assert numbered == ["Preface", *expected, *end]
    assert sum(isinstance(entry, list) for entry in pdf.outline) >= 6  # with their sections


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
    caption_last = re.compile(r"^Table [\dA-Z]+\.\d+: (?:[^\n]+\n?){1,3}\Z", re.M)
    assert not [page[-300:] for page in text if caption_last.search(page)]


def test_notes_say_where_numbers_come_from_and_the_index_has_terms_and_functions(text):
    notes = re.findall(
        r"Numbers that cells placed in the text:\s([^;]+?),\s\d{4}-", "\n".join(text)
    )
    placing = [p for p in (ROOT / "chapters").glob("*.md") if "{glue:text}" in p.read_text()]
    assert len(notes) == len(placing) > 3
    assert all(re.search(r"\d from code cell \d+ of\s[\w-]+\.ipynb, on", note) for note in notes)
    index = "\n".join(text[-4:])
    for entry in ("update", "reset", "perplexity", "clipping", "checkpoint", "get_params()"):
        assert entry in index


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


def test_rare_characters_and_copied_code_and_another_paper(tex, tmp_path):
    signs = "α → ℝ ≤ ∑ Ω ⊙ ½ …"
    text = f"# Signs {signs}\n\n![A cell, as on the title.](assets/gru-cell.svg)\n"
    text += "\n```python\ndef f(x):\n    return x\n```\n"
    letter = "-Dlatex_elements.papersize=letterpaper"
    log, pdf = printed(book(tmp_path, {"one": text}), tmp_path / "out", letter)
    assert "Missing character" not in log
    assert [float(side) for side in pdf.pages[0].mediabox[2:]] == [8.5 * 72, 11 * 72]
    text = "".join(page.extract_text() for page in pdf.pages)
    assert signs in text and "def f(x):\n    return x" in text
