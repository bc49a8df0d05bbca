"""A Sphinx extension: where a page's numbers come from, on each of them and in a card at its end.

A number that a cell placed in the text says by a hint which one, and on what it ran.  It leads to
the card, which lists them all, below what the page's outputs depend on.  On paper a note at the
chapter's end does.
"""

import json
import re
from html import escape
from pathlib import Path

from docutils import nodes
from myst_nb.ext.glue.roles import PasteTextRole
from sphinx import addnodes

from tools.notebook import TORCH, code_cells

VOICES = {"MXNet": "", "PyTorch": TORCH}
ROWS = ("run", "seconds", "versions", "seeds", "code", "package", "corpus", "records", "lock")
CARD = """<details class="card-of-run"><summary>How this page came about</summary>
<p><code>make reproduce CHAPTER={name}</code> runs it again and says what differs.
Hashes are given by their first digits.</p>
<table><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>{placed}</details>"""


class placed(nodes.inline):
    """What a cell placed in the text, with the words that say which."""


class Role(PasteTextRole):
    """``{glue:text}``, which remembers where its value comes from."""

    def run(self):
        found, messages = super().run()
        key = self.text.rsplit(":", 1)[0] if ":" in self.text else self.text
        page, _, name = key.rpartition("::")
        env = self.document.settings.env
        path = Path(env.srcdir) / (page or f"{env.docname}.ipynb")
        if found:
            env.note_dependency(str(path))
            found = [placed("", "", *found, source=describe(read(path), path.name, name))]
        return found, messages


def read(path):
    return json.loads(path.read_text("utf-8"))


def describe(notebook, file, name):
    """Say which cell of a notebook has placed a value, and on what, if its run is known."""
    cells = [
        str(number)
        for number, cell in enumerate(code_cells(notebook), 1)
        for output in cell.get("outputs", [])
        if output.get("metadata", {}).get("scrapbook", {}).get("name") == name
    ]
    run = notebook["metadata"].get("d2l_gru", {}).get("run", {})
    known = [f"on {run['device']}"] if run.get("device") else []
    known += [run["date"]] if run else []
    return ", ".join([f"from code cell {cells[-1]} of {file}", *known])


def facts(notebook):
    """Return the rows of a card: what the outputs of a notebook depend on, as far as is known."""
    stamp = notebook["metadata"].get("d2l_gru", {})
    run = stamp.get("run", {})
    known = {**stamp.get("parts", {}), "lock": run.get("lock")}
    known = {name: f"<code>{value}</code>" for name, value in known.items() if value}
    if run:
        on = f" on {run['device']}" if run["device"] else ""
        known["run"] = f"{run['date']}{on}, in {run['seconds']:.0f} seconds"
        cells = sorted(run.get("cells", {}).items(), key=lambda cell: int(cell[0]))
        known["seconds"] = ", ".join(f"{took:.0f} in code cell {cell}" for cell, took in cells)
        known["versions"] = ", ".join(map(" ".join, run["versions"].items()))
    sources = "".join(line for cell in code_cells(notebook) for line in cell["source"])
    seeds = {*re.findall(r"\bset_seed\((\d+)\)", sources)}
    known["seeds"] = ", ".join(sorted(seeds, key=int))
    return {name: value for name, value in known.items() if value}


def numbers_of(tree):
    """Return what cells placed in the text, by where it comes from."""
    numbers = {}
    for node in tree.findall(placed):
        numbers.setdefault(node["source"], {})[node.astext()] = True
    return {where: ", ".join(said) for where, said in numbers.items()}


def add_notes(doctree):
    """Say at the end of each chapter of the printed book where its numbers come from."""
    for chapter in doctree.findall(addnodes.start_of_file):
        if numbers := numbers_of(chapter):
            words = "; ".join(f"{said} {where}" for where, said in numbers.items())
            note = nodes.paragraph("", f"Numbers that cells placed in the text: {words}.")
            note = nodes.container("", note, classes=["sources"])
            next(chapter.findall(nodes.section), chapter).append(note)


def add_card(app, doctree, docname):
    """Put the card at the end of a page with code."""
    if app.builder.name == "latex":
        add_notes(doctree)
    files = {words: Path(app.srcdir) / f"{docname}{end}.ipynb" for words, end in VOICES.items()}
    notebooks = {words: read(path) for words, path in files.items() if path.is_file()}
    if app.builder.name != "html" or not any(map(code_cells, notebooks.values())):
        return
    cards = [facts(notebook) for notebook in notebooks.values()]
    rows = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(f"<td>{card.get(name, '')}</td>" for card in cards)
        + "</tr>"
        for name in ROWS
        if any(name in card for card in cards)
    )
    numbers, items = numbers_of(doctree), ""
    for number, (where, said) in enumerate(numbers.items(), 1):
        items += f'<li id="from-{number}">{escape(said)} {escape(where)}</li>'
    for node in doctree.findall(placed):
        node["at"] = f"#from-{[*numbers].index(node['source']) + 1}"
    html = CARD.format(
        name=docname,
        heads="".join(f'<th scope="col">{words}</th>' for words in notebooks),
        rows=rows,
        placed=items and f"<p>Numbers that cells placed in the text:</p><ul>{items}</ul>",
    )
    next(doctree.findall(nodes.section), doctree).append(nodes.raw("", html, format="html"))


def visit(self, node):
    said = {"CLASS": "placed", "title": node["source"]}
    said |= {"href": node["at"]} if "at" in node else {}
    self.body.append(self.starttag(node, "a", "", **said))


def depart(self, node):
    self.body.append("</a>")


def setup(app):
    plain = (lambda self, node: None,) * 2
    app.add_node(placed, html=(visit, depart), latex=plain)
    app.add_role_to_domain("glue", "text", Role(), override=True)
    app.connect("doctree-resolved", add_card)
