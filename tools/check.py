"""What would become a wrong page in silence: each with its file, its line and what to do.

What MyST, Jupytext or Sphinx complain of is left to them: a build stops at their warnings.
"""

import difflib
import itertools
import re
import sys
from pathlib import Path

import jupytext
import yaml
from jupytext.myst import get_parser
from mdit_py_plugins.colon_fence import colon_fence_plugin

from tools.notebook import KEPT_METADATA, TORCH, ChapterError, code_cells, is_torch, switch, tags

ROOT = Path(__file__).resolve().parent.parent
PARSER = get_parser().use(colon_fence_plugin)
CONFLICT = re.compile(r"([<>|])\1{6}( |$)")
UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f\u200b\u2060\ufeff]")
BEGINS_FENCE = re.compile(r"[\s>]*(?:[-*+]|\d+[.)])?\s*(`{3,}|~{3,}|:{3,})\s*(\{.*|code.*)")
PYTHON = re.compile(r" i?python3? *$")
# Directives whose content is no Markdown.
VERBATIM = {"code-cell", "raw-cell", "code", "code-block", "sourcecode", "math", "raw", "eval-rst"}
TAGS = """bench clock corpus gpu hide-cell hide-input hide-output machine mxnet raises-exception
    remove-cell remove-input remove-output remove-stderr remove-stdout scroll-output skip-execution
    slide slide-output timed torch""".split()
MYSTNB = {
    "figure": {"name", "caption", "caption_before", "align", "classes"},
    "image": {"alt", "width", "height", "scale", "align", "classes"},
}
# What no output shows, and what the author should do.
UNFIT = {
    "a path of the machine that ran it; print what is the same everywhere":
        rf"(?<![\w./-])(?:/(?:home|root|work|tmp|Users|private|var)|{re.escape(str(ROOT))})/"
        r"|site-packages|ipykernel_\d",
    "a traceback; tag the cell raises-exception if it is meant":
        r"Traceback \(most recent call last\)",
    "a warning; mend what it warns of":
        r"\b\w*Warning: |\[\d\d:\d\d:\d\d\] \S+\.(?:cc|cu|h):\d+:|WARNING",
    "a picture that no test compares; draw it as SVG": r"image/(?:png|jpeg|gif)|application/pdf",
    "a widget, of which a page shows nothing; leave it out (tqdm(..., disable=True))":
        "widget-view",
    "text that overwrites itself, as a progress bar does; leave it out (tqdm(..., disable=True))":
        r"\d%\||[\r\b](?!\n)",
}  # fmt: skip


def check(root, names=()):
    """Raise if chapters/ cannot become pages.

    Args:
        root: the folder that holds `chapters` and `book`.
        names: of the chapters to read; all unless given.

    Raises:
        ChapterError: with a line for each fault.
    """
    chapters = sorted((root / "chapters").glob("*.md"))
    contents, read = (
        root / "book" / "_toc.yml",
        [p for p in chapters if not names or p.stem in names],
    )
    others = [root / "_config.yml", contents, root / "book" / "references.bib"]
    found = [*in_names(root)]
    for path in [*read, *(path for path in others if path.is_file())]:
        wrong = [*in_text(path.read_bytes())]
        if not wrong and path.suffix == ".md":
            wrong = [*in_chapter(path.read_text("utf-8"))]
        if not wrong and path.suffix == ".yml":
            wrong = [*in_yaml(path.read_text("utf-8"))]
        found += [f"{path.relative_to(root)}:{line}: {words}" for line, words in sorted(wrong)]
    if not found and contents.is_file():
        listed = re.findall(r"(?:file|root): *[\"']?([\w-]+)", contents.read_text("utf-8"))
        for name in sorted({path.stem for path in chapters} - {*listed}):
            found.append(f"book/_toc.yml: chapters/{name}.md is not listed; add `- file: {name}`")
    if found:
        raise ChapterError("\n".join(found))
    for path in sorted((root / "book").glob("*.ipynb")):  # left over
        chapter = root / "chapters" / f"{path.stem.removesuffix(TORCH)}.md"
        whole = chapter.is_file() and jupytext.read(chapter, fmt="md:myst")
        if not whole or (path.stem.endswith(TORCH) and not is_torch(whole)):
            raise ChapterError(f"{path.relative_to(root)} belongs to no chapter; remove it")


def in_names(root):
    """Yield what is wrong with the names of files, which become those of pages."""
    seen = set()
    for path in sorted((root / "chapters").rglob("*.*")):
        where = path.relative_to(root / "chapters")
        if (
            path.suffix.lower() not in (".md", ".markdown", ".rst", ".ipynb")
            or str(where)[0] == "."
        ):
            continue
        if not re.fullmatch(r"\w[\w-]*\.md", str(where)) or path.stem.endswith(TORCH):
            yield (
                f"chapters/{where}: a chapter is chapters/NAME.md, its name of letters, digits, - "
                f"and _, without {TORCH} at its end; rename it"
            )
        elif path.stem.lower() in seen:
            yield f"chapters/{where}: another name differs only in capitals; rename one"
        seen.add(path.stem.lower())
    for path in sorted(p for f in ("", "assets", "widgets") for p in (root / "book" / f).glob("*")):
        if re.search(r"[^\w.-]", path.name):
            yield f"{path.relative_to(root)}: a name has no blanks and signs; rename the file"


