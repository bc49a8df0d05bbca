"""The pages: built without a warning, whole, and in need of no other host."""

import re
from collections import Counter
from html import unescape
from unicodedata import normalize
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont
from tools_of_the_build import ROOT

from tools.ext import edition, formulas, styles

CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("*.md"))
each_chapter = pytest.mark.parametrize("name", CHAPTERS)


@pytest.fixture(scope="module")
def pages(html):
    """A dict from each page's path to its parsed content; slides are pages, too."""
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(html.rglob("*.html"))
        if "_static" not in path.parts  # the theme's own
    }


def target(page, address):
    """Return the file and the anchor that a relative address on a page leads to."""
    parts = urlsplit(address)
    path = page.parent / unquote(parts.path) if parts.path else page
    return path.resolve(), unquote(parts.fragment)


def test_each_page_may_load_and_run_only_what_is_beside_it(pages):
    """In a browser test_browser.py sees that this is enough for it."""
    for path, page in pages.items():
        policy = page.find("head").find("meta")
        assert policy["http-equiv"] == "Content-Security-Policy", path.name
        said = dict(part.split(" ", 1) for part in policy["content"].split("; "))
        assert said["default-src"] == "'self'" and "http" not in policy["content"], path.name
        assert "'unsafe-inline'" not in said["script-src"], path.name


def test_a_page_waits_for_one_style_sheet_with_the_icons_that_are_shown(html, pages):
    pages = {path: page for path, page in pages.items() if path.parent == html}  # no slides
    for path, page in pages.items():
        (sheet,) = page.find_all("link", rel="stylesheet")
        assert target(path, sheet["href"])[0] == html / "_static" / "pages.css"
    css = (html / "_static" / "pages.css").read_text()
    assert "@import" not in css and "@charset" not in css
    urls = re.findall(r"""url\(["']?(?!data:|#)([^"')]+)""", css)
    assert len(urls) > 2 and all((html / "_static" / url).is_file() for url in urls)
    assert css.index(".fa-solid") < css.index("--book-measure")  # ours has the last word
    icons = {icon for page in pages.values() for icon in page.select("[class*=fa-]")}
    names = {name for icon in icons for name in icon["class"] if name.startswith("fa-")}
    (font,) = html.glob("_static/vendor/fontawesome/*/webfonts/fa-solid-900.woff2")
    codes = {
        name: int(rule[2], 16)
        for rule in styles.ICON.finditer(css)
        for name in re.findall(r"fa-[\w-]+", rule[1])
    }
    assert len(names) > 10 and names - {*codes} <= {"fa-solid", "fa-lg"}
    glyphs = TTFont(font).getBestCmap()
    assert all(codes[name] in glyphs for name in names & {*codes}) and len(glyphs) < 40
    texts = {path: path.read_text() for path in html.glob("*.html")}
    assert styles.join(html / "_static", texts) == texts  # a second build joins what is joined
    assert (html / "_static" / "pages.css").read_text() == css


def test_rules_for_what_no_page_has_are_left_out():
    css = """/* .a {} */ .a, .b:not(.b, .a) { x: 1 } .b { x: 2 } p, [z=".b"] { x: 3 } #b .a { x: 4 }
    @media print { .b { x: 5 } } @media print { .b, .a:is(.b) p { x: 6 } } @font-face { x: 7 }
    .a\\/2 { x: 8 } @keyframes b { 0% { x: 9 } }"""
    kept = styles.cut_rules(css, {"a"}).split()
    assert "".join(kept) == (
        '.a{x:1}p,[z=".b"]{x:3}@mediaprint{.a:is(.b)p{x:6}}@font-face{x:7}.a\\/2{x:8}'
        "@keyframesb{0%{x:9}}"
    )


def test_links_lead_somewhere(pages):
    broken = []
    for path, page in pages.items():
        for link in page.find_all("a", href=True):
            if urlsplit(link["href"]).scheme or link["href"] == "#":
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


def test_solutions_are_hidden_and_no_page_names_a_path_or_holds_a_slide(html, pages):
    version = edition.describe(ROOT / "book")
    for path in html.glob("*.html"):
        page = pages[path]
        for solution in page.find_all("div", class_="solution"):
            assert "dropdown" in solution["class"], (path.name, solution.get_text()[:60])
        assert str(ROOT) not in str(page) and not page.find(class_="slide"), path.name
        elsewhere = page.find("a", href=re.compile("mybinder|colab"))
        assert not elsewhere, "the book has no public address yet"
        assert version in page.find(class_="bd-footer-content").get_text(" "), path.name


