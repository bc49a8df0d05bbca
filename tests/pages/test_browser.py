"""The pages in a real browser: read, searched, printed, in light and dark, with formulas."""

import gzip
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from axe_playwright_python.sync_playwright import Axe
from tools_of_the_build import ROOT

PAGES = sorted(path.stem for path in (ROOT / "chapters").glob("*.md"))
DECKS = [
    f"slides/{name}" for name in PAGES if "{slide}" in (ROOT / f"chapters/{name}.md").read_text()
]
# The first page, and those with most formulas, most to try out, and tables of functions.
FOUR = ["index", "gru-scratch", "gates", "api"]

# These rules take four fifths of axe's time, and depend on the scheme and not on the width.
OF_COLOURS = ["color-contrast", "link-in-text-block"]
ONLY_OF_COLOURS = {"runOnly": {"type": "rule", "values": OF_COLOURS}}
BUT_OF_COLOURS = {"rules": {rule: {"enabled": False} for rule in OF_COLOURS}}


# Thousands of words of code look like few of them, and these are enough; axe sees no hidden one.
EACH_LOOK_ONCE = """() => {
  const seen = new Set();
  const more = [...document.querySelectorAll(":is(.highlight, .sig) span")].filter((word) => {
    const style = getComputedStyle(word);
    const block = getComputedStyle(word.closest(".highlight, .sig"));
    const colours = [style.color, style.backgroundColor, block.backgroundColor];
    const look = [...colours, style.font, word.checkVisibility()].join();
    return seen.has(look) || !seen.add(look);
  });
  for (const word of more) word.replaceWith(...word.childNodes);
}"""


def faults(page, options=None):
    """Return what axe finds, with the first places."""
    page.evaluate(EACH_LOOK_ONCE)
    found = Axe().run(page, options=options).response["violations"]
    return [(fault["id"], [node["html"][:120] for node in fault["nodes"][:3]]) for fault in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", FOUR)
def test_axe_finds_no_fault(visit, server, name, scheme):
    check_with_axe(visit, server, name, scheme)


def check_with_axe(visit, server, name, scheme):
    went = visit(name, base=server, color_scheme=scheme)
    for widget in went.page.locator(".gru-widget").all():
        widget.scroll_into_view_if_needed()
        widget.locator("xpath=self::*[@data-ready]").wait_for()
    assert went.wrong == []
    assert faults(went.page, ONLY_OF_COLOURS if scheme == "dark" else None) == []


@pytest.mark.parametrize("name", [*PAGES, *DECKS])
def test_a_page_opens_without_a_fault_and_asks_no_other_host(visit, name):
    went = visit(name)
    assert went.wrong == [] and went.page.locator("h1").count()
    assert all(address.startswith(("file:", "data:")) for address in went.asked)


def test_axe_sees_a_pale_word(visit):
    """A hidden one before it does not stand for it."""
    page = visit("index").page
    page.add_style_tag(content=".highlight .mi { color: #ddd !important }")
    page.evaluate("document.querySelector('.highlight .mi').hidden = true")
    ((fault, places),) = faults(page, ONLY_OF_COLOURS)
    assert fault == "color-contrast" and places == ['<span class="mi">35</span>']


@pytest.mark.parametrize("name", FOUR[1:])
def test_on_a_phone_nothing_is_wider_than_the_page(visit, name):
    check_on_a_phone(visit, name)


def check_on_a_phone(visit, name):
    """A wide table or formula scrolls within itself, and the keyboard reaches it."""
    went = visit(name, viewport={"width": 360, "height": 640})
    assert went.page.evaluate("document.documentElement.scrollWidth") == 360
    out = went.page.evaluate("""() => {
      const page = document.querySelector(".bd-article").getBoundingClientRect().right;
      return [...document.querySelectorAll("div.math, math:not([display])")]
        .filter((formula) => !formula.closest("table"))
        .filter((formula) => formula.getBoundingClientRect().right > page)
        .map((formula) => formula.textContent);
    }""")
    assert out == []
    assert faults(went.page, BUT_OF_COLOURS) == []


def test_formulas_wait_for_no_script_and_take_their_font_from_beside_the_page(visit, html):
    went = visit("gru-scratch", java_script_enabled=False)
    assert went.page.locator("math").first.is_visible()
    font = (html / "_static" / "formulas.woff2").as_uri()
    assert font in went.asked and all(address.startswith("file:") for address in went.asked)
    assert went.wrong == []


@pytest.mark.parametrize("name", ["index", "gates"])
def test_a_page_and_what_it_asks_for_are_small(visit, name):
    """Compressed, and but for fonts; the first page, and the one with most to try out."""
    asked = {Path(url2pathname(urlsplit(url).path)) for url in visit(name).asked}
    asked = {path for path in asked if path.suffix != ".woff2"}
    assert {path.suffix for path in asked} == {".html", ".css", ".js", ".svg"}
    assert sum(len(gzip.compress(path.read_bytes())) for path in asked) < 300_000


def test_search_finds_pages(visit, server):
    went = visit("search", base=server)
    went.page.goto(f"{server}/search.html?q=perplexity")
    went.page.locator("#search-results li", has_text="Text to minibatches").first.wait_for()
    went.page.wait_for_load_state("networkidle")
    assert not [said for said in went.wrong if "Content Security Policy" in said]


@pytest.mark.parametrize("name", ["gru-scratch", "slides/gru-scratch"])
@pytest.mark.parametrize(
    "code", ["s.textContent = 'hit = 1'", "s.src = 'https://example.org/x.js'"]
)
def test_a_page_runs_no_script_but_its_own(visit, server, name, code):
    went = visit(name, base=server)
    assert went.wrong == []
    added = "const s = document.createElement('script'); {}; document.head.append(s)"
    went.page.evaluate("() => {" + added.format(code) + "}")
    assert went.page.evaluate("typeof hit") == "undefined"
    assert any("Content Security Policy" in said for said in went.wrong)


def test_solutions_open_and_the_theme_changes(visit):
    went = visit("gru-scratch")
    solution = went.page.locator(".solution").first
    inside = solution.locator(".cell").first
    assert not inside.is_visible()
    solution.locator(".toggle-button").click()
    inside.wait_for(state="visible")
    theme = "document.documentElement.dataset.theme"
    before = went.page.evaluate(theme)
    went.page.locator(".theme-switch-button").first.click()
    assert {before, went.page.evaluate(theme)} == {"light", "dark"}
    went.page.locator(".cell_input").first.hover()
    assert went.page.locator(".copybtn").first.is_visible()
    assert went.wrong == []


def test_on_paper_all_is_open_and_only_the_page_is_there(visit):
    went = visit("gru-concise")
    closed = went.page.locator(".solution .cell").first
    names = (".bd-sidebar-primary", ".bd-header-article", ".toggle-button")
    bars = [went.page.locator(name).first for name in names]
    assert not closed.is_visible() and all(bar.is_visible() for bar in bars)
    went.page.emulate_media(media="print")
    assert closed.is_visible() and not any(bar.is_visible() for bar in bars)
