"""Sphinx's own view of _config.yml, which is Jupyter Book's configuration."""

from pathlib import Path

from jupyter_book.config import get_final_config

_book = Path(__file__).parent
_config, _ = get_final_config(
    user_yaml=_book.parent / "_config.yml",
    sourcedir=_book,
    cli_config={"external_toc_path": "_toc.yml", "latex_individualpages": False},
)
# Sphinx's own list would have more in it after each build of one process, and another list is
# another configuration.
_config["templates_path"] = []
globals().update(_config)
