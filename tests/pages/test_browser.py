"""The pages in a real browser: read, searched, printed, in light and dark, with formulas."""

import gzip
import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from axe_playwright_python.sync_playwright import Axe
from tools_of_the_build import ROOT
from visits import BOTH

PAGES = sorted(path.stem for path in (ROOT / "chapters").glob("*.md"))
# The page with most formulas and twins, and the one with most to try out; test_pages.py of the
# night sees them all.
SOME = ["gru-scratch", "gates"]

# These rules take four fifths of axe's time, and depend on the scheme and not on the width.
OF_COLOURS = ["color-contrast", "link-in-text-block"]
ONLY_OF_COLOURS = {"runOnly": {"type": "rule", "values": OF_COLOURS}}
BUT_OF_COLOURS = {"rules": {rule: {"enabled": False} for rule in OF_COLOURS}}


# Thousands of words of code look like few of them, and these are enough; axe sees no hidden one,
# and gives up on the shades of what scrolls.
EACH_LOOK_ONCE = """() => {
  const plain = ":is(#any, html) * { background-image: none !important }";
  document.head.append(Object.assign(document.createElement("style"), { textContent: plain }));
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
    found = [fault for fault in found if fault["id"] != "empty-table-header"]  # axe reads no MathML
    return [(fault["id"], [node["html"][:120] for node in fault["nodes"][:3]]) for fault in found]


# Titles of folded solutions and hints that run under the button that unfolds them.
COVERED = """() => [...document.querySelectorAll(".admonition.toggle")].filter((box) => {
  const button = box.querySelector(".toggle-button"), range = document.createRange();
  const at = button.getBoundingClientRect(), title = box.querySelector(".admonition-title");
  return [...title.childNodes].filter((node) => !node.contains(button)).some((node) => {
    range.selectNodeContents(node);
    return [...range.getClientRects()].some((words) => words.right > at.left + 1
      && words.left < at.right && words.bottom > at.top && words.top < at.bottom);
  });
}).map((box) => box.querySelector(".admonition-title").textContent)"""


@pytest.mark.parametrize("name", SOME)
def test_axe_finds_no_fault_in_light_and_dark_and_on_a_phone(visit, server, name):
    check_all(visit, server, name)


def check_all(visit, server, name):
    """Look at a page in all ways: on a phone, light, and dark with PyTorch's tabs open."""
    went = visit(name, base=server, viewport={"width": 360, "height": 640})
    for widget in went.page.locator(".gru-widget").all():
        went.fill(widget.get_attribute("data-widget"))
    # A wide table or formula scrolls within itself, and the keyboard reaches it.
    assert went.page.evaluate("document.documentElement.scrollWidth") == 360
    out = went.page.evaluate("""() => {
      const page = document.querySelector(".bd-article").getBoundingClientRect().right;
      return [...document.querySelectorAll("div.math, math:not([display])")]
        .filter((formula) => !formula.closest("table"))
        .filter((formula) => formula.getBoundingClientRect().right > page)
        .map((formula) => formula.textContent);
    }""")
    assert out == []
    assert went.page.evaluate(COVERED) == []
    assert faults(went.page, BUT_OF_COLOURS) == []
    went.page.set_viewport_size({"width": 1200, "height": 900})
    assert went.page.evaluate(COVERED) == []
    assert faults(went.page) == []
    went.page.emulate_media(color_scheme="dark")
    went.page.reload()
    for label in went.page.locator("label", has_text="PyTorch").all()[:1]:
        label.click()
    assert faults(went.page, ONLY_OF_COLOURS) == [] and went.wrong == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_a_fault_and_is_small_and_asks_no_other_host(visit, name):
    """Compressed, and but for fonts, with all that it asks for."""
    went = visit(name)
    assert went.wrong == [] and went.page.locator("h1").count()
    assert all(address.startswith(("file:", "data:")) for address in went.asked)
    asked = {Path(url2pathname(urlsplit(url).path)) for url in went.asked if url[:5] == "file:"}
    asked = {path for path in asked if path.suffix != ".woff2"}
    assert {".html", ".css"} < {path.suffix for path in asked} <= {".html", ".css", ".js", ".svg"}
    assert sum(len(gzip.compress(path.read_bytes())) for path in asked) < 300_000


def test_axe_sees_a_pale_word(visit):
    """A hidden one before it does not stand for it."""
    page = visit("index").page
    page.add_style_tag(content=".highlight .mi { color: #ddd !important }")
    page.evaluate("document.querySelector('.highlight .mi').hidden = true")
    ((fault, places),) = faults(page, ONLY_OF_COLOURS)
    assert fault == "color-contrast" and places == ['<span class="mi">35</span>']


