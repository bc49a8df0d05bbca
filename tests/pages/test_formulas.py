"""Formulas: all drawn when the pages are built, in a font that lies beside them."""

import re
import subprocess
import sys
from collections import Counter
from html import unescape

import pytest
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont
from tools_of_the_build import ROOT, TOOLS, load

pytestmark = pytest.mark.pages

formulas = load("formulas")
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("*.md"))
# Slides, and code but for what stands above it, such as a caption.
NOT_ON_THE_PAGE = re.compile(
    r"^(`{3,})\{(?:slide|code-cell)\}[^\n]*\n(---\n.*?\n---\n)?.*?^\1$", re.MULTILINE | re.DOTALL
)
TEX = re.compile(r"\$\$\n(.+?)\n\$\$|\$([^$\n]+)\$", re.DOTALL)
LETTERS = re.compile(r"<mi>(.)</mi>")


def written(name):
    """Return the formulas of a chapter as they should be drawn."""
    text = NOT_ON_THE_PAGE.sub(r"\2", (ROOT / "chapters" / f"{name}.md").read_text())
    return [formulas.draw(a or b, display=bool(a)) for a, b in TEX.findall(text)]


@pytest.mark.parametrize("name", CHAPTERS)
def test_each_formula_of_a_chapter_is_drawn_on_its_page(html, name):
    page = (html / f"{name}.html").read_text()
    drawn, expected = Counter(formulas.DRAWN.findall(page)), Counter(written(name))
    twice = expected - drawn | drawn - expected  # a figure and its twin share a caption
    assert set(drawn) == set(expected) and expected <= drawn
    assert sum(twice.values()) <= page.count('class="caption-number">')
    assert not re.search(r"mathjax|katex", page, re.IGNORECASE)


def test_there_are_formulas():
    drawn = [formula for name in CHAPTERS for formula in written(name)]
    assert len(drawn) > 100 and sum('display="block"' in formula for formula in drawn) >= 9


def test_the_font_holds_every_sign_and_its_licence(html):
    pages = "".join(path.read_text() for path in html.glob("*.html"))
    path = html / "_static" / "formulas.woff2"
    font = TTFont(path)
    drawn = unescape("".join(formulas.DRAWN.findall(pages)))
    italic = {sign for sign in formulas.ITALICS if formulas.normalize("NFKC", sign) in
              set(LETTERS.findall(drawn))}  # fmt: skip
    assert len(italic) > 10
    needed = set(re.sub("<[^>]*>|\\s", "", drawn)) | italic | {"√"}
    assert {sign for sign in needed if ord(sign) not in font.getBestCmap()} == set()
    assert "SIL Open Font License" in font["name"].getDebugName(13) and "MATH" in font
    assert path.stat().st_size < 40_000
    font.close()


def test_only_labels_give_numbers():
    for name in ("align", "equation", "gather", "multline"):
        assert "(1)" not in formulas.draw(rf"\begin{{{name}}}a=b\end{{{name}}}", display=True)


def build(folder, text):
    """Build a page of that text; return what Sphinx said and the page, or None."""
    (folder / "conf.py").write_text(
        f"import sys; sys.path.insert(0, {str(TOOLS)!r})\n"
        "extensions = ['myst_parser', 'formulas']; html_math_renderer = 'mathml'\n"
        "myst_enable_extensions = ['dollarmath']; html_theme = 'basic'; numfig = True\n"
    )
    (folder / "index.md").write_text(f"# Formulas\n\n{text}\n")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", folder, folder / "out", "-q"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    page = folder / "out" / "index.html"
    return done, BeautifulSoup(page.read_text(), "html.parser") if page.exists() else None


@pytest.mark.parametrize("tex", [r"\nosuchcommand", r"\frac{1"])
def test_a_formula_that_is_wrong_stops_the_build_and_is_named(tmp_path, tex):
    done, page = build(tmp_path, f"So ${tex}$ is.")
    assert done.returncode and page is None
    assert "index" in done.stdout and f"This is in {tex}" in done.stdout


def test_formulas_are_numbered_and_referred_to(tmp_path):
    done, page = build(
        tmp_path, "See {eq}`two`.\n\n$$\na\n$$ (one)\n\n$$\nb &= c \\\\\n&= d\n$$ (two)"
    )
    assert not done.stdout
    reference = page.find("a", class_="reference")
    assert reference.get_text() == "(2)"
    formula = page.find(id=reference["href"][1:])
    assert formula.find(class_="eqno").get_text().startswith("(2)")
    assert formula.math["display"] == "block" and len(formula.find_all("mtr")) == 2
