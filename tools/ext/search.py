"""The sections of all pages, in a script for book/assets/search.js: a page opened as a file may
read no other file.
"""

import json
import re
from unicodedata import normalize

from bs4 import BeautifulSoup, SoupStrainer

INLINE = re.compile(r"<(?:span(?! [^>]*\bid=)|m(?!ain)\w+)\b[^>]*>|</(?:span|m(?!ain)\w+)>")
SECTIONS = "section[id]:has(h1, h2, h3, h4), dl.py:has(> dt[id])"
LEFT_OUT = ".headerlink, .cell_output, .card-of-run, .sd-tab-label, div.math, summary, script"


def parse(page):
    """Return the article of a page, without what colours code and sets formulas."""
    return BeautifulSoup(INLINE.sub("", page), "lxml", parse_only=SoupStrainer("article"))


def words(node):
    return normalize("NFKC", " ".join(node.get_text(" ").split()))


def terms(index):
    """Return the entries of the index by where they lead, such as "reset gate"."""
    links = {a["href"]: a.find_parents("li") for a in parse(index).select("li a[href]")}
    return {at: " ".join(next(li.stripped_strings) for li in of) for at, of in links.items()}


def sections(name, page, entries):
    """Yield [page, section, address, text, terms] for each section and function of a page."""
    found = parse(page)
    for node in found.select(LEFT_OUT):
        node.extract()
    title = found.h1 and words(found.h1)
    for part in reversed(found.select(SECTIONS)):
        head = part.extract().find(["h1", "h2", "h3", "h4", "dt"])
        at = part.get("id") or head["id"]
        of = at if head.name == "dt" else words(head.extract())
        code = [node.extract() for node in part.select("pre")]
        defined = {entries.get(f"{name}#{node['id']}", "") for node in part.select("[id^=index-]")}
        text = " ".join(map(words, [part, *code]))
        yield [title, of, f"{name}#{at}", text, ", ".join(sorted(defined))]


def write(static, pages):
    """Write the sections of the pages, given by their paths."""
    entries = next((terms(page) for path, page in pages.items() if path.stem == "genindex"), {})
    found = [each for path, page in pages.items() for each in sections(path.name, page, entries)]
    text = f"bookSections = {json.dumps(found, ensure_ascii=False)};\n"
    (static / "sections.js").write_text(text, "utf-8")
