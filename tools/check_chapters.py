"""Say what in chapters/ would become a wrong page: each with its file, its line and what to do.

All that makes or shows pages asks this first: the runner, and `make html`, `slides` and `pdf`.
"""

import difflib
import itertools
import re
import sys
from collections import Counter
from pathlib import Path

import jupytext
import yaml
from jupytext.myst import get_parser, read_fenced_cell
from mdit_py_plugins.colon_fence import colon_fence_plugin
from outputs import KEPT_METADATA, ChapterError, code_cells, is_torch, tags
from sphinx_external_toc.parsing import MalformedError, parse_toc_data
from voices import TORCH

ROOT = Path(__file__).resolve().parent.parent
NAME = re.compile(r"\w[\w-]*")
FILE = re.compile(r"[\w.][\w.-]*")
CHAPTERS = {".md", ".markdown", ".myst", ".rst", ".ipynb"}
CONFLICT = re.compile(r"([<>|])\1{6}( |$)")
UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f\u200b\u2060\ufeff]")
BEGINS_FENCE = re.compile(r"[\s>]*(?:[-*+]|\d+[.)])?\s*(`{3,}|~{3,}|:{3,})\s*(\{.*|code.*)")
# Directives whose content is no Markdown.
VERBATIM = {"code-cell", "raw-cell", "code", "code-block", "sourcecode", "math", "raw", "eval-rst"}
LANGUAGES = {"", "ipython", "ipython3", "python", "python3"}
TAGS = """bench clock corpus gpu hide-cell hide-input hide-output machine mxnet raises-exception
    remove-cell remove-input remove-output remove-stderr remove-stdout scroll-output skip-execution
    slide slide-output timed torch""".split()
OF_MYSTNB = {
    "figure": {"name", "caption", "caption_before", "align", "classes"},
    "image": {"alt", "width", "height", "scale", "align", "classes"},
}
# What no page shows, and what the author should do.
UNFIT = {
    "a path of the machine that ran it; print what is the same everywhere": re.compile(
        r"(?<![\w./-])/(?:home|root|work|tmp|Users|private|var)/|site-packages|ipykernel_\d"
    ),
    "a traceback; tag the cell raises-exception if it is meant": re.compile(
        r"Traceback \(most recent call last\)"
    ),
    "a warning; mend what it warns of": re.compile(
        r"\b\w*Warning: |\[\d\d:\d\d:\d\d\] \S+\.(?:cc|cu|h):\d+:|WARNING"
    ),
    "a picture that no test compares; draw it as SVG": re.compile(
        r"image/(?:png|jpeg|gif)|application/pdf"
    ),
    "a widget, of which a page shows nothing; leave it out (tqdm(..., disable=True))": re.compile(
        "widget-view"
    ),
    "text that overwrites itself, as a progress bar does; leave it out (tqdm(..., disable=True))":
        re.compile(r"\d%\||[\r\b](?!\n)"),
}  # fmt: skip
PARSER = get_parser().use(colon_fence_plugin)


def check(root, names=()):
    """Raise if chapters/ cannot become pages.

    Args:
        root: the folder that holds `chapters` and `book`.
        names: of the chapters to read; all unless given.

    Raises:
        ChapterError: with a line for each fault.
    """
    paths = sorted((root / "chapters").glob("*.md"))
    read = [path for path in paths if not names or path.stem in names]
    others = ("_config.yml", "book/_toc.yml", "book/references.bib")
    found = [*in_names(root, paths)]
    for path in [*read, *(root / name for name in others if (root / name).is_file())]:
        wrong = [*in_text(path.read_bytes())]
        if not wrong and path in read:
            wrong = [*in_chapter(path.read_text("utf-8"))]
        if not wrong and path.suffix == ".yml":
            wrong = [*in_yaml(path.read_text("utf-8"))]
        if not wrong and path.name == "_toc.yml":
            wrong = [*in_contents(path.read_text("utf-8"), {path.stem for path in paths})]
        where = path.relative_to(root)
        wrong.sort(key=lambda fault: fault[0] or float("inf"))
        found += [f"{where}{line and f':{line}'}: {words}" for line, words in wrong]
    found = found or [*left_over(root, paths)]
    if found:
        raise ChapterError("\n".join(found))


def left_over(root, paths):
    """Yield the notebooks of chapters that are gone, or have no cells in PyTorch any more."""
    chapters = {path.stem: path for path in paths}
    for path in sorted((root / "book").glob("*.ipynb")):
        chapter = chapters.get(path.stem.removesuffix(TORCH))
        has_two = chapter and is_torch(jupytext.read(chapter, fmt="md:myst"))
        if path.stem not in chapters and not has_two:
            yield f"{path.relative_to(root)} belongs to no chapter; remove it"


