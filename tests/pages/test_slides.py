"""The slides: one deck a chapter, whole, in need of no other host, and nothing off a slide."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pypdf
import pytest
from bs4 import BeautifulSoup
from test_html import LOADED, OTHER_HOST
from tools_of_the_build import ROOT, load, part_of_the_book

pytestmark = pytest.mark.pages

SLIDE = re.compile(r"^`{3,}\{slide\} (.*)$", re.M)
WIDTH, HEIGHT = 1280, 720

# Goes through all slides once the font of formulas is there, and measures each.
MEASURE = """
async () => {
  await document.fonts.ready;
  return Reveal.getSlides().map((slide) => {
    const { h, v } = Reveal.getIndices(slide);
    Reveal.slide(h, v);
    const box = slide.getBoundingClientRect(), scale = Reveal.getScale();
    let right = 0, bottom = 0;
    for (const part of slide.querySelectorAll("*")) {
      if (part.closest("aside")) continue;
      const { right: x, bottom: y } = part.getBoundingClientRect();
      const cut = part.matches("pre") && part.scrollWidth > part.clientWidth + 1;
      right = Math.max(right, cut ? 9999 : (x - box.left) / scale);
      bottom = Math.max(bottom, (y - box.top) / scale);
    }
    const images = [...slide.querySelectorAll("img")].every((image) => image.naturalWidth > 0);
    return { title: slide.querySelector("h1, h2").innerText, right, bottom, images,
             raw: slide.innerText.match(/\\\\[(\\[]|\\{[a-z:]+\\}/)?.[0] ?? "" };
  });
}
"""


def marked(name):
    """Return the titles of the slides in a chapter."""
    return SLIDE.findall((ROOT / "chapters" / f"{name}.md").read_text())


DECKS = sorted(path.stem for path in (ROOT / "chapters").glob("*.md") if marked(path.stem))
each_deck = pytest.mark.parametrize("name", DECKS)


def make(source, out, *options):
    sphinx = [Path(sys.executable).with_name("sphinx-build"), "-b", "slides", "-c", "tools"]
    return subprocess.run(
        [*sphinx, Path(source) / "book", out, "-d", out.parent / "doctrees", "-q", *options],
        cwd=ROOT, env=os.environ | {"BOOK_SOURCE": str(source)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.fixture(scope="module")
def decks(html):
    return html / "slides"


@pytest.fixture(scope="module")
def parsed(decks):
    return {
        name: BeautifulSoup((decks / f"{name}.html").read_text(), "html.parser") for name in DECKS
    }


@pytest.fixture
def page(browser):
    """An empty page of the size of a slide."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    yield context.new_page()
    context.close()


def measure(page, path):
    page.goto(path.as_uri())
    return page.evaluate(MEASURE)


def test_every_chapter_has_a_deck_and_no_other_page(decks):
    numbered = ["gates", "gpu", "gru-concise", "gru-scratch", "minibatches"]
    assert numbered == DECKS
    assert sorted(path.stem for path in decks.glob("*.html")) == DECKS


@each_deck
def test_a_deck_holds_what_the_chapter_marks(parsed, name):
    titles = [heading.get_text() for heading in parsed[name].find_all("h2")]
    words = [re.sub(r"\W+", " ", title) for title in titles]
    assert words == [re.sub(r"\W+", " ", title) for title in marked(name)]
    assert load("edition").describe(ROOT / "book") in parsed[name].find("section").get_text()
    notebook = nbformat.read(ROOT / "book" / f"{name}.ipynb", as_version=4)
    tagged = [
        cell
        for cell in notebook.cells
        if {"slide", "slide-output"} & set(cell.metadata.get("tags", ())) and cell.outputs
    ]
    assert len(parsed[name].find_all("div", class_="cell_output")) == len(tagged)
    for section in parsed[name].find_all("section"):
        assert len(section.get_text(strip=True)) > len(
            section.find(["h1", "h2"]).get_text()
        ) + 10 or (section.find("img"))


@each_deck
def test_a_deck_needs_no_other_host_and_nothing_is_missing(decks, parsed, name):
    for kind, attributes in LOADED.items():
        for element in parsed[name].find_all(kind):
            for address in filter(None, map(element.get, attributes)):
                assert not OTHER_HOST.match(address), address
                assert (decks / address.split("?")[0]).is_file(), address
    for picture in parsed[name].find_all("img"):
        assert len(picture["alt"]) > 20
    for link in parsed[name].find_all("a", href=True):
        address = link["href"].split("#")[0]
        page = re.fullmatch(r"\.\./([\w-]+)\.html", address)
        assert address.startswith("https://") or (ROOT / "chapters" / f"{page[1]}.md").is_file()


def test_there_are_notes_for_the_speaker(parsed):
    notes = [note for deck in parsed.values() for note in deck.find_all("aside", class_="notes")]
    assert len(notes) >= 4


@each_deck
def test_no_slide_overflows(page, decks, name):
    measured = measure(page, decks / f"{name}.html")
    assert [slide["title"] for slide in measured[1:]] and len(measured) == len(marked(name)) + 1
    for slide in measured:
        assert slide["bottom"] <= HEIGHT - 10 and slide["right"] <= WIDTH - 40, slide
        assert slide["images"] and not slide["raw"], slide


def test_the_measure_sees_an_overflow(page, decks):
    text = (decks / "gru-scratch.html").read_text()
    bad = decks / "bad.html"
    bad.write_text(text.replace("</h2>", '</h2><div style="height: 900px"></div>', 1))
    assert sum(slide["bottom"] > HEIGHT for slide in measure(page, bad)) == 1
    bad.write_text(text.replace("</h2>", "</h2><p style='width: 1400px'>x</p>{ref}`x`", 1))
    measured = measure(page, bad)
    bad.unlink()
    assert sum(slide["right"] > WIDTH for slide in measured) == 1
    assert [slide["raw"] for slide in measured if slide["raw"]] == ["{ref}"]


@each_deck
def test_a_deck_prints_one_page_a_slide(page, decks, tmp_path, name):
    page.goto((decks / f"{name}.html").as_uri() + "?print-pdf")
    page.locator(".pdf-page").last.wait_for()
    page.evaluate("document.fonts.ready")
    page.pdf(path=tmp_path / "deck.pdf", prefer_css_page_size=True)
    pages = pypdf.PdfReader(tmp_path / "deck.pdf").pages
    printed = [re.sub(r"\W", "", page.extract_text()) for page in pages]
    titles = [re.sub(r"\W", "", title) for title in marked(name)]
    assert len(printed) == len(titles) + 1
    for text, title in zip(printed[1:], titles, strict=True):
        assert text.startswith(title)


@pytest.fixture
def source(tmp_path):
    """Some of the stored notebooks, to be changed."""
    return part_of_the_book(tmp_path / "source", "minibatches", "gru-scratch", "gru-concise")


def test_only_edited_decks_are_written_and_those_without_slides_go(source, tmp_path):
    out = tmp_path / "slides"
    assert make(source, out).returncode == 0
    before = {path.stem: path.stat().st_mtime_ns for path in out.glob("*.html")}
    for name, text, other in (
        ("gru-scratch", "## ", "## Edited: "),
        ("minibatches", "{slide}", "{note}"),
    ):
        notebook = source / "book" / f"{name}.ipynb"
        assert text in notebook.read_text()
        notebook.write_text(notebook.read_text().replace(text, other))
    assert make(source, out).returncode == 0
    after = {path.stem: path.stat().st_mtime_ns for path in out.glob("*.html")}
    assert before.keys() - after.keys() == {"minibatches"} and not after.keys() - before.keys()
    mended = {name for name in after if after[name] != before[name]}
    assert mended == {"gru-scratch"}


def test_a_slide_that_shows_what_is_not_there_is_named(tmp_path):
    """All pages are there, so that nothing else is missing."""
    pages = [path.stem for path in (ROOT / "chapters").glob("*.md") if path.stem != "index"]
    source = part_of_the_book(tmp_path / "source", *pages)
    notebook = source / "book" / "gru-scratch.ipynb"
    notebook.write_text(notebook.read_text().replace(":show: fig-cell", ":show: fig-sell"))
    done = make(source, tmp_path / "slides", "-W", "--keep-going")
    (said,) = [line for line in done.stdout.splitlines() if "WARNING" in line]
    assert done.returncode and "shows fig-sell, which is not there" in said
    assert "gru-scratch" in said
