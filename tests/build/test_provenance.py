"""Where numbers come from: the hints on them, and the card at a page's end."""

import json
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup
from tools_of_the_build import ROOT, load

provenance = load("provenance")


def code(source, **glued):
    outputs = [
        nbformat.v4.new_output("display_data", {"x": value}, metadata={"scrapbook": {"name": name}})
        for name, value in glued.items()
    ]
    return nbformat.v4.new_code_cell(source, outputs=outputs)


RUN = {"date": "2026-11-25", "device": "cpu(0)", "seconds": 61.3, "lock": "abcd", "versions": {}}


@pytest.fixture
def path(tmp_path):
    cells = [code("d2l.set_seed(10)\nset_seed(2)"), nbformat.v4.new_markdown_cell("text")]
    cells += [code("d2l.set_seed(10)", speed="1", best="2")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, tmp_path / "one.ipynb")
    return tmp_path / "one.ipynb"


def stamp(path, **known):
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.d2l_gru = known
    nbformat.write(notebook, path)


def test_a_hint_says_no_more_than_is_known(path):
    assert provenance.describe(path, "best") == "from code cell 2 of one.ipynb"
    stamp(path, run=RUN | {"device": None})
    assert provenance.describe(path, "best") == "from code cell 2 of one.ipynb, 2026-11-25"
    stamp(path, run=RUN)
    assert provenance.describe(path, "speed").endswith("of one.ipynb, on cpu(0), 2026-11-25")


def test_a_card_says_no_more_than_is_known(path):
    known = provenance.facts(nbformat.read(path, as_version=4))
    assert known == {"seeds": "2, 10"}
    run = RUN | {"versions": {"mxnet": "1.9.1", "numpy": "1"}, "cells": {"12": 58.6, "2": 1.3}}
    stamp(path, parts={"code": "1234"}, run=run)
    assert provenance.facts(nbformat.read(path, as_version=4)) == {
        "seeds": "2, 10",
        "code": "<code>1234</code>",
        "lock": "<code>abcd</code>",
        "run": "2026-11-25 on cpu(0), in 61 seconds",
        "seconds": "1 in code cell 2, 59 in code cell 12",
        "versions": "mxnet 1.9.1, numpy 1",
    }


@pytest.mark.pages
@pytest.mark.parametrize("page", [*ROOT.glob("chapters/*.md")], ids=lambda path: path.stem)
def test_pages_with_code_have_a_card_and_say_of_each_number_where_it_is_from(html, page):
    shown = BeautifulSoup((html / f"{page.stem}.html").read_text(), "html.parser")
    cards = shown.select(".bd-article details.card-of-run")
    assert len(cards) == ("{code-cell}" in page.read_text())
    assert not any(card.has_attr("open") for card in cards)
    deck = html / "slides" / page.name.replace(".md", ".html")
    assert not deck.exists() or "card-of-run" not in deck.read_text()
    for number in shown.select(".pasted-text"):
        source = number.parent["title"]
        assert source.startswith("from code cell ")
        assert any(
            source in item.get_text() and number.get_text() in item.get_text()
            for item in cards[0].select("li")
        )
    if cards:
        stored = json.loads((ROOT / "book" / f"{page.stem}.ipynb").read_text())
        assert stored["metadata"]["d2l_gru"]["parts"]["code"] in cards[0].get_text()


def test_a_page_is_read_again_for_other_outputs_of_another_page_s_notebook_only(path):
    stamp(path, run=RUN)
    seen = {provenance.PLACED_FROM: {str(path): provenance.printed_in(path)}}
    env = SimpleNamespace(all_docs={"one": 1, "two": 2}, metadata={"one": {}, "two": seen})

    def outdated():
        return provenance.find_outdated(None, env, set(), set(), set())

    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].source = "another text"
    nbformat.write(notebook, path)
    assert outdated() == []
    notebook.cells[2].outputs[0].data["x"] = "3"
    nbformat.write(notebook, path)
    assert outdated() == ["two"]
    path.unlink()
    assert outdated() == ["two"]
