"""The cell that installs the package where a notebook is opened elsewhere."""

import sys

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from tools_of_the_build import ROOT, load

colab = load("colab")


@pytest.fixture
def notebook():
    v4 = nbformat.v4
    return v4.new_notebook(cells=[v4.new_markdown_cell("# A"), v4.new_code_cell("1")])


def test_it_stands_before_the_first_code_cell(notebook):
    colab.add_install_cell(notebook, "https://example.org/gru")
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds == ["markdown", "code", "code"]
    assert 'pip install -q "d2l_gru[cpu] @ git+https://example.org/gru"' in notebook.cells[1].source
    assert notebook.cells[1].metadata.tags == ["remove-cell"]


def test_in_pytorch_it_installs_pytorch(notebook):
    notebook.cells[1].metadata.tags = ["torch"]
    colab.add_install_cell(notebook, "https://example.org/gru")
    assert '"d2l_gru[torch] @ git+https://example.org/gru"' in notebook.cells[1].source


def test_without_an_address_or_code_there_is_none(notebook):
    assert len(colab.add_install_cell(notebook, None).cells) == 2
    del notebook.cells[1]
    assert len(colab.add_install_cell(notebook, "https://example.org/gru").cells) == 1


def test_the_address_comes_from_the_configuration(tmp_path):
    config = tmp_path / "_config.yml"
    assert colab.address(config) is None
    config.write_text("title: A")
    assert colab.address(config) is None
    config.write_text("repository: {url: https://example.org/gru}")
    assert colab.address(config) == "https://example.org/gru"


@pytest.mark.parametrize("version", [(3, 9, 1), (3, 13, 0), (3, 11, 7)])
@pytest.mark.parametrize("there", [True, False])
def test_it_installs_only_what_is_missing_or_says_why_not(notebook, monkeypatch, version, there):
    colab.add_install_cell(notebook, "https://example.org/gru")
    code = TransformerManager().transform_cell(notebook.cells[1].source)
    asked = []

    class Shell:
        def run_line_magic(self, name, line):
            asked.append((name, line))

    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if there else None)
    run = {"get_ipython": Shell}
    if there or version == (3, 11, 7):
        exec(code, run)
        install = ("pip", 'install -q "d2l_gru[cpu] @ git+https://example.org/gru"')
        assert asked == ([] if there else [install])
    else:
        with pytest.raises(RuntimeError, match="d2l_gru needs Python 3.10 to 3.12, and this is"):
            exec(code, run)
        assert asked == []


def test_the_book_has_none_yet():
    assert colab.address(ROOT / "_config.yml") is None
