"""Cells in two frameworks, side by side in tabs: on small pages of its own, and in a browser."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from nbformat.v4 import new_output
from tools_of_the_build import ROOT, load, part_of_the_book

voices, outputs = load("voices"), load("notebook")
pytestmark = pytest.mark.pages

HEAD = "---\nkernelspec: {name: python3, display_name: any}\n---\n\n"
CHAPTER = """
# Gates

See {numref}`fig-one`, {numref}`fig-two` and {glue:text}`number`.

```{code-cell} ipython3
:tags: [mxnet]
import mxnet
```
```{code-cell} ipython3
:tags: [torch]
import torch
```

```{code-cell} ipython3
shared = "the same"
```

## A section of $x$

```{code-cell} ipython3
print("shared, and different")
```

```{code-cell} ipython3
---
tags: [mxnet]
mystnb: {image: {alt: The curve falls.}, figure: {name: fig-one, caption: A curve of $x$.}}
---
svg(mxnet)
```
```{code-cell} ipython3
---
tags: [torch, hide-input]
mystnb: {image: {alt: "The curve falls, too."}, figure: {name: fig-one, caption: A curve of $x$.}}
---
svg(torch)
```

```{code-cell} ipython3
---
mystnb: {image: {alt: A still one.}, figure: {name: fig-two, caption: Another.}}
---
svg("same")
```

```{slide} Seen
```

```{code-cell} ipython3
:tags: [mxnet, slide]
print("slide of mxnet")
```
```{code-cell} ipython3
:tags: [torch, slide]
print("slide of torch")
```

```{code-cell} ipython3
:tags: [remove-cell, mxnet]
glue("removed from mxnet")
```
```{code-cell} ipython3
:tags: [remove-cell, torch]
glue("removed from torch")
```

```{exercise}
:label: ex-one
Why?
```
````{solution-start} ex-one
:class: dropdown
````

```{code-cell} ipython3
:tags: [mxnet]
print("solved with mxnet"); glue("mxnet")
```
```{code-cell} ipython3
:tags: [torch]
print("solved with torch"); glue("torch")
```

````{solution-end}
````
"""
OTHER = """
# GPU

```{code-cell} ipython3
:tags: [mxnet]
print("mxnet here")
```
```{code-cell} ipython3
:tags: [torch]
print("torch here")
```

```{widget} strip
:still: fig-still
:models: gru-32
:label: A still
```

```{code-cell} ipython3
---
mystnb: {image: {alt: A still one.}, figure: {name: fig-still, caption: A still.}}
---
svg(voice)
```
"""
INDEX = '# A book\n\n```{code-cell} ipython3\nprint("d2l_gru 0.1.0\\ndate: 2026-11-23")\n```\n'
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><title>{}</title></svg>'


def run(notebook, voice):
    """Give cells the outputs of a run, as their sources say."""
    for number, cell in enumerate(outputs.code_cells(outputs.tidy(notebook)), 1):
        cell.execution_count = number
        if cell.source.startswith("print"):
            text = cell.source.split('"')[1].replace("\\n", "\n")
            text += "" if "date" in text else f" says {voice}"
            cell.outputs.append(new_output("stream", text=f"{text}\n"))
        if "svg" in cell.source:
            drawn = {"image/svg+xml": SVG.format(voice if "same" not in cell.source else "same")}
            cell.outputs.append(new_output("display_data", drawn))
        if "glue" in cell.source:
            key = "number" if "removed" in cell.source else f"visible {number}"
            value = {"application/papermill.record/text/plain": f"'glued by {voice}'"}
            said = {"scrapbook": {"name": key, "mime_prefix": "application/papermill.record/"}}
            cell.outputs.append(new_output("display_data", value, metadata=said))
    return notebook


def write(book, name, text):
    for stem, notebook in voices.split(name, jupytext.reads(HEAD + text, fmt="md:myst")).items():
        voice = "torch" if stem.endswith("-torch") else "mxnet"
        nbformat.write(run(notebook, voice), book / f"{stem}.ipynb")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The folder of a book of three pages, two of them with tabs."""
    pages = {"index": INDEX, "gates": CHAPTER, "gpu": OTHER}
    pages |= {name: f"# The {name}\n" for name in ("notation", "api", "references")}
    source = part_of_the_book(tmp_path_factory.mktemp("source"), *[*pages][1:])
    for name, text in pages.items():
        write(source / "book", name, text)
    return source


