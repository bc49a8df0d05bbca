"""One style sheet for all pages, with those rules and icons only that they use.

A browser draws nothing before each style sheet is there.  A page asks for fifteen, most of whose
rules are for what no page has, and one of them names two thousand icons.
"""

import hashlib
import re

from fontTools import subset

JOINED = "pages.css"
TEXT = "sections.js"  # of search.py, written before or after this
LINK = re.compile(r'<link (?![^>]*media=)[^>]*href="_static/([^"?]+\.css)[^>]*>\n?')
PARTS = re.compile(r'data-parts="([^"]*)"')
ICON = re.compile(r'((?:\.fa-[\w-]+:+before,?)+)\{content:"\\(\w+)"\}')
NAME = re.compile(r"\bfa-[\w-]+")
RULE = re.compile(r"([^{};]+)(\{[^{}]*\})")
EMPTY = re.compile(r"@(?:media|supports|container)[^{};]*\{\s*\}")


def read(path, static):
    """Return a style sheet, with what it imports, as if it lay in `static`."""
    text = re.sub("@charset.*?;", "", path.read_text("utf-8"))
    folder = path.parent.relative_to(static).as_posix()
    text = re.sub(r"""url\((["']?)(?!["'#]|data:)(.+?)\1\)""", rf'url("{folder}/\2")', text)
    return re.sub(
        r"""@import\s+["'](.+?)["'];""", lambda found: read(path.parent / found[1], static), text
    )


def parts(page):
    """Return the names of the style sheets of a page, which may be joined since the last build."""
    joined = PARTS.search(page)
    return joined[1].split() if joined else LINK.findall(page)


def cut_rules(css, words):
    """Leave out rules for classes and ids that are no words of any page or script."""

    def used(selector):
        plain = re.sub(r"\[[^\]]*\]|\((?:[^()]|\([^()]*\))*\)", "", selector)
        return "\\" in plain or words.issuperset(re.findall(r"[.#]([a-zA-Z_-][\w-]*)", plain))

    def cut(rule):
        if rule[1].lstrip().startswith("@"):
            return rule[0]
        kept = filter(used, re.split(r",(?![^()]*\))", rule[1]))
        return selectors + rule[2] if (selectors := ",".join(kept)) else ""

    css = RULE.sub(cut, re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    return EMPTY.sub("", css)


def join(static, pages):
    """Write the style sheet of the pages, given by their paths, and return them with it alone."""
    names = dict.fromkeys(name for page in pages.values() for name in parts(page))
    shown = {name for page in pages.values() for name in NAME.findall(page)}
    css = "\n".join(read((static / name).resolve(), static.resolve()) for name in names)
    css = ICON.sub(lambda rule: rule[0] if shown & {*NAME.findall(rule[1])} else "", css)
    cut_icons(static, {rule[2] for rule in ICON.finditer(css)})
    folders = static, static / "scripts", static.parent / "widgets"
    scripts = (path for folder in folders for path in folder.glob("*.js") if path.name != TEXT)
    texts = [*pages.values(), *(path.read_text("utf-8") for path in scripts)]
    css = cut_rules(css, {word for text in texts for word in re.findall(r"[\w-]+", text)})
    (static / JOINED).write_text(css, "utf-8")
    version = hashlib.sha256(css.encode()).hexdigest()[:8]
    mended = {}
    for path, page in pages.items():
        link = f'<link rel="stylesheet" href="_static/{JOINED}?v={version}" data-parts="'
        first = LINK.search(page).start()
        rest = LINK.sub("", page[first:])
        mended[path] = f'{page[:first]}{link}{" ".join(parts(page))}" />\n{rest}'
    return mended


def cut_icons(static, codes):
    """Leave in the font of the icons those of these codes."""
    for font in static.glob("vendor/fontawesome/*/webfonts/fa-solid-900.woff2"):
        options = ["--flavor=woff2", "--name-IDs=*", f"--output-file={font}"]
        subset.main([str(font.with_suffix(".ttf")), f"--unicodes={','.join(codes)}", *options])