@each_chapter
def test_a_page_leads_to_its_other_forms(html, pages, name):
    page = html / f"{name}.html"
    found = {
        button.get_text(" ", strip=True): button["href"]
        for button in pages[page].select(".article-header-buttons a[class*=btn-][href]")
    }
    expected = {
        "Notebook, with its outputs": html / "_sources" / f"{name}.ipynb",
        "Notebook in PyTorch": html / "_sources" / f"{name}-torch.ipynb",
        "Markdown source": html / "_sources" / f"{name}.md",
        "Slides": html / "slides" / f"{name}.html",
        "The book as PDF": html / "book.pdf",
    }
    markdown = (ROOT / "chapters" / f"{name}.md").read_text()
    if ":tags: [torch" not in markdown:
        del expected["Notebook in PyTorch"]
    if "{slide}" not in markdown:
        del expected["Slides"]
    assert {words: target(page, address)[0] for words, address in found.items()} == expected
    assert all(path.stat().st_size for path in expected.values())
    assert expected["Markdown source"].read_text() == markdown


@each_chapter
def test_pages_with_code_have_a_card_and_say_of_each_number_where_it_is_from(html, pages, name):
    page = pages[html / f"{name}.html"]
    cards = page.select(".bd-article details.card-of-run")
    assert len(cards) == ("{code-cell}" in (ROOT / "chapters" / f"{name}.md").read_text())
    assert not any(card.has_attr("open") for card in cards)
    for number in page.select(".pasted-text"):
        source = number.parent["title"]
        assert source.startswith("from code cell ")
        items = [item.get_text() for item in cards[0].select("li")]
        assert any(source in item and number.get_text() in item for item in items)


# Formulas.  Slides are not on the pages, nor code but for what stands above it, such as a caption.
NOT_ON_THE_PAGE = re.compile(
    r"^(`{3,})\{(?:slide|code-cell)\}[^\n]*\n(---\n.*?\n---\n)?.*?^\1$", re.MULTILINE | re.DOTALL
)
TEX = re.compile(r"\$\$\n(.+?)\n\$\$|\$([^$\n]+)\$", re.DOTALL)
DRAWN = re.compile(r"<math.*?</math>", re.DOTALL)
# What browsers put in the place of a single letter.
ITALICS = [chr(code) for code in (0x210E, *range(0x1D434, 0x1D468), *range(0x1D6E2, 0x1D71C))]


@each_chapter
def test_each_formula_of_a_chapter_is_drawn_on_its_page(html, name):
    page = (html / f"{name}.html").read_text()
    text = NOT_ON_THE_PAGE.sub(r"\2", (ROOT / "chapters" / f"{name}.md").read_text())
    expected = Counter(formulas.draw(a or b, display=bool(a)) for a, b in TEX.findall(text))
    drawn = Counter(DRAWN.findall(page))
    twice = drawn - expected  # a figure and its twin share a caption
    assert set(drawn) == set(expected) and expected <= drawn
    assert sum(twice.values()) <= page.count('class="caption-number">')


def test_the_font_of_formulas_holds_every_sign_and_its_licence(html):
    pages = "".join(path.read_text() for path in html.rglob("*.html"))
    drawn = set(unescape(re.sub("<[^>]*>|\\s", "", "".join(DRAWN.findall(pages)))))
    italic = {sign for sign in ITALICS if normalize("NFKC", sign) in drawn}
    assert len(italic) > 10
    with TTFont(html / "_static" / "formulas.woff2") as font:
        there = {chr(code) for code in font.getBestCmap()}
        assert (drawn | italic | {"√"}) - there == set(), "see book/assets/formulas.css"
        assert "SIL Open Font License" in font["name"].getDebugName(13) and "MATH" in font


def test_the_fonts_of_text_and_code_hold_their_letters_and_are_small(html, pages):
    words = {"text": set(), "mono": set()}
    for page in (BeautifulSoup(str(pages[path]), "html.parser") for path in html.glob("*.html")):
        for part in page(["math", "script", "style", "nav"]):
            part.decompose()
        for code in page(["pre", "code"]):
            words["mono"] |= set(code.extract().get_text())
        words["text"] |= set(page.article.get_text() if page.article else "")
    for path in html.glob("_static/[tm]*-*.woff2"):
        with TTFont(path) as font:
            there = {chr(code) for code in font.getBestCmap()}
        assert words[path.name[:4]] - there <= set("\n\t★"), "see book/assets/fonts.css"
        assert path.stat().st_size < 20_000
