"""The pages: built without a warning, whole, and in need of no other host."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont
from tools_of_the_build import ROOT, load, part_of_the_book

pytestmark = pytest.mark.pages

CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("*.md"))
# What a browser fetches by itself, other than a link that a reader follows.
LOADED = {
    "script": ["src"],
    "link": ["href"],
    "img": ["src", "srcset"],
    "source": ["src", "srcset"],
    "iframe": ["src"],
    "object": ["data"],
    "embed": ["src"],
    "video": ["src", "poster"],
    "audio": ["src"],
    "image": ["href", "xlink:href"],
    "use": ["href", "xlink:href"],
}
OTHER_HOST = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
IN_STYLE = re.compile(r"@import\s*[\"']?([^\"';]+)|url\(\s*[\"']?([^\"')]+)")


@pytest.fixture(scope="module")
def pages(html):
    """A dict from each page's path to its parsed content."""
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(html.rglob("*.html"))
        if not {"_static", "slides"}
        & set(path.parts)  # the theme's own, and tests/test_slides.py's
    }


def target(page, address):
    """Return the file and the anchor that a relative address on a page leads to."""
    parts = urlsplit(address)
    path = page.parent / unquote(parts.path) if parts.path else page
    return path.resolve(), unquote(parts.fragment)


def is_local(address):
    return not urlsplit(address).scheme and not OTHER_HOST.match(address)


def loaded(page):
    """Yield each address that opening the page makes a browser fetch."""
    for name, attributes in LOADED.items():
        for element in page.find_all(name):
            for attribute in attributes:
                value = element.get(attribute, "")
                several = value.split(",") if attribute == "srcset" else [value]
                yield from (part.split()[0] for part in several if part.strip())
    styles = [element.get_text() for element in page.find_all("style")]
    styles += [element["style"] for element in page.find_all(style=True)]
    for style in styles:
        yield from (a or b for a, b in IN_STYLE.findall(style))


def test_the_checks_see_what_is_loaded():
    page = BeautifulSoup(
        "<img src=a srcset='b 1x, c 2x'><script src=d></script><link href=e><a href=f>"
        "<style>@import 'g'; p {background: url(h)}</style><p style='background: url(\"i\")'>",
        "html.parser",
    )
    assert sorted(loaded(page)) == list("abcdeghi")
    assert OTHER_HOST.match("//x.org/a") and OTHER_HOST.match("https://x.org")
    assert not OTHER_HOST.match("a//b") and not OTHER_HOST.match("_static/a.js")
    assert is_local("a.html#b") and not is_local("https://x.org") and not is_local("data:,")


def test_every_chapter_has_its_page(html):
    assert [name for name in CHAPTERS if not (html / f"{name}.html").is_file()] == []


def test_nothing_is_loaded_from_another_host(html, pages):
    foreign = [
        f"{path.name}: {address}"
        for path, page in pages.items()
        for address in loaded(page)
        if OTHER_HOST.match(address)
    ]
    for path in [*html.rglob("*.css"), *html.rglob("*.svg")]:
        text = path.read_text(encoding="utf-8")
        foreign += [
            f"{path.relative_to(html)}: {a or b}"
            for a, b in IN_STYLE.findall(text)
            if OTHER_HOST.match(a or b)
        ]
    scripts = [
        f"{path.name}: {script.get_text()[:80]}"
        for path, page in pages.items()
        for script in page.find_all("script")
        if re.search(r"https?://", script.get_text())
    ]
    assert foreign + scripts == []


def test_what_is_loaded_exists(pages):
    missing = [
        f"{path.name}: {address}"
        for path, page in pages.items()
        for address in loaded(page)
        if is_local(address) and not target(path, address)[0].is_file()
    ]
    assert missing == []


def test_a_page_waits_for_one_style_sheet(html, pages):
    for path, page in pages.items():
        (sheet,) = page.find_all("link", rel="stylesheet")
        assert target(path, sheet["href"])[0] == html / "_static" / "pages.css"
        assert all((html / "_static" / name).is_file() for name in sheet["data-parts"].split())
    css = (html / "_static" / "pages.css").read_text()
    assert "@import" not in css and "@charset" not in css
    urls = [b for a, b in IN_STYLE.findall(css) if not b.startswith(("data:", "#"))]
    assert len(urls) > 2 and all((html / "_static" / url).is_file() for url in urls)
    assert css.index(".fa-solid") < css.index("--book-measure")  # ours has the last word


def test_every_icon_that_is_shown_is_there(html, pages):
    css = (html / "_static" / "pages.css").read_text()
    (font,) = html.glob("_static/vendor/fontawesome/*/webfonts/fa-solid-900.woff2")
    glyphs = TTFont(font).getBestCmap()
    codes = {
        name: int(code, 16)
        for names, code in load("styles").ICON.findall(css)
        for name in re.findall(r"fa-[\w-]+", names)
    }
    kinds = {"fa-solid", "fa-lg"}
    shown = {
        name
        for page in pages.values()
        for icon in page.find_all(class_=re.compile("^fa"))
        for name in icon["class"]
        if name.startswith("fa-") and name not in kinds
    }
    assert len(shown) > 10 and shown <= set(codes)
    assert all(codes[name] in glyphs for name in shown) and len(glyphs) < 40


