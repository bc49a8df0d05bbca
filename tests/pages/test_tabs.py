"""Small pages with a public address: cells in two frameworks side by side in tabs, and formulas."""

import json
import re
import sys

import pytest
from bs4 import BeautifulSoup
from small_book import book, build, built
from visits import BOTH

from tools.ext import formulas


def cell(source, *tags, **mystnb):
    head = json.dumps({"tags": tags, "mystnb": mystnb})
    return f"```{{code-cell}} ipython3\n---\n{head}\n---\n{source}\n```\n"


def pair(source, *tags, **mystnb):
    """Return a cell and its twin."""
    return "".join(cell(source.format(v), v, *tags, **mystnb) for v in ("mxnet", "torch"))


def figure(name, alt="A still one.", caption="Another."):
    return {"image": {"alt": alt}, "figure": {"name": name, "caption": caption}}


CURVE = figure("fig-one", "The curve falls.", "A curve of $x$.")
GATES = f"""
# Gates

See {{numref}}`fig-one`, {{numref}}`fig-two` and {{glue:text}}`number`.

{pair("import {}")}
{cell('shared = "the same"')}
## A section of $x$

{cell('print("shared, and different")')}
{cell("svg(mxnet)", "mxnet", **CURVE)}{cell("svg(torch)", "torch", "hide-input", **CURVE)}
{cell('svg("same")', **figure("fig-two"))}
```{{slide}} Seen
```

{pair('print("slide of {}")', "slide")}
{pair('glue("removed from {}")', "remove-cell")}
```{{exercise}}
:label: ex-one
Why?
```
````{{solution-start}} ex-one
:class: dropdown
````

{pair('print("solved with {0}"); glue("{0}")')}
````{{solution-end}}
````
"""
GPU = f"""
# GPU

{pair('print("{} here")')}
```{{widget}} strip
:still: fig-still
:models: gru-32
:label: A still
```

{cell("svg(voice)", **figure("fig-still"))}"""
# A solution may stand in another chapter than its exercise, here before it.
ANSWER = "# Answer\n\n```{solution} ex-asked\n:label: so-asked\nFour.\n```\n"
ASK = "# Ask\n\n```{exercise}\n:label: ex-asked\nWhat is 2 + 2?\n```\n"
ASK += "It is {glue:text}`gates.ipynb::number:s`.\n"
NOTATION = """# Notation

See {eq}`two`.

$$
a
$$ (one)

$$
b &= c \\\\
&= d
$$ (two)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    chapters = {"gates": GATES, "gpu": GPU, "answer": ANSWER, "ask": ASK}
    folder = book(tmp_path_factory.mktemp("tabs"), chapters, {"notation": NOTATION})
    config = (folder / "_config.yml").read_text()
    config = re.sub("^# (?=repository|launch|  )", "", config, flags=re.MULTILINE)
    (folder / "_config.yml").write_text(config.replace("OWNER/NAME", "someone/gru"))
    return folder


@pytest.fixture(scope="module")
def html(source):
    return built(source, "html")


@pytest.fixture(scope="module")
def page(html):
    return BeautifulSoup((html / "gates.html").read_text(), "html.parser")


def tabs(page):
    """Return the contents of each set of tabs, by their labels."""
    return [
        {
            label.get_text(strip=True): page.find(id=label["for"]).find_next_sibling(
                class_="sd-tab-content"
            )
            for label in each.find_all("label", recursive=False)
        }
        for each in page.find_all(class_="sd-tab-set")
    ]


def test_twins_and_what_differs_are_in_tabs_and_nothing_else(page):
    found = [{k: v.get_text() for k, v in each.items()} for each in tabs(page)]
    said = ["import", "shared, and different", "svg", "slide of", "solved with"]
    assert len(found) == len(said)
    for each, words in zip(found, said, strict=True):
        assert [*each] == ["MXNet", "PyTorch"]
        assert all(words in text for text in each.values())
        assert "torch" not in each["MXNet"] and "mxnet" not in each["PyTorch"]
    article = page.find("article").get_text()
    assert article.count("the same") == 1 and "removed" not in article
    assert "glued by mxnet" in article and "glued by torch" not in article
    labels = page.select(".sd-tab-set > label")
    assert {label["data-sync-group"] for label in labels} == {"framework"}
    assert {label["data-sync-id"] for label in labels} == {"mxnet", "pytorch"}


def test_a_figure_and_its_twin_have_one_number_and_one_name(page):
    both = tabs(page)[2]
    captions = [tab.find("figcaption").get_text(" ", strip=True) for tab in both.values()]
    assert captions[0] == captions[1] and captions[0].startswith("Fig. 1.1 A curve of")
    alt = [tab.find("img")["alt"] for tab in both.values()]
    assert alt == ["The curve falls."] * 2
    assert both["PyTorch"].find("details") and not both["MXNet"].find("details")
    assert both["MXNet"].parent["id"] == "fig-one", "a link leads to whichever tab is open"
    others = [figure.get_text(" ", strip=True) for figure in page.select("figure#fig-two")]
    assert len(others) == 1 and others[0].startswith("Fig. 1.2 Another.")
    ids = [element["id"] for element in page.find_all(id=True)]
    assert sorted(set(ids)) == sorted(ids)


def test_a_widget_keeps_its_still_and_has_no_tabs(html):
    page = BeautifulSoup((html / "gpu.html").read_text(), "html.parser")
    assert len(tabs(page)) == 1 and page.select(".gru-widget figure#fig-still")


def test_the_whole_notebook_in_pytorch_can_be_had_and_a_solution_leads_to_its_exercise(
    source, html
):
    copy, original = html / "_sources" / "gates-torch.ipynb", source / "book" / "gates-torch.ipynb"
    assert copy.read_bytes() == original.read_bytes()
    assert "torch" not in (html / "_sources" / "gates.ipynb").read_text(), "it is as it ran"
    answer = (html / "answer.html").read_text()
    assert 'href="ask.html#ex-asked"' in answer and "Four." in answer


def visible(page):
    """Return the labels of the tabs that are open."""
    return page.eval_on_selector_all(
        ".sd-tab-content",
        "all => all.filter(e => e.firstElementChild.checkVisibility())"
        ".map(e => e.previousElementSibling.textContent.trim())",
    )


def test_the_search_of_the_browser_opens_the_other_tab(visit):
    """A link to a text searches for it."""
    went = visit("ask")
    address = went.page.url.replace("ask.html", "gates.html")
    went.page.goto(f"{address}#:~:text=different%20says%20torch")
    went.page.get_by_text("different says torch").wait_for()
    assert visible(went.page) == ["PyTorch"] * 5 and went.wrong == []


@BOTH
def test_one_choice_turns_all_tabs_and_stays(visit):
    went = visit("gates")
    page = went.page
    assert visible(page) == ["MXNet"] * 5
    page.locator("label", has_text="PyTorch").nth(1).click()
    assert visible(page) == ["PyTorch"] * 5
    went.until("Object.values(localStorage).includes('pytorch')")
    page.goto(page.url.replace("gates.html", "gpu.html"))
    assert visible(page) == ["PyTorch"]
    page.goto(page.url.replace("gpu.html", "gates.html#fig-one"))
    assert visible(page) == ["PyTorch"] * 5
    switch = page.get_by_role("group", name="Framework of the code").get_by_role("button")
    assert [each.get_attribute("aria-pressed") for each in switch.all()] == ["false", "true"]
    switch.first.press("Enter")
    page.reload()
    assert visible(page) == ["MXNet"] * 5
    page.goto(page.url.replace("gates.html#fig-one", "ask.html?framework=torch"))
    assert page.url.endswith("ask.html") and not switch.count()
    page.goto(page.url.replace("ask.html", "gates.html"))
    assert visible(page) == ["PyTorch"] * 5
    assert switch.last.get_attribute("aria-pressed") == "true"
    assert went.wrong == [] and all(url.startswith("file:") for url in went.asked)


def test_the_chosen_tab_is_printed(visit):
    page = visit("gates").page
    page.locator("label", has_text="PyTorch").first.click()
    page.emulate_media(media="print")
    assert visible(page) == ["PyTorch"] * 5
    assert not page.locator("label", has_text="MXNet").first.is_visible()
    assert page.get_by_text("solved with torch says torch").is_visible()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="sphinx-design 0.6 only hears clicks")
def test_keys_reach_the_tabs_and_turn_them_all(visit):
    page = visit("gates").page
    page.locator(".sd-tab-set > input").first.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    style = "getComputedStyle(document.activeElement.nextElementSibling)"
    assert page.evaluate(f"[{style}.outlineStyle, {style}.outlineWidth]") == ["solid", "2px"]
    page.keyboard.press("ArrowRight")
    assert visible(page) == ["PyTorch"] * 5


def test_with_a_public_address_a_page_opens_elsewhere(page):
    elsewhere = re.compile("mybinder|colab")
    assert {link["href"] for link in page.find_all("a", href=elsewhere)} == {
        "https://mybinder.org/v2/gh/someone/gru/main?urlpath=lab/tree/book/gates.ipynb",
        "https://colab.research.google.com/github/someone/gru/blob/main/book/gates.ipynb",
    }
    install = "%pip install 'd2l_gru[cpu] @ git+https://github.com/someone/gru'"
    assert install in page.find("a", href=re.compile("colab"))["title"]


def test_only_labels_give_numbers(html):
    page = BeautifulSoup((html / "notation.html").read_text(), "html.parser")
    for name in ("align", "equation", "gather", "multline"):
        assert "(1)" not in formulas.draw(rf"\begin{{{name}}}a=b\end{{{name}}}", display=True)
    reference = page.select_one("article p a.reference.internal")
    formula = page.find(id=reference["href"][1:])
    assert formula.find(class_="eqno").get_text().startswith(reference.get_text())
    assert formula.math["display"] == "block" and len(formula.find_all("mtr")) == 2


def test_slides_speak_mxnet_and_a_deck_without_slides_goes(source):
    decks = built(source, "slides")
    assert [path.stem for path in decks.glob("*.html")] == ["gates"]
    deck = (decks / "gates.html").read_text()
    assert "slide of mxnet says mxnet" in deck and "torch" not in deck
    path = source / "book" / "gates.ipynb"
    text = path.read_text()
    path.write_text(text.replace("{slide}", "{note}"))
    built(source, "slides")
    path.write_text(text)
    assert [*decks.glob("*.html")] == []


def test_on_paper_pytorch_and_solutions_are_at_the_end(source):
    whole = (built(source, "latex") / "book.tex").read_text().replace(r"\PYGZdq{}", '"')
    whole = re.sub(r"\\PYG\{[^}]*\}\{([^{}]*)\}", r"\1", whole)
    before, after = whole.split(r"\chapter{The code in PyTorch}")
    assert r"\chapter{Notation}" in before and r"\printtitle{}{Version 0.1.0, run on" in before
    assert "says mxnet" in before and "torch" not in before.split(r"\mainmatter")[1]
    code, solutions = after.split(r"\chapter{Solutions}")
    words = [
        *(r"\section{Gates}", "import torch", r"\subsection{A section of x}", "svg(torch)"),
        *('"slide of torch"', r"\subsection{Solution to Exercise 1.1}", '"solved with torch"'),
        *(r"\section{GPU}", '"torch here"'),
    ]
    places = [code.find(part) for part in words]
    assert -1 not in places and places == sorted(places), dict(zip(words, places, strict=True))
    for absent in ("mxnet", "says", "removed", "shared", "different", r"\includegraphics"):
        assert absent not in code
    assert before.index(r"\printsolutionat{answer:so-asked}") > before.index("What is 2 + 2?")
    assert "Four." in solutions and "Four." not in before
    labels = re.findall(r"\\label\{.*?\}+", whole)
    assert sorted(labels) == sorted(set(labels))


def test_another_run_of_a_notebook_renews_the_pages_that_show_it(source, html):
    """Of the twins, and of a page that another one places numbers of."""
    edits = {
        "gpu-torch": ("torch here says", "new words of", "gpu"),
        "gates": ("glued by mxnet", "glued anew", "ask"),
    }
    for name, (old, new, _) in edits.items():
        path = source / "book" / f"{name}.ipynb"
        path.write_text(path.read_text().replace(old, new))
    built(source, "html")
    assert all(new in (html / f"{page}.html").read_text() for _, new, page in edits.values())


def test_notebooks_that_part_are_named(source, html):
    path = source / "book" / "gpu-torch.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"].pop()
    path.write_text(json.dumps(notebook))
    done = build(source, "html")
    assert done.returncode and "gpu-torch.ipynb has not the cells of gpu.ipynb" in done.stdout
