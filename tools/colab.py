"""The first cell of notebooks that are opened elsewhere, once the book has a public address."""

import nbformat
import yaml

from tools.notebook import is_torch

SOURCE = '''\
# Only where the package is missing, as on Colab.
import importlib.util
import sys

if importlib.util.find_spec("d2l_gru") is None:
    if not (3, 10) <= sys.version_info[:2] <= (3, 12):
        raise RuntimeError("d2l_gru needs Python 3.10 to 3.12, and this is " + sys.version)
    %pip install -q "d2l_gru[{extra}] @ git+{url}"'''


def address(config):
    """Return the repository's address in a _config.yml; None where it has none."""
    options = yaml.safe_load(config.read_text()) if config.is_file() else {}
    return (options.get("repository") or {}).get("url")


def add_install_cell(notebook, url):
    """Put a cell that installs the package before the first code cell; without a URL do nothing."""
    codes = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    if url and codes:
        source = SOURCE.format(url=url, extra="torch" if is_torch(notebook) else "cpu")
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["remove-cell"]})
        notebook.cells.insert(codes[0], cell)
    return notebook
