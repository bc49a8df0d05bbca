"""One style sheet for all pages, with those icons only that they show.

A browser draws nothing before each style sheet is there.  A page asks for fifteen, and one of them
names two thousand icons.
"""

import hashlib
import re

from fontTools import subset

JOINED = "pages.css"
LINK = re.compile(r'<link (?![^>]*media=)[^>]*href="_static/([^"?]+\.css)[^>]*>\n?')
PARTS = re.compile(r'data-parts="([^"]*)"')
ICON = re.compile(r'((?:\.fa-[\w-]+:+before,?)+)\{content:"\\(\w+)"\}')
NAME = re.compile(r"\bfa-[\w-]+")


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


def join(static, pages):
    """Write the style sheet of the pages, given by their paths, and return them with it alone."""
    names = dict.fromkeys(name for page in pages.values() for name in parts(page))
    shown = {name for page in pages.values() for name in NAME.findall(page)}
    css = "\n".join(read((static / name).resolve(), static.resolve()) for name in names)
    css = ICON.sub(lambda rule: rule[0] if shown & {*NAME.findall(rule[1])} else "", css)
    cut_icons(static, {rule[2] for rule in ICON.finditer(css)})
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
