"""What is known of a run, in a hint on each number and in a card; no more than that is said."""

import nbformat
import pytest
from small_book import RUN

from tools.ext import provenance


def code(source, *glued):
    outputs = [
        nbformat.v4.new_output("display_data", {"x": "1"}, metadata={"scrapbook": {"name": name}})
        for name in glued
    ]
    return nbformat.v4.new_code_cell(source, outputs=outputs)


@pytest.fixture
def notebook():
    cells = [code("d2l.set_seed(10)\nset_seed(2)"), nbformat.v4.new_markdown_cell("text")]
    return nbformat.v4.new_notebook(cells=[*cells, code("d2l.set_seed(10)", "speed", "best")])


def test_a_hint(notebook):
    hint = "from code cell 2 of one.ipynb"
    assert provenance.describe(notebook, "one.ipynb", "best") == hint
    notebook.metadata.d2l_gru = {"run": RUN | {"device": None}}
    assert provenance.describe(notebook, "one.ipynb", "best") == f"{hint}, 2026-11-25"
    notebook.metadata.d2l_gru = {"run": RUN}
    assert provenance.describe(notebook, "one.ipynb", "speed") == f"{hint}, on cpu(0), 2026-11-25"


def test_a_card(notebook):
    assert provenance.facts(notebook) == {"seeds": "2, 10"}
    run = RUN | {"lock": "abcd", "cells": {"12": 58.6, "2": 1.3}}
    notebook.metadata.d2l_gru = {"parts": {"code": "1234"}, "run": run}
    assert provenance.facts(notebook) == {
        "seeds": "2, 10",
        "code": "<code>1234</code>",
        "lock": "<code>abcd</code>",
        "run": "2026-11-25 on cpu(0), in 61 seconds",
        "seconds": "1 in code cell 2, 59 in code cell 12",
        "versions": "d2l_gru 0.1.0",
    }
