"""A Sphinx extension: a deck of slides for each chapter, from what is marked there for slides.

On the pages a ``{slide}`` is not to be seen.  In a deck it is a slide: its title, its text, and
whatever it shows of the page by name, figures, equations and tables.  A code cell tagged ``slide``
joins the slide before it, with its output; one tagged ``slide-output`` without its code.
"""

import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator
from sphinx_revealjs.builders import RevealjsHTMLBuilder
from sphinx_revealjs.writers import RevealjsSlideTranslator

from tools.ext.edition import describe

LOGGER = logging.getLogger(__name__)
NEEDED = re.compile("formulas|reveal|slides|pygments")
CELL, OUTPUT = "tag_slide", "tag_slide-output"


class slide(nodes.Element):
    """What a ``{slide}`` holds, with its title and the names that it shows."""


class SlideDirective(SphinxDirective):
    """``{slide} Title``, with ``:show:`` and the names of what stands elsewhere on the page."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {"show": directives.unchanged}  # noqa: RUF012
    has_content = True

    def run(self):
        words, messages = self.state.inline_text(self.arguments[0], self.lineno)
        content = slide("", show=self.options.get("show", "").split())
        content += nodes.title("", "", *words)
        self.set_source_info(content)
        self.state.nested_parse(self.content, self.content_offset, content)
        return [content, *messages]


class Decks(RevealjsHTMLBuilder):
    """Writes a deck for each page that has slides; links lead to the pages, one folder up."""

    name = "slides"

    def init(self):
        self.config.html_theme_options.pop("launch_buttons", None)  # the pages have them
        super().init()

    def get_relative_uri(self, from_, to, typ=None):
        return f"../{to}.html"

    def write_doc(self, docname, doctree):
        if doctree.children:
            super().write_doc(docname, doctree)
        else:  # it may have had slides before
            Path(self.outdir, f"{docname}.html").unlink(missing_ok=True)

    def gen_indices(self):
        """Write none."""


class Translator(RevealjsSlideTranslator):
    """Code is coloured here, as on the pages, and not by a script; only chapters have numbers."""

    visit_literal_block = HTML5Translator.visit_literal_block
    depart_literal_block = HTML5Translator.depart_literal_block

    def get_secnumber(self, node):
        return super().get_secnumber(node) if self.section_level == 1 else None


def drop_scripts(app, pagename, templatename, context, doctree):
    """Leave of the pages' styles what a deck needs; it has its scripts elsewhere."""
    if app.builder.name == Decks.name:
        context["script_files"] = []
        names = ((file, getattr(file, "filename", file)) for file in context["css_files"])
        context["css_files"] = [file for file, name in names if NEEDED.search(name)]


def arrange(app, doctree, docname):
    """Leave of a page its slides, or everything else."""
    slides = list(doctree.findall(slide))
    if app.builder.name != Decks.name:
        for each in slides:
            each.parent.remove(each)
        return
    made = [make_slide(doctree, each, number) for number, each in enumerate(slides, 1)]
    if made:
        book = [app.config.html_title, describe(app.srcdir)]
        heading = next(doctree.findall(nodes.title)).deepcopy()
        about = (nodes.paragraph("", line, classes=["edition"]) for line in book)
        made = [nodes.section("", heading, *about, *made, ids=["title"])]
    doctree[:] = made


def make_slide(doctree, source, number):
    """Return the section of one slide."""
    made = nodes.section("", ids=[f"slide-{number}"])
    title, *text = (node.deepcopy() for node in source)
    made += [title, *(named(doctree, name, source) for name in source["show"]), *text]
    for cell in cells_after(doctree, source):
        made += cell
    return made


def named(doctree, name, source):
    """Return a copy of the figure, equation or table of a name, without its caption."""
    for node in doctree.findall(nodes.Element):
        ids = [*node.get("ids", []), *node.get("names", []), node.get("label")]
        if name in ids and isinstance(node, (nodes.figure, nodes.table, nodes.math_block)):
            copy = node.deepcopy()
            for caption in [*copy.findall(nodes.caption), *copy.findall(nodes.title)]:
                caption.parent.remove(caption)
            return copy
    LOGGER.warning("a slide shows %s, which is not there", name, location=source)
    return nodes.comment()


def cells_after(doctree, source):
    """Yield copies of the tagged cells that stand between a slide and the next one."""
    follows = False
    for node in doctree.findall(lambda node: isinstance(node, slide | nodes.container)):
        if isinstance(node, slide):
            follows = node is source
        elif follows and CELL in node["classes"]:
            yield node.deepcopy()
        elif follows and OUTPUT in node["classes"]:
            yield from (part.deepcopy() for part in node if "cell_output" in part["classes"])


def setup(app):
    app.setup_extension("sphinx_revealjs")
    app.add_builder(Decks)
    app.set_translator(Decks.name, Translator)
    app.add_directive("slide", SlideDirective)
    app.connect("doctree-resolved", arrange, priority=400)
    app.connect("html-page-context", drop_scripts, priority=950)