def test_pages_of_an_earlier_build_are_joined_again(html):
    files = [*html.glob("*.html"), html / "_static" / "pages.css"]
    before = {path: path.read_bytes() for path in files}
    load("styles").join(SimpleNamespace(builder=SimpleNamespace(name="html"), outdir=html), None)
    assert {path: path.read_bytes() for path in files} == before


def test_links_lead_somewhere(pages):
    broken = []
    for path, page in pages.items():
        for link in page.find_all("a", href=True):
            if not is_local(link["href"]) or link["href"] == "#":
                continue
            file, anchor = target(path, link["href"])
            there = pages.get(file)
            if not file.is_file() or (anchor and there and not there.find(id=anchor)):
                broken.append(f"{path.name}: {link['href']}")
    assert broken == []


def test_pictures_have_alternative_text(pages):
    silent = []
    for path, page in pages.items():
        for picture in page.find_all("img"):
            says = picture.get("alt", "").strip()
            decoration = "logo__image" in picture.get("class", [])  # the title stands beside it
            if not decoration and (not says or says == picture["src"]):
                silent.append(f"{path.name}: {picture['src']}")
    assert silent == []


def test_solutions_are_hidden_until_asked_for(pages):
    shown = [
        f"{path.name}: {solution.get_text(' ', strip=True)[:60]}"
        for path, page in pages.items()
        for solution in page.find_all("div", class_="solution")
        if "dropdown" not in solution["class"]
    ]
    assert shown == []


def test_no_page_names_a_path_of_this_machine(pages):
    assert [path.name for path, page in pages.items() if str(ROOT) in str(page)] == []


def buttons(page):
    """Return the addresses behind the buttons of a page's header, by their words."""
    return {
        button.get_text(" ", strip=True) or button.get("title"): button.get("href")
        for button in page.select(".article-header-buttons :is(a, button)[class*=btn-]")
    }


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_page_leads_to_its_other_forms(html, pages, name):
    page = html / f"{name}.html"
    found = {words: address for words, address in buttons(pages[page]).items() if address}
    expected = {
        "Notebook, with its outputs": html / "_sources" / f"{name}.ipynb",
        "Markdown source": html / "_sources" / f"{name}.md",
        "Slides": html / "slides" / f"{name}.html",
        "The book as PDF": html / "book.pdf",
    }
    torch = f"{name}-torch.ipynb"
    if (ROOT / "book" / torch).exists():
        expected["Notebook in PyTorch"] = html / "_sources" / torch
    if not expected["Slides"].exists():
        del expected["Slides"]
    assert {words: target(page, address)[0] for words, address in found.items()} == expected
    assert all(path.stat().st_size for path in expected.values())
    markdown = (ROOT / "chapters" / f"{name}.md").read_text()
    assert expected["Markdown source"].read_text() == markdown
    assert ("{slide}" in markdown) == ("Slides" in expected)


def test_pages_say_which_version_they_are_and_show_no_slide(pages):
    words = load("edition").describe(ROOT / "book")
    for path, page in pages.items():
        assert words in page.find(class_="bd-footer-content").get_text(" "), path.name
        assert "{slide}" not in page.get_text() and not page.find(class_="slide")


def test_with_a_public_address_pages_open_elsewhere(pages, tmp_path):
    """And without one, as now, there is no such button."""
    elsewhere = re.compile("mybinder|colab")
    assert [page for page in pages.values() if page.find("a", href=elsewhere)] == []
    source = part_of_the_book(tmp_path / "source", "gru-scratch")
    address = "{url: https://github.com/someone/gru, branch: main, path_to_book: book}"
    config = (source / "_config.yml").read_text()
    (source / "_config.yml").write_text(f"repository: {address}\n{config}")
    sphinx = [Path(sys.executable).with_name("sphinx-build"), "-b", "html", "-c", "tools"]
    subprocess.run(
        [*sphinx, source / "book", tmp_path / "html", "-q"],
        cwd=ROOT,
        env=os.environ | {"BOOK_SOURCE": str(source)},
        check=True,
    )
    page = BeautifulSoup((tmp_path / "html" / "gru-scratch.html").read_text(), "html.parser")
    assert {link["href"] for link in page.find_all("a", href=elsewhere)} == {
        "https://mybinder.org/v2/gh/someone/gru/main?urlpath=lab/tree/book/gru-scratch.ipynb",
        "https://colab.research.google.com/github/someone/gru/blob/main/book/gru-scratch.ipynb",
    }
