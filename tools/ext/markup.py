"""A Sphinx extension: mend what is wrong in the markup of the pages, and what makes them slow.

Without these, axe finds faults in each page, a page opened as a file reports errors, and a page is
not drawn before a megabyte of scripts is there.
"""

import base64
import hashlib
import logging
import re
import textwrap
from html import escape, unescape
from pathlib import Path

import a11y_pygments  # noqa: F401  (see setup)
from docutils import nodes

from tools.ext import search, styles

MENDED = [
    # Hints to fetch early, which a browser refuses for a file.
    (r'\s*<link rel="preload" as="(?:font|script)"[^>]*>', ""),
    # The icons once more, as a script: the style sheet and its font have them.
    (r'\s*<script src="[^"]*/fontawesome/[^"]*"></script>', ""),
    # The reader's colours at once: a script would draw the page anew in them.
    (
        r'localStorage.getItem\("theme"\) \|\| "auto"',
        'localStorage.getItem("theme") || '
        '(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")',
    ),
    # Scripts run in their order after the page is drawn, but the one that an inline script needs.
    (
        r'<script((?: data-[^ >]*)?) src="(?!_static/documentation_options)',
        r'<script\1 defer src="',
    ),
    # Sphinx's search, in whose place is that of book/assets/search.js.
    (
        r'\s*<script[^>]* src="(?:searchindex|_static/(?:search|language|sphinx_high)\w+)\.js[^>]*>'
        r"</script>",
        "",
    ),
    # A fold is named by its words, and code has its colours without a script.
    (r'<summary aria-label="[^"]*">', "<summary>"),
    (r'<html([^>]*) data-theme="auto"', r'<html\1 data-theme="light"'),
    # A heading needs a level, an entry of a list has no role of its own any more.
    (r'<p([^>]*) role="heading">', r'<p\1 role="heading" aria-level="2">'),
    (r'role="doc-biblioentry"', 'role="listitem"'),
    # No line begins with the comma after a formula.
    (r"([^\s>]*<math>(?:(?!</math>).)*</math>[^\s<]+)", r'<span class="text-nowrap">\1</span>'),
    # A wide table scrolls within itself.
    (
        r'(?s)(?<!aria-label="Table">)<table class="[^"]*\bdocutils\b.*?</table>',
        r'<div class="pst-scrollable-table-container" tabindex="0" role="group" '
        r'aria-label="Table">\g<0></div>',
    ),
    # All of a page belongs to a landmark, the name of the book, too.
    (
        r'<div class="bd-sidebar-primary',
        '<div role="region" aria-label="Book" class="bd-sidebar-primary',
    ),
]
POLICY = re.compile('<meta http-equiv="Content-Security-Policy"[^>]*>')
SCRIPT = re.compile(r"<script(?![^>]* src=)[^>]*>(.*?)</script>", re.DOTALL)
HANDLER = re.compile(r'<[^>]* on\w+="([^"]*)"')


def describe(app, pagename, templatename, context, doctree):
    """Give a page its first sentences as a description, for search engines."""
    if doctree is not None and app.builder.name == "html":
        said = [" ".join(node.astext().split()) for node in doctree.findall(nodes.paragraph)]
        words = next((text for text in said if len(text) > 60), app.config.html_title)
        words = escape(textwrap.shorten(words, 200, placeholder=" …"))
        context["metatags"] += f'<meta name="description" content="{words}">'


def finish(app, exception):
    """Mend the pages, join their style sheets, and let them run no other scripts."""
    if exception or app.builder.name not in ("html", "slides"):
        return
    written = {path: path.read_text("utf-8") for path in Path(app.outdir).glob("*.html")}
    pages = dict(written)
    if app.builder.name == "html":
        for path, page in pages.items():
            if not POLICY.search(page):  # else it is of an earlier build
                for pattern, replacement in MENDED:
                    page = re.sub(pattern, replacement, page)
                pages[path] = page
        pages = styles.join(Path(app.outdir) / "_static", pages)
        search.write(Path(app.outdir) / "_static", pages)
    speaker = (view.read_text() for view in Path(app.outdir).rglob("speaker-view.html"))
    allowed = {script for view in speaker for script in SCRIPT.findall(view)}
    allowed |= {unescape(code) for page in pages.values() for code in HANDLER.findall(page)}
    for path, page in pages.items():
        if (mended := restrict(page, allowed)) != written[path]:
            path.write_text(mended, "utf-8")


def restrict(page, allowed):
    """Let a page load and run only what lies beside it, and of scripts within it those it has.

    Others are allowed too: the speaker view is a window that a deck fills, under the deck's policy.
    """
    page = POLICY.sub("", page)
    hashes = []
    for script in [*SCRIPT.findall(page), *allowed]:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        hashes.append(f"'sha256-{digest}'")
    scripts = " ".join(["'self' 'unsafe-hashes'", *sorted(set(hashes))])
    policy = (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; worker-src blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'"
    )
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return page.replace("<head>", f"<head>{meta}", 1)


def setup(app):
    # The style of code has set up the root logger, at its import, to print what any library notes.
    logging.getLogger().setLevel(logging.WARNING)
    app.connect("html-page-context", describe)
    app.connect("build-finished", finish, priority=900)  # after the theme has written its colours
