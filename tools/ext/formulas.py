"""A Sphinx extension: formulas as MathML, made of their TeX when the pages are built.

Browsers draw it by themselves, in the font that lies in book/assets.
"""

import re

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.errors import SphinxError
from sphinx.locale import _
from sphinx.util.math import get_node_equation_number

from tools.ext.faults import where

TO_MATHML = LatexToMathML(fancy_error=False)


def draw(tex, display=False):
    """Return TeX as MathML.

    As on paper, lines of their own need no environment.  Numbers are Sphinx's, of formulas with a
    label, so that an environment gives none.
    """
    tex = re.sub(r"\\(begin|end){(align|equation|gather|multline)}", r"\\\1{\2*}", tex)
    if display and r"\\" in tex and r"\begin" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    mathml = TO_MATHML.convert_with_local_state(tex, displaystyle=display)
    mathml = re.sub("<mo(?=[^>]*>⊙)", '<mo largeop="false"', mathml)  # a sum's size in Firefox
    return mathml.replace("<mtable", '<mtable rowspacing=".25ex"')  # as far apart as in Chromium


def drawn(node, display=False):
    try:
        return draw(node.astext(), display)
    except LatexError as error:
        raise SphinxError(f"{where(node)}: {error} This is in {node.astext()}") from None


def visit_inline(self, node):
    self.body.append(drawn(node))
    raise nodes.SkipNode


def visit_display(self, node):
    self.body.append(self.starttag(node, "div", CLASS="math") + drawn(node, display=True))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
