"""Spelling, and one name for one thing: the prose of the chapters and of the pages in the root."""

import re

import pytest
from spellchecker import SpellChecker
from tools_of_the_build import ROOT

PAGES = sorted([*(ROOT / "chapters").glob("*.md"), *ROOT.glob("*.md")])
KNOWN = set((ROOT / "tests" / "words.txt").read_text().split())
# What is no prose: the head, code, formulas, roles, names in code, addresses, tags.
NO_PROSE = re.compile(
    r"\A---\n.*?\n---\n"
    r"|^(`{3,})(?:\{(?:code-cell|eval-rst)\}|\w*\n).*?^\1$"
    r"|\$\$.*?\$\$|\$[^$]*\$|\{[a-z:]+\}(?=`)|`[^`\n]*`|\]\([^)]*\)|https?://\S+|<[^>]*>",
    re.DOTALL | re.MULTILINE,
)
WORD = re.compile(r"[A-Za-z][A-Za-z’']+")
# Another word for what has a name already, or another spelling of it: the name that we use.
NAMES = {
    r"mini-batch": "minibatch",
    r"back-propagat": "backpropagation",
    r"hidden states?\b": "state",
    r"candidate (?:hidden )?state": "candidate",
    r"sub-sequence": "subsequence",
    r"(?:time|unrolled) steps?\b": "step",
    r"data ?sets?\b": "text, or corpus",
    r"recurrent neural network": "recurrent network",
    r"learning-rate": "learning rate",
    r"\w*[^aeiou]iz(?:e|es|ed|ing|ation)\b(?<!size)(?<!sizes)(?<!sized)": "-ise",
    r"\b(?:colo|behavio|neighbo|favo)r": "-our",
}
ALLOWED = {"hybridize", "hybridized", "hybridizing", "prize", "quantize"}  # MXNet's own word


def lines(text):
    """Return the lines of a page with blanks in the place of what is no prose."""
    return NO_PROSE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text).split("\n")


def misspelt(text):
    """List line, word and what may be meant for each word that neither list has."""
    speller = SpellChecker()
    found = []
    for number, line in enumerate(lines(text), 1):
        words = {word.replace("’", "'").removesuffix("'s") for word in WORD.findall(line)}
        strange = {word for word in words if word not in KNOWN and word.lower() not in KNOWN}
        found += [f"line {number}: {word}" for word in sorted(speller.unknown(strange))]
    return found


def other_names(text):
    """List line and words for each thing that goes by another name than ours."""
    found = []
    for number, line in enumerate(lines(text), 1):
        for pattern, name in NAMES.items():
            for words in re.findall(f"(?i){pattern}", line):
                if words.lower() not in ALLOWED:
                    found.append(f"line {number}: {words!r} is {name!r} in this book")
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_words_are_spelt_and_things_have_one_name(path):
    text = path.read_text()
    assert [*misspelt(text), *other_names(text)] == [], (
        f"{path.name}: a word that is right goes into tests/words.txt"
    )


def test_what_is_wrong_is_found():
    assert misspelt("the gaet keeps\n`gaet` $gaet$ {ref}`gaet`") == ["line 1: gaet"]
    assert misspelt("```python\ngaet\n```\nMXNet’s gate") == []
    assert other_names("one\na mini-batch of colors") != []
    assert len(other_names("the hidden state of a time step, memorized")) == 3
    assert other_names("the size of a minibatch; hybridized code, coloured in") == []


def test_the_word_list_is_sorted_and_needed():
    listed = (ROOT / "tests" / "words.txt").read_text().split()
    assert listed == sorted(set(listed))
    prose = " ".join(line for path in PAGES for line in lines(path.read_text()))
    used = {word.replace("’", "'").removesuffix("'s") for word in WORD.findall(prose)}
    used |= {word.lower() for word in used}
    assert sorted(set(listed) - used) == []