def in_names(root, paths):
    """Yield what is wrong with the names of files, which become those of pages."""
    for path in sorted((root / "chapters").rglob("*")):
        where = path.relative_to(root)
        hidden = any(part.startswith(".") for part in where.parts)
        if hidden or path.suffix.lower() not in CHAPTERS or path.is_dir():
            continue
        if path.parent != root / "chapters":
            yield f"{where}: a chapter lies in chapters/ itself; move it there"
        elif path.suffix != ".md":
            yield f"{where}: a chapter is Markdown, chapters/NAME.md; name or write it so"
        elif not NAME.fullmatch(path.stem):
            yield f"{where}: a name has letters, digits, - and _ only; rename the file"
        elif path.stem.endswith(TORCH):
            yield f"{where}: names in {TORCH} are those of notebooks in PyTorch; rename the file"
    alike = Counter(path.stem.lower() for path in paths)
    for path in paths:
        if alike[path.stem.lower()] > 1:
            yield f"{path.relative_to(root)}: another name differs only in capitals; rename one"
    book = root / "book"
    for path in sorted([*book.glob("*"), *book.glob("assets/*"), *book.glob("widgets/*")]):
        if not FILE.fullmatch(path.name):
            yield f"{path.relative_to(root)}: a name has no blanks and signs; rename the file"


def in_text(content):
    """Yield lines, and what no text of the book holds."""
    try:
        text = content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        yield line, "it is not in UTF-8; save it so"
        return
    for line, words in enumerate(text.split("\n"), 1):
        if CONFLICT.match(words):
            yield (
                line,
                f"a merge was not finished, {words[:7]}; choose a side and delete the marks",
            )
        if unseen := UNSEEN.search(words):
            mark = " (a byte order mark)" if unseen[0] == "\ufeff" else ""
            code = f"U+{ord(unseen[0]):04X}"
            yield line, f"it holds a character that cannot be seen, {code}{mark}; delete it"


def in_yaml(text):
    try:
        yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        yield (mark.line + 1 if mark else 1), f"it is no YAML: {getattr(error, 'problem', error)}"


def in_contents(text, names):
    """Yield what _toc.yml names and is not there, and what is there and it does not name."""
    try:
        site = parse_toc_data(yaml.safe_load(text))
    except MalformedError as error:
        yield "", str(error)
        return
    listed = {str(name).removesuffix(".md").removesuffix(".ipynb") for name in site}
    for name in sorted(listed - names):
        found = re.search(rf"^.*[\s:'\"]{re.escape(name)}\b", text, re.MULTILINE)
        line = text.count("\n", 0, found.end()) + 1 if found else ""
        yield line, f"there is no chapters/{name}.md; write it, or delete the entry"
    for name in sorted(names - listed):
        yield "", f"chapters/{name}.md is not listed; add `- file: {name}`"


def in_chapter(text):
    """Yield the lines of a chapter that would not be shown as they are written, and why."""
    if not text.strip():
        yield "", "it is empty; write it, or delete the file"
        return
    tokens = PARSER.parse(text)
    found = [*in_head(tokens)]
    yield from found or [*in_titles(tokens), *in_fences(tokens, 1, "")]


def in_head(tokens):
    if not tokens or tokens[0].type != "front_matter":
        yield (
            1,
            "its head, YAML between two lines of ---, is not first; see CONTRIBUTING.md",
        )
        return
    wrong = [*in_yaml(tokens[0].content)]
    yield from ((line + 1, words) for line, words in wrong)
    if not wrong:
        head = yaml.safe_load(tokens[0].content)
        kernel = head.get("kernelspec") if isinstance(head, dict) else None
        if not isinstance(kernel, dict) or kernel.get("name") != "python3":
            yield 1, "its head has no kernelspec with `name: python3`; see CONTRIBUTING.md"


def in_titles(tokens):
    titles = [
        (token.tag, token.map[0] + 1, re.sub(r"!\[.*?\]\(.*?\)", "", words.content))
        for token, words in itertools.pairwise(tokens)
        if token.type == "heading_open" and token.level == 0
    ]
    if not titles or titles[0][0] != "h1":
        line = titles[0][1] if titles else 1
        yield line, "a page begins with its title; write `# Title` before all other headings"
    yield from ((n, "a second title; make it `##`") for tag, n, _ in titles[1:] if tag == "h1")
    for _, line, words in titles:
        if not re.search(r"\w", words):
            yield line, "a heading has no words; write some"


