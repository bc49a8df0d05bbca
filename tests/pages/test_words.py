"""Spelling, in one manner: the prose of the chapters and of the pages in the root."""

import re

import pytest
from mxnet import gluon, np, npx
from spellchecker import SpellChecker
from tools_of_the_build import ROOT

PAGES = sorted([*(ROOT / "chapters").glob("*.md"), *ROOT.glob("*.md")])
# What is no prose: the head, code, formulas, roles, names in code, addresses, tags.
NO_PROSE = re.compile(
    r"\A---\n.*?\n---\n"
    r"|^(`{3,})(?:\{(?:code-cell|eval-rst)\}|\w*\n).*?^\1$"
    r"|\$\$.*?\$\$|\$[^$]*\$|\{[a-z:]+\}(?=`)|`[^`\n]*`|\]\([^)]*\)|https?://\S+|<[^>]*>",
    re.DOTALL | re.MULTILINE,
)
WORD = re.compile(r"[A-Za-z][A-Za-z’']+")
# Another spelling of a word, and the one that the book has.
SPELLINGS = {
    r"\b(mini|sub)-(batch|sequence)": r"\1\2",
    r"\bback-propagat": "backpropagat",
    r"\blearning-rate": "learning rate",
    r"(?!hybridiz|prize|quantize)\b(\w*[^aeiou]i)z(e|es|ed|ing|ation)\b(?<!size)(?<!sizes)(?<!sized)":
        r"\1s\2",
    r"\b(colo|behavio|neighbo|favo)r": r"\1ur",
}  # fmt: skip


def known():
    """Return words.txt, the words and names of references.bib, and those of the libraries."""
    text = (ROOT / "tests" / "words.txt").read_text()
    text += (ROOT / "book" / "references.bib").read_text()
    modules = (gluon, gluon.data, gluon.loss, gluon.nn, gluon.rnn, np, np.random, npx)
    text += " ".join(name.replace("_", " ") for module in modules for name in dir(module))
    return {word.lower() for word in WORD.findall(text)}


KNOWN = known()


def lines(text):
    """Return the lines of a page with blanks in the place of what is no prose."""
    return NO_PROSE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text).split("\n")


def complaints(text):
    """List line, word and what to do for each word that nobody knows or that is spelt otherwise."""
    speller, found = SpellChecker(), []
    for number, line in enumerate(lines(text), 1):
        words = {word.lower().replace("’", "'").removesuffix("'s") for word in WORD.findall(line)}
        strange = {word for word in words if not {word, word.removesuffix("s")} & KNOWN}
        for word in sorted(speller.unknown(strange)):
            said = f"line {number}: {word!r} is not known; if it is right, tests/words.txt gets\n"
            found.append(f"{said}{word}")
        for pattern, ours in SPELLINGS.items():
            for there in re.finditer(f"(?i){pattern}", line):
                found.append(f"line {number}: {there[0]!r} is {there.expand(ours)!r} in this book")
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_words_are_spelt_as_elsewhere_in_the_book(path):
    said = "\n".join(complaints(path.read_text()))
    assert not said, f"{path.name}\n{said}"


def test_what_is_wrong_is_found_and_said_with_what_settles_it():
    [said] = complaints("the gaet keeps\n`gaet` $gaet$ {ref}`gaet`")
    assert said == "line 1: 'gaet' is not known; if it is right, tests/words.txt gets\ngaet"
    assert complaints("```python\ngaet\n```\nMXNet’s gate") == []
    wrong = complaints("one\na mini-batch of colors, Memorized")
    assert [line.split(": ")[1] for line in wrong] == [
        "'mini-batch' is 'minibatch' in this book",
        "'Memorized' is 'Memorised' in this book",
        "'color' is 'colour' in this book",
    ]
    fine = "The hidden state of a time step, by Gulcehre; softmax over datasets; the size"
    assert complaints(f"{fine} of a minibatch; hybridized code, coloured in") == []
