"""A Sphinx extension: the forms that the book comes in, and the one version that they carry.

Each page gets a button for its notebook, its Markdown, its slides and the PDF; these two lie in
_build/, or in the folder BOOK_FORMS.  Its foot says which version it is, and of which day its run.
"""

import json
import os
import shutil
from pathlib import Path

from tools.notebook import TORCH

ROOT = Path(__file__).resolve().parent.parent.parent
MADE = Path(os.environ.get("BOOK_FORMS", ROOT / "_build"))


def describe(book):
    """Return the words that all forms of the book carry: its version, and the date of its run."""
    notebook = json.loads(Path(book, "index.ipynb").read_text("utf-8"))
    run = notebook["metadata"]["d2l_gru"]["run"]
    return f"Version {run['versions']['d2l_gru']}, run on {run['date']}"


def prepare(app, config):
    """Say which version this is, and have pages made anew when there are other forms."""
    options = config.html_theme_options
    options["extra_footer"] = f"{describe(app.srcdir)}. {options.get('extra_footer', '')}"
    torch = [path.name for path in Path(app.srcdir).glob(f"*{TORCH}.ipynb")]
    config.forms = [*sorted(torch), *(n for n in ("book.pdf", "slides") if (MADE / n).exists())]
    for name in config.forms:  # {only} pdf: what a page says if there is one
        app.tags.add(Path(name).suffix.lstrip(".") or name)


def copy_forms(app, env):
    """Lay all forms beside the pages."""
    if app.builder.name != "html":
        return
    out = Path(app.outdir)
    book = Path(app.srcdir)
    (out / "_sources").mkdir(exist_ok=True)
    for source in [*book.glob(f"*{TORCH}.ipynb"), *(book.parent / "chapters").glob("*.md")]:
        shutil.copy(source, out / "_sources")
    if "book.pdf" in app.config.forms:
        shutil.copy(MADE / "book.pdf", out)
    if "slides" in app.config.forms:
        shutil.rmtree(out / "slides", ignore_errors=True)
        shutil.copytree(MADE / "slides", out / "slides")


def add_buttons(app, pagename, templatename, context, doctree):
    """Put the page's forms under its download button."""
    buttons = context.get("header_buttons", [])
    for button in (
        b for group in buttons for b in group.get("buttons", []) if b["text"] == "Colab"
    ):
        url = app.config.html_theme_options["repository_url"]
        button["tooltip"] += f", first: %pip install 'd2l_gru[cpu] @ git+{url}'"
    groups = [group for group in buttons if group["label"] == "download-buttons"]
    if app.builder.name != "html" or not groups:
        return
    source = f"_sources/{context['sourcename']}"  # which Sphinx copies after this
    forms = [
        ("Notebook, with its outputs", source, "fas fa-code"),
        ("Notebook in PyTorch", f"_sources/{pagename}{TORCH}.ipynb", "fas fa-code"),
        ("Markdown source", f"_sources/{pagename}.md", "fas fa-file"),
        ("Slides", f"slides/{pagename}.html", "fas fa-person-chalkboard"),
        ("The book as PDF", "book.pdf", "fas fa-file-pdf"),
    ]
    printing = groups[0]["buttons"][-1] | {"text": "Print this page", "icon": "fas fa-print"}
    groups[0]["buttons"] = [
        {"type": "link", "text": text, "url": context["pathto"](path, 1), "icon": icon,
         "tooltip": text, "label": "download-form-button"}
        for text, path, icon in forms
        if path == source or Path(app.outdir, path).exists()
    ] + [printing]  # fmt: skip
    groups[0]["tooltip"] = "Other forms of this page"


def setup(app):
    app.add_config_value("forms", [], "html")
    app.connect("config-inited", prepare)
    app.connect("env-updated", copy_forms)
    app.connect("html-page-context", add_buttons, priority=900)
