"""A Sphinx extension: formulas as MathML, which browsers draw by themselves.

It is made of the TeX when the pages are built.  Its font lies beside them, cut down to the signs
that they use.
"""

import importlib.util
import re
from html import unescape
from pathlib import Path
from unicodedata import normalize

from docutils import nodes
from faults import where
from fontTools import subset
from math_core import LatexError, LatexToMathML
from sphinx.errors import SphinxError
from sphinx.locale import _
from sphinx.util.math import get_node_equation_number

# ziamath is there for its font, STIX Two.
FONT = Path(importlib.util.find_spec("ziamath").origin).parent / "fonts/STIXTwoMath-Regular.ttf"
DRAWN = re.compile(r"<math.*?</math>", re.DOTALL)
TO_MATHML = LatexToMathML(fancy_error=False)
# What browsers put in the place of a single letter, and of a root.
ITALICS = [chr(code) for code in (0x210E, *range(0x1D434, 0x1D468), *range(0x1D6E2, 0x1D71C))]
ROOT = "√"


def draw(tex, display=False):
    """Return TeX as MathML.

    As on paper, lines of their own need no environment.  Numbers are Sphinx's, of formulas with a
    label, so that an environment gives none.
    """
    tex = re.sub(r"\\(begin|end){(align|equation|gather|multline)}", r"\\\1{\2*}", tex)
    if display and r"\\" in tex and r"\begin" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    mathml = TO_MATHML.convert_with_local_state(tex, displaystyle=display)
    return re.sub("<mo(?=[^>]*>⊙)", '<mo largeop="false"', mathml)  # a sum's size in Firefox


def drawn(translator, node, display=False):
    try:
        return draw(node.astext(), display)
    except LatexError as error:
        raise SphinxError(f"{where(node)}: {error} This is in {node.astext()}") from None


def visit_inline(self, node):
    self.body.append(drawn(self, node))
    raise nodes.SkipNode


def visit_display(self, node):
    self.body.append(self.starttag(node, "div", CLASS="math") + drawn(self, node, display=True))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def signs(pages):
    """Return all signs of the formulas in the text of pages."""
    used = set(unescape(re.sub("<[^>]*>", "", "".join(DRAWN.findall(pages)))))
    return used.union(ROOT, (sign for sign in ITALICS if normalize("NFKC", sign) in used))


def lay_font(app, exception):
    """Lay the font beside the pages, where book/assets/formulas.css looks for it."""
    if exception or app.builder.format != "html":
        return
    pages = "".join(path.read_text("utf-8") for path in Path(app.outdir).glob("*.html"))
    text = "".join(sorted(signs(pages)))
    font, laid = Path(app.outdir, "_static", "formulas.woff2"), Path(app.doctreedir, "formulas.txt")
    if font.exists() and laid.exists() and laid.read_text("utf-8") == text:
        return  # it takes longer than a page does
    subset.main(
        [
            str(FONT),
            f"--output-file={font}",
            f"--text={text}",
            *("--flavor=woff2", "--layout-features=dtls,flac,ssty", "--no-hinting"),
            "--name-IDs=*",  # among them its licence
        ]
    )
    laid.write_text(text, "utf-8")


def setup(app):
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    app.connect("build-finished", lay_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