def in_fences(tokens, first, within):
    """Yield what is wrong with fences, of tokens that begin in line `first`, in a directive."""
    for token in tokens:
        if token.type == "html_block" and not token.content.startswith("<!--"):
            for at, words in enumerate(token.content.splitlines(), first + token.map[0]):
                if BEGINS_FENCE.match(words):
                    yield at, "it belongs to the HTML above; leave a line empty between them"
        if token.type not in ("fence", "colon_fence"):
            continue
        line = first + token.map[0]
        name, argument = re.match(r"(\{[^}]*\}?|[\w-]*)(.*)", token.info.strip()).groups()
        if token.info.startswith("{raw-cell}"):
            yield line, "a raw cell is shown nowhere; write Markdown or a code cell"
        opening = token.markup + token.info
        plain = re.sub("[^a-z]", "", name.lower())
        if token.info.startswith("{code-cell}") and token.type == "fence":
            if token.level or within:
                place = within or "a list or a quotation"
                yield line, f"this code cell is not run, since it stands in {place}; end that first"
            yield from in_cell(token, argument.strip(), line)
        elif difflib.get_close_matches(plain, ["codecell"], cutoff=0.8):
            yield (
                line,
                f"{token.markup}{token.info} is no code cell; write ```{{code-cell}} ipython3",
            )
        elif re.match(r"\{[^}]*$|[\w-]+\}", token.info.strip()):
            yield line, f"{opening} lacks a brace; write ```{{NAME}}"
        yield from in_extent(token, line)
        if name.startswith("{") and name[1:-1] not in VERBATIM:
            inner = PARSER.parse(token.content)
            yield from in_fences(inner, line + 1, f"the {name} of line {line}")


def in_extent(token, line):
    """Yield where a fence ends too late, or not at all."""
    lines = token.content.split("\n")
    for at, words in enumerate(lines, line + 1):
        if words.startswith(token.markup + "{") and is_verbatim(token):
            yield at, f"a fence begins here, and that of line {line} has not ended; close it"
            return
    if token.map[1] - token.map[0] <= len(lines):
        yield line, f"{token.markup}{token.info} is never closed; write {token.markup} below it"


def is_verbatim(token):
    name = re.match(r"\{(.*?)\}", token.info.strip())
    return not name or name[1] in VERBATIM


def in_cell(token, language, line):
    """Yield what is wrong with the first lines of a code cell."""
    if language not in LANGUAGES:
        yield line, f"a code cell in {language} would be run as Python; write it in Python"
    try:
        options, _ = read_fenced_cell(token, 0, "Code")
    except Exception as error:  # of jupytext, and of YAML
        reason = " ".join(str(error).split("; ", 1)[-1].split())
        yield line + 1, f"the options of the cell cannot be read: {reason}"
        return
    if not isinstance(options, dict):
        yield line + 1, "the options of a cell are names with values, such as `:tags: [hide-input]`"
        return
    for name in options.keys() - set(KEPT_METADATA):
        yield line + 1, f"a cell has no option {name!r}; it has {', '.join(KEPT_METADATA)}"
    for name in unknown_of_mystnb(options.get("mystnb", {})):
        right = "{figure: {name: ..., caption: ...}, image: {alt: ...}}"
        yield line + 1, f"mystnb cannot have this {name}; write `mystnb: {right}`"
    named = options.get("tags", [])
    if not isinstance(named, list):
        yield line + 1, f"tags are a list; write `[{named}]`"
        return
    for tag in named:
        near = difflib.get_close_matches(str(tag), TAGS, n=1, cutoff=0.8)
        if near and tag not in TAGS:
            yield line + 1, f"there is no tag {tag!r}; write {near[0]!r}"


def unknown_of_mystnb(options):
    """Yield what MyST-NB would leave out without a word."""
    if not isinstance(options, dict):
        yield "value"
        return
    for kind, values in options.items():
        if kind not in OF_MYSTNB or not isinstance(values, dict):
            yield kind
        else:
            yield from values.keys() - OF_MYSTNB[kind]


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
    found = [name for name, pattern in UNFIT.items() if pattern.search(text)]
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


def main(root=ROOT, source="."):
    """Say what is wrong, and which chapters have no notebook in `source`; return the status."""
    try:
        check(root)
    except ChapterError as error:
        print(error, file=sys.stderr)
        return 1
    names = sorted(path.stem for path in (root / "chapters").glob("*.md"))
    new = [name for name in names if not (root / source / "book" / f"{name}.ipynb").is_file()]
    for name in new:
        print(f"chapters/{name}.md: it was never run; call `make run`", file=sys.stderr)
    return int(bool(new))


if __name__ == "__main__":
    sys.exit(main(ROOT, *sys.argv[1:]))
