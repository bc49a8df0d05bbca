"""A Sphinx extension: pages that need neither a network nor a server.

What they need of MathJax is laid beside them, and the theme's hints to fetch fonts early are left
out, since a browser refuses those for a page that is opened as a file.
"""

import importlib.util
import re
import shutil
from pathlib import Path

USED = ("tex-chtml.js", "input/tex/extensions/*.js", "output/chtml/fonts/woff-v2/*.woff")
HINT = re.compile(r'\s*<link rel="preload" as="(?:font|script)"[^>]*>')
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


def drop_hints(app, exception):
    if exception or app.builder.name != "html":
        return
    for path in Path(app.outdir).glob("*.html"):
        text = path.read_text(encoding="utf-8")
        without = HINT.sub("", text)
        if without != text:
            path.write_text(without, encoding="utf-8")


def setup(app):
    app.connect("builder-inited", copy_mathjax)
    app.connect("build-finished", drop_hints)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
