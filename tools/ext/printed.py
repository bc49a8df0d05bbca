"""A Sphinx extension: what a page need not be but a printed book is.

The front page becomes the preface.  The numbered parts of _toc.yml are the chapters, the others the
appendices, and so is the code in PyTorch.  Solutions go to the end, and the list of references
takes the place of the page that holds it.
"""

from docutils import nodes
from sphinx.addnodes import start_of_file
from sphinx.errors import SphinxError
from sphinx_exercise.nodes import exercise_enumerable_node, solution_node

from tools.ext.edition import describe
from tools.ext.tabs import twins

TORCH = "The code in PyTorch"
ABOUT_TORCH = (
    "What the chapters say in MXNet, in PyTorch, under the headings where it stands there. "
    "Cells that are the same in both are not repeated."
)
SHORT = 14  # lines of a cell


def raw(text):
    return nodes.raw("", text, format="latex")


def chapter(title, *content, within=""):
    name = nodes.make_id(f"{within} {title}")
    return nodes.section("", nodes.title("", title), *content, ids=[name])


def arrange(app, doctree, docname):
    """Put the parts of the printed book in order."""
    if app.builder.format != "latex":
        return
    root = doctree[0]
    files = {file["docname"]: file for file in root.findall(start_of_file)}
    titles = {name: next(file.findall(nodes.title), None) for name, file in files.items()}
    for name in files:
        if not titles[name]:
            raise SphinxError(f"chapters/{name}.md has no title; begin it with `# Title`")
    parts = app.env.external_site_map.root.subtrees
    chapters = [name for part in parts if part.numbered for name in part.items if name in files]
    front = [node for node in root[1:] if not next(node.findall(start_of_file), None)]
    subtitle = ""
    if front and [*map(type, front[0])] == [nodes.emphasis]:  # a line for itself, in italics
        subtitle = front.pop(0).astext()
    edition = describe(app.srcdir)
    app.builder.context["maketitle"] = rf"\printtitle{{{subtitle}}}{{{edition}}}"
    torch = [part for name in chapters if (part := take_twins(files[name]))]
    point_to_solutions(root)
    solutions = [take_solutions(files[name]) for name in chapters]
    others = (files[name] for name in files if name not in chapters)
    root[1:] = [
        chapter("Preface", *front),
        raw(r"\mainmatter\setcounter{secnumdepth}{2}"),
        *(files[name] for name in chapters),
        raw(r"\appendix"),
        *(file for file in others if file.astext().strip() != titles[file["docname"]].astext()),
        *([chapter(TORCH, nodes.paragraph("", ABOUT_TORCH), *torch)] if torch else []),
        raw(r"\backmatter\setcounter{secnumdepth}{-1}"),
        raw(r"\addtocontents{toc}{\protect\setcounter{tocdepth}{0}}"),
        chapter("Solutions", *(part for part in solutions if part)),
    ]
    keep_cells_whole(root)


def keep_cells_whole(root):
    """Break no cell of few lines between two pages, and print no code that the pages fold away."""
    for cell in list(root.findall(nodes.container)):
        if "tag_hide-input" in cell["classes"]:
            for part in [part for part in cell if is_input(part)]:
                cell.remove(part)
        if "cell" in cell["classes"] and 0 < lines(cell) <= SHORT:
            cell.parent.insert(cell.parent.index(cell), raw(rf"\printkeep{{{lines(cell)}}}"))


def lines(cell):
    return sum(block.astext().count("\n") + 3 for block in cell.findall(nodes.literal_block))


def take_twins(file):
    """Take the cells in PyTorch out of a chapter; return a section of their code, or None."""
    cells = {}  # by the title that they stand under
    for twin in twins(file):
        above = twin.parent
        while not isinstance(above[0], nodes.title):
            above = above.parent
        twin.parent.remove(twin)
        if "tag_torch" in twin["classes"]:  # and not a shared cell
            code = [part for part in twin.findall(nodes.container) if is_input(part)]
            cell = nodes.container("", *code, classes=["cell"])
            cells.setdefault(above[0].astext(), []).append(cell)
    title = next(file.findall(nodes.title)).astext()
    first = cells.pop(title, [])
    rest = []
    for words, there in cells.items():  # a heading stays with its cell
        rest.append(raw(rf"\printkeep{{{min(lines(there[0]), SHORT) + 4}}}"))
        rest.append(chapter(words, *there, within=f"{TORCH} {title}"))
    return (first or rest) and chapter(title, *first, *rest, within=TORCH)


def is_input(node):
    return "cell_input" in node["classes"]


def point_to_solutions(root):
    """Let each exercise say on which page its solution is, which may be of another chapter."""
    exercises = {node["label"]: node for node in root.findall(exercise_enumerable_node)}
    for file in root.findall(start_of_file):
        for solution in file.findall(solution_node):
            if exercise := exercises.get(solution["target_label"]):
                exercise += raw(rf"\printsolutionat{{{file['docname']}:{solution['label']}}}")


def take_solutions(file):
    """Move the solutions of a chapter to a section, and return that; None if there are none."""
    solutions = list(file.findall(solution_node))
    for solution in solutions:
        solution.parent.remove(solution)
    return solutions and chapter(next(file.findall(nodes.title)).astext(), *solutions)


def setup(app):
    app.connect("doctree-resolved", arrange)
