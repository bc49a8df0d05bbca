"""A Sphinx extension: lay what the pages need of MathJax beside them; no network is needed."""

import importlib.util
import shutil
from pathlib import Path

USED = (
    "tex-chtml.js",
    "ui/lazy.js",
    "input/tex/extensions/*.js",
    "output/chtml/fonts/woff-v2/*.woff",
)
UNUSED = ("all-packages.js",)


def copy_mathjax(app):
    """Copy MathJax to the folder that `mathjax_path` in _config.yml points to."""
    if app.builder.format != "html":
        return
    package = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent
    source, target = package / "static" / "mathjax", Path(app.outdir) / "mathjax"
    for path in (path for pattern in USED for path in source.glob(pattern)):
        copy = target / path.relative_to(source)
        if path.name not in UNUSED and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)


def setup(app):
    app.connect("builder-inited", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