def in_text(content):
    """Yield lines, and what no text of the book holds."""
    try:
        text = content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        yield content.count(b"\n", 0, error.start) + 1, "it is not in UTF-8; save it so"
        return
    for line, words in enumerate(text.split("\n"), 1):
        if CONFLICT.match(words):
            said = f"a merge was not finished, {words[:7]}; choose a side and delete the marks"
            yield line, said
        if unseen := UNSEEN.search(words):
            code = f"U+{ord(unseen[0]):04X}"
            yield line, f"it holds a character that cannot be seen, {code}; delete it"


def in_yaml(text, first=1):
    try:
        yaml.safe_load(text)
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0)
        yield first + line, f"it is no YAML: {getattr(error, 'problem', error)}"


def in_chapter(text):
    """Yield the lines of a chapter that would not be shown as they are written, and why."""
    tokens = PARSER.parse(text)
    if not tokens or tokens[0].type != "front_matter":
        yield 1, "its head, YAML between two lines of ---, is not first; see CONTRIBUTING.md"
        return
    yield from in_yaml(tokens[0].content, first=2)
    titles = [token for token in tokens if (token.type, token.tag) == ("heading_open", "h1")]
    for title in titles[1:]:
        yield title.map[0] + 1, "a second title; make it `##`"
    for token, inline in itertools.pairwise(tokens):
        if token.type == "heading_open" and not inline.content:
            yield token.map[0] + 1, "a heading has no words; write some"
    yield from in_fences(tokens, 1)


def in_fences(tokens, first):
    """Yield where fences end too late or not at all, of tokens that begin in line `first`."""
    for token in tokens:
        if token.type == "html_block" and not token.content.startswith("<!--"):
            for at, words in enumerate(token.content.splitlines(), first + token.map[0]):
                if BEGINS_FENCE.match(words):
                    yield at, "it belongs to the HTML above; leave a line empty between them"
        if token.type not in ("fence", "colon_fence"):
            continue
        line, lines = first + token.map[0], token.content.split("\n")
        name = re.match(r"\{(.*?)\}", token.info.strip())
        verbatim = not name or name[1] in VERBATIM
        within = (
            at for at, words in enumerate(lines, line + 1) if words.startswith(token.markup + "{")
        )
        if verbatim and (at := next(within, None)):
            yield at, f"a fence begins here, and that of line {line} has not ended; close it"
        elif token.info.strip().startswith("{code-cell} ") and not PYTHON.search(token.info):
            yield line, f"{token.info.split()[1]} would be run as Python; write ipython3"
        elif token.map[1] - token.map[0] <= len(lines):
            yield line, f"{token.markup}{token.info} is never closed; write {token.markup} below it"
        if not verbatim:
            yield from in_fences(PARSER.parse(token.content), line + 1)


def refuse_lost(notebook):
    """Raise if a cell, as written, has what neither a page nor a test would heed."""
    for cell in notebook.cells:
        if cell.cell_type == "raw":
            raise ChapterError("a raw cell is shown nowhere; write Markdown or a code cell")
    for number, cell in enumerate(code_cells(notebook), 1):
        if said := switch(cell):
            raise ChapterError(f"code cell {number}: {said}")
        for tag in tags(cell) - {*TAGS}:
            if near := difflib.get_close_matches(tag, TAGS, n=1, cutoff=0.8):
                raise ChapterError(f"code cell {number}: there is no tag {tag}; write {near[0]}")
        lost = cell.metadata.keys() - {*KEPT_METADATA}
        for kind, options in cell.metadata.get("mystnb", {}).items():
            lost |= {*options} - MYSTNB[kind] if kind in MYSTNB else {kind}
        if lost:
            raise ChapterError(f"code cell {number}: no page heeds its option {min(lost)!r}")


def refuse_unfit(notebook):
    """Raise if a page would show what its author did not write, or one number for another."""
    glued = {}
    for number, cell in enumerate(code_cells(notebook), 1):
        if found := unfit(cell):
            raise ChapterError(f"code cell {number}: its output holds {', '.join(found)}")
        for output in cell.outputs:
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if name and glued.setdefault(name, number) != number:
                raise ChapterError(
                    f"code cell {number}: it glues {name!r}, as code cell {glued[name]} does; "
                    "give one another name"
                )


def unfit(cell):
    """List what the outputs of a cell hold that no reader should see."""
    text = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(_words(cell.outputs)))
    found = [name for name, pattern in UNFIT.items() if re.search(pattern, text)]
    if "raises-exception" in tags(cell):
        return [name for name in found if not name.startswith("a traceback")]
    return found + ["an error"] * any(output.output_type == "error" for output in cell.outputs)


def _words(node):
    """Yield every key and every text of nested outputs."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, (list, dict)):
        for part in node:
            yield from _words(part)
            if isinstance(node, dict):
                yield from _words(node[part])


if __name__ == "__main__":
    try:
        check(ROOT)
        for path in sorted((ROOT / "chapters").glob("*.md")):
            if not (ROOT / "book" / f"{path.stem}.ipynb").is_file():
                raise ChapterError(f"chapters/{path.name}: it was never run; call `make run`")
    except ChapterError as error:
        sys.exit(str(error))
