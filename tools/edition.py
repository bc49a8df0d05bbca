"""A Sphinx extension: the forms that the book comes in, and the one version that they carry.

Each page gets a button for its notebook, its Markdown, its slides and the PDF; for these two where
the variable BOOK_FORMS says that they will lie beside the pages.  Its foot says which version it
is, and of which day its run.
"""

import hashlib
import os
import re
import shutil
from pathlib import Path

import nbformat
from colab import address
from voices import TORCH

ROOT = Path(__file__).resolve().parent.parent


def describe(book):
    """Return the words that all forms of the book carry, from what the colophon has printed.

    They are its version, the date of its run and, if it is not that of the book, the text.
    """
    notebook = nbformat.read(Path(book) / "index.ipynb", as_version=4)
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    version = re.search(r"^d2l_gru (\S+)$", printed, re.MULTILINE)
    date = re.search(r"^date: +(\d{4}-\d{2}-\d{2})$", printed, re.MULTILINE)
    if not (version and date):
        raise ValueError(f"{book}/index.ipynb has printed no version and date: run it")
    text = ", with the sample story" if "corpus: the sample story" in printed else ""
    return f"Version {version[1]}, run on {date[1]}{text}"


def prepare(app, config):
    """Say which version this is, and have pages made anew when what they are made with changes.

    Buttons that open a page elsewhere need the book's public address.
    """
    options = config.html_theme_options
    options["extra_footer"] = f"{describe(app.srcdir)}. {options.get('extra_footer', '')}"
    if not address(Path(app.srcdir).parent / "_config.yml"):  # Jupyter Book would name its own
        options.pop("launch_buttons", None)
    torch = (path.name for path in Path(app.srcdir).glob(f"*{TORCH}.ipynb"))
    config.forms = sorted([*os.environ.get("BOOK_FORMS", "").split("/"), *torch])
    config.styles = digest((Path(app.srcdir) / "assets").glob("*"))
    config.extended_by = digest((ROOT / "tools").glob("*.py"))


def digest(paths):
    """Return a hash of files, for Sphinx to see that they are others than at its last build."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(paths))).hexdigest()


def copy_forms(app, env):
    """Lay each page's Markdown and notebook in PyTorch beside the pages."""
    if app.builder.name != "html":
        return
    forms = {}
    for name in env.found_docs:
        forms[f"_sources/{name}.md"] = ROOT / "chapters" / f"{name}.md"
        forms[f"_sources/{name}{TORCH}.ipynb"] = Path(app.srcdir) / f"{name}{TORCH}.ipynb"
    (Path(app.outdir) / "_sources").mkdir(exist_ok=True)
    for name, form in forms.items():
        copy = Path(app.outdir) / name
        copy.unlink(missing_ok=True)
        if form.exists():
            shutil.copy(form, copy)


def add_buttons(app, pagename, templatename, context, doctree):
    """Put the page's forms under its download button."""
    groups = [b for b in context.get("header_buttons", []) if b["label"] == "download-buttons"]
    if app.builder.name != "html" or not groups:
        return
    source = f"_sources/{context['sourcename']}"  # which Sphinx copies after this
    there, slides = {source, *app.config.forms}, f"slides/{pagename}.html"
    if "slides" in there and "slides" in app.env.metadata[pagename]:
        there.add(slides)
    forms = [
        ("Notebook, with its outputs", source, "fas fa-code"),
        ("Notebook in PyTorch", f"_sources/{pagename}{TORCH}.ipynb", "fas fa-code"),
        ("Markdown source", f"_sources/{pagename}.md", "fas fa-file"),
        ("Slides", slides, "fas fa-person-chalkboard"),
        ("The book as PDF", "book.pdf", "fas fa-file-pdf"),
    ]
    printing = groups[0]["buttons"][-1] | {"text": "Print this page", "icon": "fas fa-print"}
    groups[0]["buttons"] = [
        {"type": "link", "text": text, "url": context["pathto"](path, 1), "icon": icon,
         "tooltip": text, "label": "download-form-button"}
        for text, path, icon in forms
        if path in there or (Path(app.outdir) / path).exists()
    ] + [printing]  # fmt: skip
    groups[0]["tooltip"] = "Other forms of this page"


def setup(app):
    app.add_config_value("forms", [], "html")
    app.add_config_value("styles", "", "html")
    app.add_config_value("extended_by", "", "env")
    app.connect("config-inited", prepare)
    app.connect("env-updated", copy_forms)
    app.connect("html-page-context", add_buttons, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