def build(source, builder, out, *options):
    command = [Path(sys.executable).with_name("sphinx-build"), "-b", builder, "-c", "tools"]
    command += [source / "book", out, "-d", out.with_name(f"doctrees-{builder}"), "-q", *options]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | {"BOOK_SOURCE": str(source)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.fixture(scope="module")
def html(source):
    out = source / "out" / "html"
    done = build(source, "html", out, "-n", "-W", "--keep-going")
    if done.returncode:
        pytest.fail(
            f"pages with tabs do not build without a warning:\n{done.stdout}", pytrace=False
        )
    return out


@pytest.fixture(scope="module")
def page(html):
    return BeautifulSoup((html / "gates.html").read_text(), "html.parser")


def tabs(page):
    """Return the text of each pair of tabs, by their labels."""
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


def test_mxnet_is_chosen_and_all_tabs_are_of_one_group(page):
    assert [
        i.find_next_sibling("label").get_text(strip=True) for i in page.select("input[checked]")
    ] == ["MXNet"] * 5
    labels = page.select(".sd-tab-set > label")
    assert {label["data-sync-group"] for label in labels} == {"framework"}
    assert {label["data-sync-id"] for label in labels} == {"mxnet", "pytorch"}


def test_a_figure_and_its_twin_have_one_number_and_one_name(page):
    both = tabs(page)[2]
    captions = [tab.find("figcaption").get_text(" ", strip=True) for tab in both.values()]
    assert captions[0] == captions[1] and captions[0].startswith("Fig. 1.1 A curve of")
    assert [tab.find("img")["alt"] for tab in both.values()] == [
        "The curve falls.",
        "The curve falls, too.",
    ]
    assert both["PyTorch"].find("details") and not both["MXNet"].find("details")
    assert both["MXNet"].parent["id"] == "fig-one", "a link leads to whichever tab is open"
    others = [figure.get_text(" ", strip=True) for figure in page.select("figure#fig-two")]
    assert len(others) == 1 and others[0].startswith("Fig. 1.2 Another.")
    ids = [element["id"] for element in page.find_all(id=True)]
    assert sorted(set(ids)) == sorted(ids)


def test_a_widget_keeps_its_still_and_has_no_tabs(html):
    page = BeautifulSoup((html / "gpu.html").read_text(), "html.parser")
    assert len(tabs(page)) == 1 and page.select(".gru-widget figure#fig-still")


def test_the_whole_notebook_in_pytorch_can_be_had(source, html, page):
    links = [a for a in page.select("a.dropdown-item") if "Notebook in PyTorch" in a.get_text()]
    assert [link["href"] for link in links] == ["_sources/gates-torch.ipynb"]
    copy, original = html / "_sources" / "gates-torch.ipynb", source / "book" / "gates-torch.ipynb"
    assert copy.read_bytes() == original.read_bytes()
    assert "torch" not in (html / "_sources" / "gates.ipynb").read_text(), (
        "the notebook is as it ran"
    )
    index = (html / "index.html").read_text()
    assert "Notebook in PyTorch" not in index and "sd-tab-set" not in index


def test_a_run_of_the_twins_renews_the_page(source, html):
    path = source / "book" / "gpu-torch.ipynb"
    before = path.read_text()
    path.write_text(before.replace("torch here says", "new words of"))
    done = build(source, "html", html, "-W")
    path.write_text(before)
    assert done.returncode == 0, done.stdout
    assert "new words of" in (html / "gpu.html").read_text()


def test_notebooks_that_part_are_named(source, html):
    path = source / "book" / "gpu-torch.ipynb"
    before = path.read_text()
    notebook = json.loads(before)
    notebook["cells"].pop()
    path.write_text(json.dumps(notebook))
    done = build(source, "html", html)
    path.write_text(before)
    assert done.returncode and "gpu-torch.ipynb has not the cells of gpu.ipynb" in done.stdout


def test_on_paper_pytorch_is_an_appendix(source):
    out = source / "out" / "latex"
    done = build(source, "latex", out, "-n", "-W", "--keep-going")
    assert done.returncode == 0, done.stdout
    whole = (out / "book.tex").read_text().replace(r"\PYGZdq{}", '"')
    whole = re.sub(r"\\PYG\{[^}]*\}\{([^{}]*)\}", r"\1", whole)
    before, after = whole.split(r"\chapter{The code in PyTorch}")
    assert r"\chapter{The notation}" in before and after.index(r"\chapter{The api}")
    assert "says mxnet" in before and "torch" not in before.split(r"\mainmatter")[1]
    code = after.split(r"\chapter")[0]
    words = [
        r"\section{Gates}",
        "import torch",
        r"\subsection{A section of x}",
        "svg(torch)",
        '"slide of torch"',
        r"\subsection{Solution to Exercise 1.1}",
        '"solved with torch"',
        r"\section{GPU}",
        '"torch here"',
    ]
    places = [code.find(part) for part in words]
    assert -1 not in places and places == sorted(places), dict(zip(words, places, strict=True))
    for absent in ("mxnet", "says", "removed", "shared", "different", r"\includegraphics"):
        assert absent not in code
    labels = re.findall(r"\\label\{.*?\}+", whole)
    assert sorted(labels) == sorted(set(labels))


def test_slides_speak_mxnet(source):
    out = source / "out" / "slides"
    done = build(source, "slides", out, "-W")
    assert done.returncode == 0, done.stdout
    deck = (out / "gates.html").read_text()
    assert "slide of mxnet says mxnet" in deck and "torch" not in deck


def visible(page):
    """Return the labels of the tabs that are open."""
    return page.eval_on_selector_all(
        ".sd-tab-content",
        "all => all.filter(e => getComputedStyle(e).display !== 'none')"
        ".map(e => e.previousElementSibling.textContent.trim())",
    )


def test_one_choice_turns_all_tabs_and_stays(visit):
    went = visit("gates")
    page = went.page
    assert visible(page) == ["MXNet"] * 5
    page.locator("label", has_text="PyTorch").nth(1).click()
    assert visible(page) == ["PyTorch"] * 5
    page.goto(page.url.replace("gates.html", "gpu.html"))
    assert visible(page) == ["PyTorch"]
    page.goto(page.url.replace("gpu.html", "gates.html#fig-one"))
    assert visible(page) == ["PyTorch"] * 5
    page.locator("label", has_text="MXNet").first.click()
    page.reload()
    assert visible(page) == ["MXNet"] * 5
    assert went.wrong == [] and all(url.startswith("file:") for url in went.asked)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="sphinx-design 0.6 only hears clicks")
def test_keys_reach_the_tabs_and_turn_them_all(visit):
    went = visit("gates")
    page = went.page
    focused = "document.activeElement.matches('.sd-tab-set > input')"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(focused):
            break
    assert page.evaluate(focused)
    style = "getComputedStyle(document.activeElement.nextElementSibling)"
    assert page.evaluate(f"{style}.outlineStyle") == "solid"
    assert page.evaluate(f"{style}.outlineWidth") == "2px"
    page.keyboard.press("ArrowRight")
    assert visible(page) == ["PyTorch"] * 5


def test_paper_has_the_chosen_tab(visit):
    went = visit("gates")
    page = went.page
    page.locator("label", has_text="PyTorch").first.click()
    page.emulate_media(media="print")
    assert visible(page) == ["PyTorch"] * 5
    assert not page.locator("label", has_text="MXNet").first.is_visible()
    assert page.get_by_text("solved with torch says torch").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("chosen", ["MXNet", "PyTorch"])
def test_axe_finds_no_fault_in_tabs(visit, scheme, chosen):
    page = visit("gates", color_scheme=scheme, viewport={"width": 360, "height": 740}).page
    page.locator("label", has_text=chosen).first.click()
    found = Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