def test_without_scripts_there_are_formulas_and_still_figures_with_a_sentence(visit, html):
    """Formulas take their font from beside the page."""
    went = visit("gates", java_script_enabled=False)
    assert went.page.locator("math").first.is_visible()
    font = (html / "_static" / "formulas.woff2").as_uri()
    assert font in went.asked and all(address.startswith("file:") for address in went.asked)
    word = "getComputedStyle(document.querySelector('.highlight .kn')).color"
    assert went.page.evaluate(word) != "rgb(0, 0, 0)", "code has its colours"
    for still in (stills := went.page.locator(".gru-widget").all()):
        assert still.locator("figure img").count() == 1
        assert "In a browser that runs scripts" in still.inner_text()
    assert len(stills) == 4 and went.wrong == []


SEARCHES = {
    "reset gate": "gru-scratch.html#the-cell-in-three-stages",
    "clip": "rnn.html#clipping",
    "vanishing gradient": "rnn.html#the-gradient-shrinks-or-grows-like-a-power",
    "perplexity": "minibatches.html#perplexity-and-baselines-for-it",
    "GRU, concise": "gru-concise.html#gru-concise",
    "grad_clipping": "api.html#d2l_gru.grad_clipping",
    "memroy": "gpu.html#memory",
}


@BOTH
@pytest.mark.parametrize("base", ["file", "http"])
def test_a_search_finds_the_right_section_first_and_each_once(visit, server, base):
    """On the page of results, and in the dialog, from which keys lead to the section itself."""
    went = visit("search", base=server if base == "http" else None)
    page, address = went.page, went.page.url
    for query, section in SEARCHES.items():
        page.goto(f"{address}?q={query}")
        found = page.locator(".bd-search-container .found li")
        found.first.wait_for()
        links = [a.get_attribute("href") for a in found.locator("a").all()]
        assert links[0] == f"./{section}" and len({*links}) == len(links), query
        assert found.first.locator("mark").count(), query
    page.goto(address.replace("search.html", "rnn.html"))
    page.keyboard.press("Control+k")
    page.keyboard.type("perplexit")
    page.locator(".found li", has_text="Perplexity, and baselines").wait_for()
    field = page.locator(".search-button__wrapper input")
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url("**/minibatches.html#perplexity-and-baselines-for-it")
    assert not field.is_visible() and not page.locator("mark, .highlighted").count()
    assert went.wrong == []


# Controls that look the same with the focus.  A tab's is on its label.
UNSEEN = """() => [...document.querySelectorAll("a[href], button, input, summary, [tabindex='0']")]
  .filter((control) => control.checkVisibility({ visibilityProperty: true }) && control.offsetWidth)
  .filter((control) => {
    control.focus({ focusVisible: true, preventScroll: true });
    const shown = control.matches(".sd-tab-set > input") ? control.nextElementSibling : control;
    const { outlineStyle, outlineWidth } = getComputedStyle(shown);
    return outlineStyle === "none" || parseFloat(outlineWidth) < 2;
  }).map((control) => control.outerHTML.slice(0, 120))"""
# Code that runs off its box, of how many; and boxes that scroll without a shade.
CUT = """() => {
  const kinds = ".bd-article :is(pre, div.math, .pst-scrollable-table-container)";
  const boxes = [...document.querySelectorAll(kinds)]
    .filter((box) => box.checkVisibility() && box.scrollWidth > box.clientWidth + 1);
  const bare = boxes.filter((box) => !getComputedStyle(box).backgroundImage.includes("gradient"));
  return [boxes.filter((box) => box.matches("pre")).length, bare.length];
}"""


@BOTH
def test_a_page_uses_the_width_and_shows_the_focus_and_what_is_cut_off(visit):
    went = visit("gates", viewport={"width": 360, "height": 640})
    page = went.page
    page.keyboard.press("Tab")
    assert page.evaluate(UNSEEN) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(CUT)[0] > 9 and page.evaluate(CUT)[1] == 0
    page.set_viewport_size({"width": 1440, "height": 900})
    assert page.evaluate(UNSEEN) == [] and page.evaluate(CUT)[0] <= 1
    lines = page.evaluate("document.querySelector('.bd-article p').clientWidth / 16")
    assert lines == 39, "of text, which stays narrow"
    for face in ("italic 1em 'Book Text'", "bold 1em 'Book Text'", "1em 'Book Mono'"):
        went.until(f'document.fonts.check("{face}")')
    assert went.wrong == []


