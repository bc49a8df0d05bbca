"""A Sphinx extension: mend what is wrong in the markup of the pages, and what makes them slow.

Without these, axe finds faults in each page, a page opened as a file reports errors, and a page is
not drawn before a megabyte of scripts is there.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes

MENDED = [
    # Hints to fetch early, which a browser refuses for a file.
    (r'\s*<link rel="preload" as="(?:font|script)"[^>]*>', ""),
    # The icons once more, as a script: the style sheet and its font have them.
    (r'\s*<script src="[^"]*/fontawesome/[^"]*"></script>', ""),
    # Scripts run in their order after the page is drawn, but the one that an inline script needs.
    (
        r'<script((?: data-[^ >]*)?) src="(?!_static/documentation_options)',
        r'<script\1 defer src="',
    ),
    # A heading needs a level, an entry of a list has no role of its own any more.
    (r'<p([^>]*) role="heading">', r'<p\1 role="heading" aria-level="2">'),
    (r'role="doc-biblioentry"', 'role="listitem"'),
    # All of a page belongs to a landmark, the name of the book, too.
    (
        r'<div class="bd-sidebar-primary',
        '<div role="region" aria-label="Book" class="bd-sidebar-primary',
    ),
]


MATHJAX = re.compile(
    r"(?s)\s*<script[^>]*>window\.MathJax = .*?</script>|\s*<script[^>]*mathjax/.*?</script>"
)
# MathJax is a megabyte: it comes with the first formula that is near, with the reader's first move,
# or, so that a page can be printed unread, after a while.
LATER = """
    <script>
      (() => {
        let script;
        const load = () => {
          script ??= document.head.appendChild(document.createElement("script"));
          script.src ||= "ADDRESS";
        };
        addEventListener("DOMContentLoaded", () => {
          const near = new IntersectionObserver((seen) => {
            if (seen.some((formula) => formula.isIntersecting)) load();
          }, { rootMargin: "200px" });
          document.querySelectorAll(".math").forEach((formula) => near.observe(formula));
        });
        for (const move of ["scroll", "pointermove", "keydown", "touchstart"]) {
          addEventListener(move, load, { once: true, passive: true });
        }
        addEventListener("load", () => setTimeout(load, 6000));
      })();
    </script>"""


def describe(app, pagename, templatename, context, doctree):
    """Give a page its first sentences as a description, for search engines."""
    if doctree is not None and app.builder.name == "html":
        said = [" ".join(node.astext().split()) for node in doctree.findall(nodes.paragraph)]
        words = next((text for text in said if len(text) > 60), app.config.html_title)
        context["metatags"] += f'<meta name="description" content="{escape(words[:200])}">'


def mend(app, exception):
    if exception or app.builder.name != "html":
        return
    for path in Path(app.outdir).glob("*.html"):
        text = mended = path.read_text(encoding="utf-8")
        for pattern, replacement in MENDED:
            mended = re.sub(pattern, replacement, mended)
        if 'class="math' not in mended:
            mended = MATHJAX.sub("", mended)
        mended = re.sub(
            r'\s*<script[^>]* src="([^"]*mathjax/[^"]*)"></script>',
            lambda match: LATER.replace("ADDRESS", match[1]),
            mended,
        )
        if mended != text:
            path.write_text(mended, encoding="utf-8")


def setup(app):
    app.connect("html-page-context", describe)
    app.connect("build-finished", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
