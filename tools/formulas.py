"""A Sphinx extension: formulas without a network, and without waiting for them.

MathJax is a megabyte.  It lies beside the pages, and comes with the first formula that is near,
with the reader's first move, or, so that a page can be printed unread, after a while.
"""

import importlib.util
import shutil
from pathlib import Path

from docutils import nodes

USED = (
    *("tex-chtml.js", "ui/lazy.js"),
    *("input/tex/extensions/*.js", "output/chtml/fonts/woff-v2/*.woff"),
)
UNUSED = ("all-packages.js",)
TYPE = "later"  # of a script, which a browser leaves alone
LATER = """
(() => {
  let script;
  const load = () => {
    if (script) return;
    script = document.createElement("script");
    script.src = document.querySelector("script[type=later]").src;
    document.head.append(script);
  };
  addEventListener("DOMContentLoaded", () => {
    const near = new IntersectionObserver((seen) => {
      if (seen.some((formula) => formula.isIntersecting)) load();
    }, { rootMargin: "200px" });
    document.querySelectorAll(".math").forEach((formula) => near.observe(formula));
  });
  for (const move of ["scroll", "pointermove", "keydown", "touchstart"]) {
    addEventListener(move, load, { once: true, passive: true });
  }
  addEventListener("load", () => setTimeout(load, 6000));
})();
"""


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


def prepare(app):
    """Let MathJax wait, but on slides."""
    if app.builder.name == "html":
        app.config.mathjax_options = {"type": TYPE, "defer": "defer"}


def add_later(app, pagename, templatename, context, doctree):
    """Give a page with formulas what loads MathJax, and take it from a page without any."""
    files = context.get("script_files", ())
    if not any(getattr(file, "attributes", {}).get("type") == TYPE for file in files):
        return
    if doctree is not None and any(doctree.findall(_is_formula)):
        app.add_js_file(None, body=LATER)
    else:
        context["script_files"] = [file for file in files if not _is_mathjax(file)]


def _is_formula(node):
    return isinstance(node, nodes.math | nodes.math_block)


def _is_mathjax(file):
    script, setting = file.attributes.get("type"), file.attributes.get("body") or ""
    return script == TYPE or setting.startswith("window.MathJax")


def setup(app):
    app.connect("builder-inited", copy_mathjax)
    app.connect("builder-inited", prepare)
    app.connect("html-page-context", add_later, priority=600)  # after Sphinx has added MathJax
    return {"parallel_read_safe": True, "parallel_write_safe": True}
