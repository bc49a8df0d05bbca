"""A Sphinx extension: what a reader can try out in a page, and the still figure that stands for it.

``{widget} strip`` with ``:still: fig-strip`` puts the figure of that name into a container, which a
script fills with the widget once the reader comes near.  On paper and on slides the figure is all.
"""

import re
import shutil
from html import escape
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

LOGGER = logging.getLogger(__name__)
SECTION = '<section class="gru-widget" data-widget="{}" data-models="{}" aria-label="{}">'
SCRIPT = '<script defer src="widgets/load.js"></script>'


class widget(nodes.Element):
    """A container; its first child becomes the still figure."""


class WidgetDirective(SphinxDirective):
    """``{widget} NAME``; its content says, where no script runs, what one could try with one."""

    required_arguments = 1
    option_spec = {  # noqa: RUF012
        "still": directives.unchanged_required,
        "models": directives.unchanged,
        "label": directives.unchanged_required,
    }
    has_content = True

    def run(self):
        scripts = (Path(self.env.srcdir) / "widgets" / "load.js").read_text()
        if not re.search(rf"\b{re.escape(self.arguments[0])}: ?\[", scripts):
            raise self.error(f"widgets/load.js names no widget {self.arguments[0]}")
        if missing := {"still", "label"} - self.options.keys():
            raise self.error(f"a widget needs the options {', '.join(sorted(missing))}")
        made = widget("", widget=self.arguments[0], **self.options)
        self.set_source_info(made)
        self.state.nested_parse(self.content, self.content_offset, made)
        return [made]


def arrange(app, doctree, docname):
    """Move each still figure into its widget; where there are only still figures, drop widgets."""
    script = SCRIPT  # once a page
    for each in list(doctree.findall(widget)):
        parts = []
        if app.builder.name == "html":
            stills = [n for n in doctree.findall(nodes.figure) if each["still"] in n["ids"]]
            if not stills:
                LOGGER.warning("there is no figure %s for a widget", each["still"], location=each)
            for still in stills:
                still.parent.remove(still)
            values = (escape(each.get(name, "")) for name in ("widget", "models", "label"))
            parts = [raw(SECTION.format(*values)), *stills, *each.children, raw("</section>")]
            parts.append(raw(script))
            script = ""
        each.replace_self(parts)


def raw(html):
    return nodes.raw("", html, format="html")


def copy_scripts(app):
    """Lay the scripts beside the pages: those in _static would be loaded into every page."""
    if app.builder.name == "html":
        source = Path(app.srcdir) / "widgets"
        shutil.copytree(source, Path(app.outdir) / "widgets", dirs_exist_ok=True)


def setup(app):
    app.add_directive("widget", WidgetDirective)
    app.add_css_file("widgets.css", priority=900)  # after the book's
    app.connect("builder-inited", copy_scripts)
    app.connect("doctree-resolved", arrange, priority=450)
