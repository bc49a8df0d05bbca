"""Every page as the four of test_browser.py are seen, and a book on paper of another size."""

import pytest
from small_book import book, printed
from test_browser import FOUR, PAGES, check_on_a_phone, check_with_axe

from tools import debian


@pytest.mark.parametrize("name", sorted({*PAGES} - {*FOUR}))
def test_every_other_page(visit, server, name):
    for scheme in ("light", "dark"):
        check_with_axe(visit, server, name, scheme)
    check_on_a_phone(visit, name)


@pytest.mark.skipif(bool(debian.missing("tex")), reason="needs TeX")
def test_rare_characters_and_another_paper(tmp_path):
    signs = "α → ℝ ≤ ∑ Ω ⊙ ½ …"
    text = f"# Signs {signs}\n\n![A cell, as on the title.](assets/gru-cell.svg)\n"
    letter = "-Dlatex_elements.papersize=letterpaper"
    log, pdf = printed(book(tmp_path, {"one": text}), tmp_path / "out", letter)
    assert "Missing character" not in log
    assert [float(side) for side in pdf.pages[0].mediabox[2:]] == [8.5 * 72, 11 * 72]
    assert any(signs in page.extract_text() for page in pdf.pages)
