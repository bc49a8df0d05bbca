"""Find mistakes that would silently yield a wrong page, each with its file, line and fix.

Mistakes that MyST, Jupytext or Sphinx report are left to them: a build stops at their warnings.
"""

import difflib
import itertools
import re
import sys
from pathlib import Path

from jupytext.myst import get_parser
from mdit_py_plugins.colon_fence import colon_fence_plugin
from pybtex.database import parse_file
from pybtex.exceptions import PybtexError

from tools.notebook import KEPT_METADATA, TORCH, ChapterError, code_cells, tags

ROOT = Path(__file__).resolve().parent.parent
PARSER = get_parser().use(colon_fence_plugin)
BEGINS_FENCE = re.compile(r"[\s>]*(?:[-*+]|\d+[.)])?\s*(`{3,}|~{3,}|:{3,})\s*(\{.*|code.*)")
PYTHON = re.compile(r" i?python3? *$")
# Directives whose content is no Markdown.
VERBATIM = {"code-cell", "raw-cell", "code", "code-block", "sourcecode", "math", "raw", "eval-rst"}
TAGS = """bench clock corpus gpu hide-cell hide-input hide-output machine mxnet raises-exception
    remove-cell remove-input remove-output remove-stderr remove-stdout scroll-output skip-execution
    slide slide-output timed torch""".split()
PAGES = (".md", ".markdown", ".rst", ".ipynb")
MYSTNB = {
    "figure": {"name", "caption", "caption_before", "align", "classes"},
    "image": {"alt", "width", "height", "scale", "align", "classes"},
}
# What no output may show, and what the author should do.
UNFIT = {
    "a path of the machine that ran it; print something that is the same everywhere":
        rf"(?<![\w./-])(?:/(?:home|root|work|tmp|Users|private|var)|{re.escape(str(ROOT))})/"
        r"|site-packages|ipykernel_\d",
    "a traceback; tag the cell raises-exception if it is meant":
        r"Traceback \(most recent call last\)",
    "a warning; fix its cause":
        r"\b\w*Warning: |\[\d\d:\d\d:\d\d\] \S+\.(?:cc|cu|h):\d+:|WARNING",
    "an image that no test compares; draw it as SVG": r"image/(?:png|jpeg|gif)|application/pdf",
    "a widget, which a page cannot show; leave it out (tqdm(..., disable=True))":
        "widget-view",
    "text that overwrites itself, as a progress bar does; leave it out (tqdm(..., disable=True))":
        r"\d%\||[\r\b](?!\n)",
}  # fmt: skip


def check(root, names=()):
    """Raise if chapters/ cannot become pages.

    Args:
        root: the folder that holds `chapters` and `book`.
        names: of the chapters to read; all by default.

    Raises:
        ChapterError: with a line for each fault.
    """
    contents, found, seen = root / "book" / "_toc.yml", [*in_book(root / "book")], set()
    listed = contents.read_text("utf-8") if contents.is_file() else None
    for path in sorted((root / "chapters").rglob("*.*")):
        name, where = path.stem, path.relative_to(root)
        if path.suffix.lower() not in PAGES or where.parts[1].startswith("."):
            continue
        if not re.fullmatch(r"chapters/\w[\w-]*\.md", where.as_posix()) or name.endswith(TORCH):
            found.append(
                f"{where}: a chapter is chapters/NAME.md, its name of letters, digits, - and _, "
                f"without {TORCH} at its end; rename it"
            )
            continue
        if name.lower() in seen:
            found.append(f"{where}: another name differs only in capitals; rename one")
        elif name in ("search", "genindex", "py-modindex"):
            found.append(f"{where}: Sphinx makes its own page {name}; rename the chapter")
        elif listed and name not in re.findall(r"(?:file|root): *[\"']?([\w-]+)", listed):
            found.append(f"book/_toc.yml: {where} is not listed; add `- file: {name}`")
        seen.add(name.lower())
        if not names or name in names:
            found += [f"{where}:{line}: {words}" for line, words in sorted(in_chapter(path))]
    if found:
        raise ChapterError("\n".join(found))


def in_book(folder):
    """Yield what is wrong with the other files that people write."""
    for path in sorted(p for f in ("", "assets", "widgets") for p in (folder / f).glob("*")):
        if re.search(r"[^\w.-]", path.name):
            yield f"{path.relative_to(folder.parent)}: a name has no spaces or signs; rename it"
    if (references := folder / "references.bib").is_file():
        try:
            parse_file(references)
        except PybtexError as error:
            yield f"book/references.bib: {error}"


def in_chapter(path):
    """Yield the lines of a chapter that would not be shown as they are written, and why."""
    try:
        tokens = PARSER.parse(path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        yield error.object.count(b"\n", 0, error.start) + 1, "it is not in UTF-8; save it as UTF-8"
        return
    if not tokens or tokens[0].type != "front_matter":
        yield 1, "its head, YAML between two --- lines, must come first; see CONTRIBUTING.md"
        return
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
                    yield at, "it belongs to the HTML above; leave an empty line between them"
        if token.type not in ("fence", "colon_fence"):
            continue
        line, lines = first + token.map[0], token.content.split("\n")
        name = re.match(r"\{(.*?)\}", token.info.strip())
        verbatim = not name or name[1] in VERBATIM
        within = (
            at for at, words in enumerate(lines, line + 1) if words.startswith(token.markup + "{")
        )
        if verbatim and (at := next(within, None)):
            yield at, f"a fence begins here, but the one in line {line} has not ended; close it"
        elif token.info.strip().startswith("{code-cell} ") and not PYTHON.search(token.info):
            yield line, f"{token.info.split()[1]} would be run as Python; write ipython3"
        elif token.map[1] - token.map[0] <= len(lines):
            yield line, f"{token.markup}{token.info} is never closed; write {token.markup} below it"
        if not verbatim:
            yield from in_fences(PARSER.parse(token.content), line + 1)


def refuse_lost(where, notebook):
    """Raise if a cell contains something that pages and tests would ignore."""
    if any(cell.cell_type == "raw" for cell in notebook.cells):
        raise ChapterError(f"{where}: a raw cell is shown nowhere; write Markdown or a code cell")
    for number, cell in enumerate(code_cells(notebook), 1):
        if said := ignored(cell):
            raise ChapterError(f"{where}, code cell {number}: {said}")


def ignored(cell):
    """Say what pages and tests would ignore of a code cell; None if that is nothing."""
    for tag in tags(cell) - {*TAGS}:
        if near := difflib.get_close_matches(tag, TAGS, n=1, cutoff=0.8):
            return f"there is no tag {tag}; write {near[0]}"
    lost = cell.metadata.keys() - {*KEPT_METADATA}
    for kind, options in cell.metadata.get("mystnb", {}).items():
        lost |= {*options} - MYSTNB[kind] if kind in MYSTNB else {kind}
    return f"pages ignore its option {min(lost)!r}" if lost else None


def refuse_unfit(notebook):
    """Raise if a page would show what its author did not write."""
    for number, cell in enumerate(code_cells(notebook), 1):
        if found := unfit(cell):
            raise ChapterError(f"code cell {number}: its output holds {', '.join(found)}")


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
                raise ChapterError(f"chapters/{path.name}: it was never run; run `make run`")
    except ChapterError as error:
        sys.exit(str(error))
