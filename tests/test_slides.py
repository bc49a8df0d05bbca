"""The slides: one deck a chapter, whole, in need of no other host, and nothing off a slide."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pypdf
import pytest
from bs4 import BeautifulSoup
from test_html import LOADED, OTHER_HOST
from tools_of_the_build import ROOT, load

SLIDE = re.compile(r"^`{3,}\{slide\} (.*)$", re.M)
CHROMIUM = shutil.which("chromium")
needs_browser = pytest.mark.skipif(not CHROMIUM, reason="needs chromium")
WIDTH, HEIGHT = 1280, 720

# Goes through all slides once formulas are drawn, and leaves what it measured in the page.
MEASURE = """
<script>
addEventListener("load", async () => {
  await MathJax.startup.promise;
  const measured = Reveal.getSlides().map((slide) => {
    const { h, v } = Reveal.getIndices(slide);
    Reveal.slide(h, v);
    const box = slide.getBoundingClientRect(), scale = Reveal.getScale();
    let right = 0, bottom = 0;
    for (const part of slide.querySelectorAll("*")) {
      if (part.closest("aside, mjx-assistive-mml")) continue;
      const { right: x, bottom: y } = part.getBoundingClientRect();
      const cut = part.matches("pre") && part.scrollWidth > part.clientWidth + 1;
      right = Math.max(right, cut ? 9999 : (x - box.left) / scale);
      bottom = Math.max(bottom, (y - box.top) / scale);
    }
    const images = [...slide.querySelectorAll("img")].every((image) => image.naturalWidth > 0);
    return { title: slide.querySelector("h1, h2").innerText, right, bottom, images,
             raw: slide.innerText.match(/\\\\[(\\[]|\\{[a-z:]+\\}/)?.[0] ?? "" };
  });
  const result = document.createElement("pre");
  result.id = "measured";
  result.textContent = JSON.stringify(measured);
  document.body.replaceChildren(result);
});
</script>
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
def decks(tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "slides"
    done = make(ROOT, out, "-n", "-W", "--keep-going")
    if done.returncode:
        pytest.fail(f"the slides do not build without a warning:\n{done.stdout}", pytrace=False)
    return out


@pytest.fixture(scope="module")
def parsed(decks):
    return {
        name: BeautifulSoup((decks / f"{name}.html").read_text(), "html.parser") for name in DECKS
    }


def browse(address, *options):
    """Open an address in Chromium without a window; return what it prints."""
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    quiet += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        done = subprocess.run(
            [CHROMIUM, *quiet, f"--user-data-dir={profile}", *options, address],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    return done.stdout


def measure(page):
    """Return what MEASURE finds on each slide of a deck."""
    path = page.with_name(f"measured-{page.name}")
    path.write_text(page.read_text().replace("</body>", f"{MEASURE}</body>"))
    size = f"--window-size={WIDTH},{HEIGHT}"
    dom = browse(path.as_uri(), "--dump-dom", size, "--virtual-time-budget=30000")
    found = BeautifulSoup(dom, "html.parser").find(id="measured")
    assert found, f"{page.name} was not measured"
    return json.loads(found.get_text())


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


@needs_browser
@each_deck
def test_no_slide_overflows(decks, name):
    measured = measure(decks / f"{name}.html")
    assert [slide["title"] for slide in measured[1:]] and len(measured) == len(marked(name)) + 1
    for slide in measured:
        assert slide["bottom"] <= HEIGHT - 10 and slide["right"] <= WIDTH - 40, slide
        assert slide["images"] and not slide["raw"], slide


@needs_browser
def test_the_measure_sees_an_overflow(decks):
    page = decks / "gru-scratch.html"
    text = page.read_text()
    tall = decks / "tall.html"
    tall.write_text(text.replace("</h2>", '</h2><div style="height: 900px"></div>', 1))
    assert sum(slide["bottom"] > HEIGHT for slide in measure(tall)) == 1
    tall.write_text(text.replace("</h2>", "</h2><p style='width: 1400px'>x</p>{ref}`x`", 1))
    assert sum(slide["right"] > WIDTH for slide in measure(tall)) == 1
    assert [slide["raw"] for slide in measure(tall) if slide["raw"]] == ["{ref}"]
    for path in decks.glob("*tall.html"):
        path.unlink()


@needs_browser
@each_deck
def test_a_deck_prints_one_page_a_slide(decks, tmp_path, name):
    page = decks / f"printed-{name}.html"
    # Without a window, Chromium draws no frames, which reveal.js waits for.
    frames = "<script>requestAnimationFrame = (draw) => setTimeout(draw, 0)</script>"
    page.write_text((decks / f"{name}.html").read_text().replace("<head>", f"<head>{frames}"))
    pdf = tmp_path / "deck.pdf"
    options = [f"--print-to-pdf={pdf}", "--no-pdf-header-footer", "--virtual-time-budget=30000"]
    browse(page.as_uri() + "?print-pdf", *options)
    page.unlink()
    pages = [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(pdf).pages]
    titles = [re.sub(r"\W", "", title) for title in marked(name)]
    assert [
        re.sub(r"\W", "", page).startswith(title)
        for page, title in zip(pages[1:], titles, strict=True)
    ] == [True] * len(titles)


def test_a_slide_that_shows_what_is_not_there_is_named(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(ROOT / "book", source / "book")
    config = (ROOT / "_config.yml").read_text().replace(": tools", f": {ROOT / 'tools'}")
    (source / "_config.yml").write_text(config)
    notebook = source / "book" / "gru-scratch.ipynb"
    notebook.write_text(notebook.read_text().replace(":show: fig-cell", ":show: fig-sell"))
    done = make(source, tmp_path / "slides", "-W", "--keep-going")
    assert done.returncode and "shows fig-sell, which is not there" in done.stdout
    assert "gru-scratch" in done.stdout
