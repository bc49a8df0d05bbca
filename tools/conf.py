"""Sphinx's own view of _config.yml, which is Jupyter Book's configuration."""

import os
from pathlib import Path

from jupyter_book.config import get_final_config

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / os.environ.get("BOOK_SOURCE", ".")  # a test's
BOOK = SOURCE / "book"

_config, _ = get_final_config(
    user_yaml=SOURCE / "_config.yml",
    sourcedir=BOOK,
    cli_config={"external_toc_path": "_toc.yml", "latex_individualpages": False},
)
# Jupyter Book takes these from book/, Sphinx would from the folder of this file.
for _name in "html_static_path revealjs_static_path bibtex_bibfiles latex_additional_files".split():
    _config[_name] = [str(BOOK / path) for path in _config[_name]]
for _name in ("html_logo", "html_favicon"):
    _config[_name] = str(BOOK / _config[_name])
# Sphinx's own list would have more in it after each build of one process, and another list is
# another configuration.
_config["templates_path"] = []
globals().update(_config)
