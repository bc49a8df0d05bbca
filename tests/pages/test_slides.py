"""The slides: one deck a chapter, whole, and nothing off a slide."""

import re

import nbformat
import pypdf
import pytest
from bs4 import BeautifulSoup
from tools_of_the_build import ROOT
from visits import BOTH

from tools.ext import edition

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

MARKED = {path.stem: SLIDE.findall(path.read_text()) for path in (ROOT / "chapters").glob("*.md")}
DECKS = sorted(name for name, titles in MARKED.items() if titles)
each_deck = pytest.mark.parametrize("name", DECKS)


@pytest.fixture
def measure(visit):
    """Return a function that opens a deck and measures its slides."""

    def go(name):
        went = visit(f"slides/{name}", viewport={"width": WIDTH, "height": HEIGHT})
        measured = went.page.evaluate(MEASURE)
        assert went.wrong == []
        assert all(address.startswith(("file:", "data:")) for address in went.asked)
        return measured

    return go


def test_chapters_with_slides_have_a_deck_and_no_other_page(html):
    assert len(DECKS) > 3
    assert sorted(path.stem for path in (html / "slides").glob("*.html")) == DECKS


@each_deck
def test_a_deck_holds_what_the_chapter_marks(html, name):
    deck = BeautifulSoup((html / "slides" / f"{name}.html").read_text(), "html.parser")
    titles = [re.sub(r"\W+", " ", heading.get_text()) for heading in deck.find_all("h2")]
    assert titles == [re.sub(r"\W+", " ", title) for title in MARKED[name]]
    assert edition.describe(ROOT / "book") in deck.find("section").get_text()
    notebook = nbformat.read(ROOT / "book" / f"{name}.ipynb", as_version=4)
    tagged = [
        cell
        for cell in notebook.cells
        if {"slide", "slide-output"} & set(cell.metadata.get("tags", ())) and cell.outputs
    ]
    assert len(deck.find_all("div", class_="cell_output")) == len(tagged)
    for section in deck.find_all("section"):
        words = len(section.get_text(strip=True)) - len(section.find(["h1", "h2"]).get_text())
        assert words > 10 or section.find("img")
    markdown = (ROOT / "chapters" / f"{name}.md").read_text()
    assert len(deck.select("aside.notes")) == markdown.count("{revealjs-notes}")
    assert not deck.find(class_="card-of-run")


@each_deck
def test_a_deck_opens_without_a_fault_and_no_slide_overflows(measure, name):
    measured = measure(name)
    assert [slide["title"] for slide in measured[1:]] and len(measured) == len(MARKED[name]) + 1
    for slide in measured:
        assert slide["bottom"] <= HEIGHT - 10 and slide["right"] <= WIDTH - 40, slide
        assert slide["images"] and not slide["raw"], slide


def test_the_measure_sees_an_overflow(measure, html):
    text = (html / "slides" / f"{DECKS[0]}.html").read_text()
    bad = html / "slides" / "bad.html"
    tall, wide = '<div style="height: 900px"></div>', "<p style='width: 1400px'>x</p>{ref}`x`"
    bad.write_text(text.replace("</h2>", "</h2>" + tall, 1).replace("<h2>", f"{wide}<h2>", 1))
    measured = measure("bad")
    bad.unlink()
    assert max(slide["bottom"] for slide in measured) > HEIGHT
    assert max(slide["right"] for slide in measured) > WIDTH
    assert "{ref}" in [slide["raw"] for slide in measured]


def test_a_deck_prints_one_page_a_slide_and_scrolls_on_a_phone(visit, tmp_path):
    page = visit(f"slides/{DECKS[0]}").page
    page.goto(page.url.split("#")[0] + "?print-pdf")
    page.locator(".pdf-page").last.wait_for()
    page.evaluate("document.fonts.ready")
    page.pdf(path=tmp_path / "deck.pdf", prefer_css_page_size=True)
    pages = pypdf.PdfReader(tmp_path / "deck.pdf").pages
    printed = [re.sub(r"\W", "", page.extract_text()) for page in pages]
    titles = [re.sub(r"\W", "", title) for title in MARKED[DECKS[0]]]
    assert all(text.startswith(title) for text, title in zip(printed[1:], titles, strict=True))
    padding = "getComputedStyle(document.querySelectorAll('.pdf-page > section')[1]).padding"
    assert page.evaluate(padding) == "48px 72px"
    phone = visit(f"slides/{DECKS[0]}", viewport={"width": 360, "height": 640})
    tops = "[...document.querySelectorAll('.slides h2')].map((h) => h.getBoundingClientRect().top)"
    phone.until(f"({tops}).filter((top) => top > 0 && top < 640).length > 1")


@BOTH
@pytest.mark.parametrize("base", ["file", "http"])
def test_the_speaker_sees_the_notes_and_the_next_slide(visit, server, base):
    went = visit("slides/gru-scratch", base=server if base == "http" else None)
    deck = BeautifulSoup(went.page.content(), "html.parser").select(".slides > section")
    at = next(n for n, slide in enumerate(deck) if slide.select("aside.notes"))
    for _ in range(at):
        went.page.keyboard.press("ArrowRight")
    with went.page.expect_popup() as opened:
        went.page.keyboard.press("s")
    speaker = opened.value
    notes = deck[at].find("aside").get_text(strip=True)
    speaker.locator(".speaker-controls-notes", has_text=notes).wait_for()
    after = speaker.frame_locator("#upcoming-slide iframe").locator("section.present h2")
    after.filter(has_text=deck[at + 1].h2.get_text(strip=True)).wait_for()
    assert went.wrong == []