@BOTH
def test_the_contents_go_once_a_heading_is_chosen_and_a_number_leads_to_where_it_is_from(visit):
    went = visit("rnn", viewport={"width": 360, "height": 640})
    page, contents = went.page, went.page.locator(".bd-sidebar-secondary")
    page.locator("button.secondary-toggle").click()
    contents.get_by_role("link", name="Clipping").click()
    went.until("document.querySelector('#clipping h2').getBoundingClientRect().top < 200")
    at = "document.querySelector('.bd-sidebar-secondary').getBoundingClientRect().left"
    went.until(f"{at} >= document.documentElement.clientWidth")
    number = page.locator("a.placed").first
    number.click()
    item = page.locator(f"li{number.get_attribute('href')}")
    item.wait_for()
    assert number.get_attribute("title") in item.inner_text()
    folds = page.get_by_role("button", name=re.compile("^(Solution to|Hint for) Exercise 2.")).all()
    assert len(folds) == page.locator(".toggle-button").count() > 5
    folds[-1].click()
    page.locator(".solution").last.locator("p").last.wait_for()
    assert not page.get_by_label("Toggle hidden content").count() and went.wrong == []


@BOTH
@pytest.mark.parametrize("base", ["file", "http"])
def test_a_reader_sees_what_a_link_leads_to_and_comes_back_to_where_the_page_was_left(
    visit, server, base
):
    went = visit("gru-scratch", base=server if base == "http" else None)
    page, card = went.page, went.page.locator(".preview")
    seen = {"#fig-cell": "img", "references.html#id8": "text=Dive into deep learning"}
    if base == "http":
        seen |= {"rnn.html#fig-seam": "img", "rnn.html#equation-eq-base": "math"}
    for address, what in seen.items():
        link = page.locator(f"article a[href='{address}']:not(.headerlink)").first
        link.hover()
        card.locator(what).wait_for()
        assert link.get_attribute("aria-describedby") == "preview"
        assert card.evaluate("""card => [...card.querySelectorAll("img")].every(i => i.alt)
          && card.getBoundingClientRect().right <= innerWidth && !card.querySelector("[id], a")""")
        page.keyboard.press("Escape")
        card.wait_for(state="hidden")
    page.locator("article a[href='#fig-reach']").first.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    card.locator("figcaption").wait_for()
    page.keyboard.press("Tab")
    card.wait_for(state="hidden")
    page.locator("#the-equations h2").evaluate("heading => heading.scrollIntoView()")
    went.until("JSON.stringify(localStorage).includes('#the-equations')")
    page.goto(address := page.url.split("#")[0])
    offer = page.get_by_role("navigation", name="Where you were")
    assert page.evaluate("scrollY") == 0
    if base == "http":  # Firefox keeps what it knows of a file to that file
        offer.get_by_role("button").click()
        offer.wait_for(state="detached")
        page.goto(address.replace("gru-scratch", "index"))
        assert "A GRU from scratch: 3.5. The equations" in offer.inner_text()
    offer.get_by_role("link", name="3.5. The equations").click()
    page.wait_for_url(f"{address}#the-equations")
    offer.wait_for(state="detached")
    assert went.wrong == []


@pytest.mark.parametrize("name", ["gru-scratch", "slides/gru-scratch"])
def test_a_page_runs_no_script_but_its_own(visit, server, name):
    went = visit(name, base=server)
    for code in ("s.textContent = 'hit = 1'", "s.src = 'https://example.org/x.js'"):
        assert went.wrong == []
        added = "const s = document.createElement('script'); {}; document.head.append(s)"
        went.page.evaluate("() => {" + added.format(code) + "}")
        assert went.page.evaluate("typeof hit") == "undefined"
        assert any("Content Security Policy" in said for said in went.wrong)
        went.wrong.clear()


def test_solutions_open_and_the_theme_changes_and_on_paper_all_is_open(visit):
    went = visit("gru-scratch")
    page, solution = went.page, went.page.locator(".solution").first
    inside = solution.locator(".cell").first
    names = (".bd-sidebar-primary", ".bd-header-article", ".toggle-button")
    bars = [page.locator(name).first for name in names]
    assert not inside.is_visible() and all(bar.is_visible() for bar in bars)
    page.emulate_media(media="print")
    assert inside.is_visible() and not any(bar.is_visible() for bar in bars)
    page.emulate_media(media="screen")
    assert not inside.is_visible()
    solution.locator(".toggle-button").click()
    inside.wait_for(state="visible")
    theme = "document.documentElement.dataset.theme"
    before = page.evaluate(theme)
    page.locator(".theme-switch-button").first.click()
    assert {before, page.evaluate(theme)} == {"light", "dark"}
    page.locator(".cell_input").first.hover()
    assert page.locator(".copybtn").first.is_visible()
    assert went.wrong == []
