"""A Sphinx extension: beside a cell its twin in PyTorch, in tabs that stay on the reader's choice.

The twins come from NAME-torch.ipynb into the notebook of a page as it is read.  A cell that is the
same in both has one only where its outputs differ.  Slides leave the twins out, and on paper
tools/ext/printed.py makes an appendix of them.
"""

from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.errors import SphinxError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator
from sphinx_design.shared import create_component

from tools.ext.widgets import widget
from tools.notebook import TORCH, code_cells, tags

TWIN = "twin"  # the tag of a cell that was put in


class twin_figure(nodes.figure):
    """A figure that stands beside another, with the same number; the tabs around have its name."""


def insert_twins(app, docname, source):
    """Put behind each cell of a page what is its twin in PyTorch."""
    path = Path(app.srcdir) / f"{docname}{TORCH}.ipynb"
    if not path.is_file():
        return
    app.env.note_dependency(str(path))
    page = nbformat.reads(source[0], as_version=4)
    try:
        torch = nbformat.read(path, as_version=4)
    except ValueError as error:
        raise SphinxError(f"{path.name} cannot be read: {error}") from None
    if len(code_cells(page)) != len(code_cells(torch)):
        raise SphinxError(f"{path.name} has not the cells of {docname}.ipynb; run `make book`")
    for cell, twin in zip(code_cells(page), code_cells(torch), strict=True):
        same = cell.source == twin.source and seen(cell) == seen(twin)
        if not same and "remove-cell" not in tags(cell) | tags(twin):
            twin.metadata.tags, twin.id = [*sorted(tags(twin)), TWIN], twin.id + TORCH
            twin.outputs = seen(twin)
            twin.metadata.get("mystnb", {}).pop("figure", None)  # it gets that of the cell
            page.cells.insert(page.cells.index(cell) + 1, twin)
    source[0] = nbformat.writes(page)


def seen(cell):
    """Return the outputs without those that only lay down a value for the text."""
    return [output for output in cell.outputs if "scrapbook" not in output.get("metadata", {})]


def twins(document):
    return [cell for cell in document.findall(nodes.container) if f"tag_{TWIN}" in cell["classes"]]


class Tabs(SphinxPostTransform):
    """Put each cell and its twin into tabs."""

    default_priority = 150  # before sphinx-design's own

    def run(self):
        stills = {each["still"] for each in self.document.findall(widget)}
        for twin in twins(self.document):
            parent, at = twin.parent, twin.parent.index(twin)
            cell = parent[at - 1]
            names = [name for figure in cell.findall(nodes.figure) for name in figure["ids"]]
            if self.app.builder.name == "html" and not stills & {*names}:
                self.caption(cell, twin)
                items = [tab("MXNet", cell), tab("PyTorch", twin)]
                both = create_component("tab-set", ["sd-tab-set"], children=items, ids=names)
                parent[at - 1 : at + 1] = [both]
            elif self.app.builder.format != "latex":
                parent.remove(twin)

    def caption(self, cell, twin):
        """Give the figures of a twin the captions of those of the cell, whose names both bear."""
        numbers = self.env.toc_fignumbers.get(self.env.docname, {}).get("figure", {})
        images = list(twin.findall(nodes.image))
        for figure, image in zip(list(cell.findall(nodes.figure)), images, strict=False):
            numbered = [numbers[name] for name in figure["ids"] if name in numbers]
            figure["ids"] = []
            one = twin_figure("", *figure.children, **figure.attributes)
            figure.replace_self(one)
            for number, caption in zip(numbered, one.findall(nodes.caption), strict=False):
                words = self.config.numfig_format["figure"] % ".".join(map(str, number))
                caption.insert(0, nodes.inline("", f"{words} ", classes=["caption-number"]))
            other = one.deepcopy()
            image.replace_self(other)
            next(other.findall(nodes.image)).replace_self(image)


def tab(words, cell):
    label = nodes.rubric(
        "", words, classes=["sd-tab-label"], sync_group="framework", sync_id=words.lower()
    )
    content = create_component("tab-content", ["sd-tab-content"], children=[cell])
    return create_component("tab-item", ["sd-tab-item"], children=[label, content])


def setup(app):
    app.setup_extension("sphinx_design")
    app.add_node(twin_figure, html=(HTML5Translator.visit_figure, HTML5Translator.depart_figure))
    app.add_post_transform(Tabs)
    app.connect("source-read", insert_twins)
