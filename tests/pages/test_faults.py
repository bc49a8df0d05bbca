"""What is wrong with a page is said with its chapter and line, and ends the build: real builds."""

import re

from small_book import book, build

# One line each, by itself or in a paragraph: what a slip leaves on a page, or takes from it.
SLIPS = {
    "{nosuch}`x`": "Unknown interpreted text role",
    "{glue:txt}`x`": "Unknown interpreted text role",
    "{glue:text}`nokey`": "No key 'nokey'",
    "{ref} `sec-x`": "'{ref} ' would be shown",
    "{ ref}`sec-x`": "'{ ref}' would be shown",
    "{numref}fig-x": "'{numref}' would be shown",
    "`code that does not end": "'`' would be shown",
    "A note[^1] that is nowhere.": "'[^1]' would be shown",
    "[words][nowhere]": "'[words][nowhere]' would be shown",
    "![alt] (a.svg)": "'![' would be shown",
    "A sum $$ x": "'$$' would be shown",
    "{{ nothing }}": "Substitution error",
    "{{ broken": "'{{' would be shown",
    "{ref}`nowhere`": "undefined label: 'nowhere'",
    "{eq}`nowhere`": "equation not found: nowhere",
    "{doc}`nowhere`": "unknown document: 'nowhere'",
    "{cite}`nobody`": "could not find bibtex key",
    "[a](#nowhere)": "cross-reference target not found",
    "```{nosuch} a\n```": "Unknown directive type",
    "```{note}\n:nosuch: 1\na\n```": "Unknown option keys",
    "```{figure} nowhere.svg\na\n```": "image file not readable",
    "```{widget} strip\n:label: a\n```": "a widget needs the options still",
    "```{widget} strp\n:label: a\n:still: b\n```": "names no widget strp",
    "```{slide} A\n:show: nowhere\n```": "a slide shows nowhere",
    "<<<<<<< HEAD": "'<<<<<<<' would be shown",
    "| a | b |\n| - |\n| 1 | 2 |": "'| - |' would be shown",
    "#### Deep": "Non-consecutive header level",
    # Cells that would not run.
    "```{code_cell} ipython3\nx\n```": "Unknown directive type: 'code_cell'",
    ":::{code-cell} ipython3\nx\n:::": "unexpected `code-cell`",
}
NO_CELLS = {
    "- a\n\n  ```{code-cell} ipython3\n  x\n  ```": "unexpected `code-cell`",
    "> ```{code-cell} ipython3\n> x\n> ```": "unexpected `code-cell`",
    "````{note}\n```{code-cell} ipython3\nx\n```\n````": "unexpected `code-cell`",
    "````{slide} A\n```{code-cell} ipython3\nx\n```\n````": "unexpected `code-cell`",
    "```code-cell ipython3\nx\n```": "lexer name 'code-cell' is not known",
    "```{code-cell ipython3\nx\n```": "lexer name '{code-cell' is not known",
}
CELL = '```{{code-cell}} ipython3\n:tags: [{0}]\nprint("{0}")\n```\n'
FINE = """# Fine

Set {x}, a {b, c}, 2**32, 5 * 3, `{ref} x`, [a] (b), cost $ 3.

````markdown
```{note}
{ref} `a`
```
````
"""


def test_each_slip_is_named_with_its_line(tmp_path):
    """Between paragraphs and behind a code cell with its twin."""
    cells = CELL.format("mxnet") + CELL.format("torch")
    text = f"# Slips\n\nWords.\n\n{cells}\n" + "\n\n".join(SLIPS) + "\n"
    source = book(tmp_path, {"slips": text, "fine": FINE})
    done = build(source, "slides")
    assert done.returncode and "Traceback" not in done.stdout
    found = re.findall(r"^(chapters/\S+): (?:WARNING|ERROR): (.*)$", done.stdout, re.MULTILINE)
    lines = (source / "chapters" / "slips.md").read_text().split("\n")
    for slip, words in SLIPS.items():
        line = lines.index(slip.split("\n")[0]) + 1
        places = [f"chapters/slips.md:{at}" for at in (line, line + 1)]
        there = [said for place, said in found if place in places]
        assert any(words in said for said in there), (slip, line, found)
    assert not [place for place, _ in found if place.startswith("chapters/fine.md")]


def failed(source, builder="html"):
    """Build a book that cannot be built; return the last line of what is said."""
    done = build(source, builder)
    assert done.returncode and "Traceback" not in done.stdout, done.stdout
    return done.stdout.strip().split("\n")[-1]


def test_what_ends_a_build_names_the_page(tmp_path):
    source = book(tmp_path, {"one": "# One\n\nWords.\n\nNot $\\nosuch{a}$.\n", "two": "Words.\n"})
    assert re.match(r"chapters/one.md:9: .*\\nosuch\{a\}$", failed(source))
    assert failed(source, "latex") == "chapters/two.md has no title; begin it with `# Title`"
    (source / "book" / "two-torch.ipynb").write_text("no notebook")
    assert "two-torch.ipynb cannot be read: Notebook does not appear to be JSON" in failed(source)


def test_what_looks_like_a_cell_is_refused_and_a_notebook_alone_keeps_its_own_lines(tmp_path):
    """Of a page with other text by now, and of one that is no more."""
    pages = {f"page{n}": f"# Title\n\n{text}\n" for n, text in enumerate(NO_CELLS)}
    alone = dict.fromkeys(("one", "two"), "# One\n\n{nosuch}`x`\n")
    source = book(tmp_path, pages | alone)
    (source / "chapters" / "one.md").write_text("# Another\n")
    (source / "chapters" / "two.md").unlink()
    said = build(source, "html").stdout
    for name, words in zip(pages, NO_CELLS.values(), strict=True):
        assert re.search(rf"chapters/{name}.md:\d+: WARNING: .*{words}", said), (name, said)
    assert all(f"{name}.ipynb:10004: WARNING" in said for name in alone)
