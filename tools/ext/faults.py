"""A Sphinx extension: what is wrong with a page is said with its chapter, its line and a reason.

Sphinx names lines of notebooks, which nobody edits.  It is the last of the extensions, and speaks
for those before it.
"""

import logging
import re
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.util import logging as sphinx_logging

PLACE = re.compile(r"([^\n]+?)(?:\.(?:ipynb|rst))?(?::(\d*))?:?")
# Footnotes and links to nothing, roles with a slip, tables and formulas that are none, and what
# is left of a merge.
REST = re.compile(
    r"`|\{[a-z][\w:-]*\}(?=\w)|!\[|\[\^[\w-]+\]|\[[\w -]+\]\[[\w-]+\]|\{\{|\}\}|:::|\$\$"
    r"|\|\s*-+\s*\||<{7}"
)
ROLE = re.compile(r"\{[^{}]*\}\s?$")
LOGGER = sphinx_logging.getLogger(__name__)


def chapter_of(notebook):
    """Return the chapter of a notebook, by their paths; None if there is none."""
    path = notebook.parents[1] / "chapters" / f"{notebook.stem}.md"
    return path if path.is_file() else None


def in_chapter(location):
    """Return chapters/NAME.md:LINE for what Sphinx says of a notebook, if that is mapped."""
    place = PLACE.fullmatch(location or "")
    chapter = place and chapter_of(Path(f"{place[1]}.ipynb").resolve())
    if not chapter or int(place[2] or 0) > 9999:
        return location
    return f"chapters/{chapter.name}" + (f":{place[2]}" if place[2] else "")


def where(node):
    """Return the place of a node, as in_chapter does."""
    return in_chapter(sphinx_logging.get_node_location(node))


def map_lines(app, docname, source):
    """Give a notebook the lines of its cells in the chapter, which MyST-NB then speaks of."""
    chapter = chapter_of(Path(app.srcdir, f"{docname}.ipynb"))
    if not chapter:
        return
    page, text = nbformat.reads(source[0], as_version=4), bare(chapter.read_text("utf-8"))
    at, lines = 0, []
    for cell in page.cells:
        at = max(at, text.find(bare(cell.source), at))
        lines.append(text.count("\n", 0, at) - 1)  # MyST-NB counts from one
    if at:
        page.metadata["source_map"] = lines
        source[0] = nbformat.writes(page)


def bare(text):
    """Return whole lines without what cannot be seen at their ends."""
    return re.sub(r"[ \t]+$", "", f"\n{text.strip()}\n", flags=re.MULTILINE)


def find_rest(app, doctree):
    """Warn of markup that a reader would see as it is written, since it means nothing there."""
    code = (nodes.literal, nodes.FixedTextElement, nodes.math, nodes.math_block, nodes.raw)
    for text in doctree.findall(nodes.Text):
        if isinstance(text.parent.parent, nodes.system_message):
            continue
        rest = REST.search(text)
        if isinstance(text.next_node(descend=False, siblings=True), nodes.literal):
            rest = rest or ROLE.search(text)
        if rest and not isinstance(text.parent, code) and not text.parent.get("classes"):
            said = "%r would be shown as it is written; correct it, or write it as code"
            LOGGER.warning(said, rest[0], location=text.parent)


def name_chapter(record):
    """Let a warning name a chapter instead of a notebook."""
    record.location = in_chapter(getattr(record, "location", None))
    return True


def setup(app):
    app.connect("source-read", map_lines, priority=900)  # with the twins
    app.connect("doctree-read", find_rest)
    for handler in logging.getLogger(sphinx_logging.NAMESPACE).handlers:
        if handler.level == logging.WARNING:
            handler.filters.insert(2, name_chapter)  # after the filter that finds the place
