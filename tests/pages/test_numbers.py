"""Every number in the text is placed by a cell, or declared in constants.yml with its reason.

In digits or words; captions and alternative texts of figures are text, too.
"""

import re

import pytest
import yaml
from tools_of_the_build import ROOT

CHAPTERS = sorted((ROOT / "chapters").glob("*.md"))
DECLARED = yaml.load((ROOT / "tests" / "constants.yml").read_text(), yaml.BaseLoader)
NO_PROSE = [
    r"\A(?s:---\n.*?)^---$",
    r"^(`{3,})[a-z](?s:.*?)^\1$",  # code; directives hold text
    r"^`{3,}\{(?:figure|widget|solution-start)\}.*$",  # its name; what others have is a title
    r"^`{3,}(?:\{[\w:-]+\})?",
    r"^:(?!alt:|label: .* )[\w-]+:.*$",
    r"^\$\$(?s:.*?)^\$\$.*|\^\{[^}]*\}",  # equations, and exponents in a sentence
    r"(?:\{[\w:]+\})?(`+).+?\1",  # code and roles
    r"\]\([^)]*\)|<[^>\s]+>|https?://\S+",
    r"^\([\w-]+\)=$|^ *\d+\. ",
]
INDEX = re.compile(r"\{index\}`([^`<]*)[^`]*`")
CELL = re.compile(r"^```\{code-cell\}(?s:.*?)^```$", re.MULTILINE)
SHOWN_OR_NOT = re.compile(r"^( +)(?:alt|caption):.*\n(?:\1 +.*\n|\n)*|.", re.MULTILINE)
# Neither H200 nor float32, but 1.9.1, 13,809, 1e-5, 40% and 2x.
DIGITS = r"(?<![\w.])\d+(?:[.,]\d+)*(?:e-?\d+)?(?: ?%)?"
# From three on, parts and multiples; one and two only beside them, as most others are pronouns.
GAP = r"(?: |-|\n *)"
COUNT = (
    r"(?:three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty"
    r"|sixty|seventy|eighty|ninety|dozen|hundred|thousand|million|billion)"
)
PART = rf"(?:half|third|quarter|fifth|eighth|ninth|twelfth|\w+tieth)s?|halv\w+|per{GAP}?cent\w*"
MULTIPLE = r"twice|thrice|two(?:fold| times)|(?:doubl|tripl|quadrupl)\w+"
WORD = rf"(?:{COUNT}(?:s|ths?|fold)?|{PART}|{MULTIPLE})"
NEXT = rf"(?:{GAP}(?:(?:as|of){GAP})?[a-z]+)?"
WORDS = rf"\b(?:(?:one|two){GAP})?{WORD}(?:{GAP}(?:{WORD}|one|two|times))*\b{NEXT}"
FOUND = re.compile(f"{DIGITS}|{WORDS}", re.IGNORECASE)


def prose(text):
    """Return a chapter with blanks in the place of what is no text; a cell's captions are."""
    text = INDEX.sub(r"\1", text)
    text = CELL.sub(lambda cell: SHOWN_OR_NOT.sub(lambda m: m[0] if m[1] else " ", cell[0]), text)
    for pattern in NO_PROSE:
        blank = lambda match: re.sub(r"[^\n]", " ", match[0])  # noqa: E731
        text = re.sub(pattern, blank, text, flags=re.MULTILINE)
    return text


def numbers(text):
    """Return line and number of each that is typed into a chapter, in words with the word after."""
    text = prose(text)
    return [
        (text.count("\n", 0, m.start()) + 1, " ".join(m[0].lower().split()))
        for m in FOUND.finditer(text)
    ]


def undeclared(name, text, declared):
    """List the numbers of a chapter without a reason, each with its place."""
    reasons = declared["every chapter"].keys() | declared.get(name, {}).keys()
    return [
        f"chapters/{name}.md, line {line}: {number}"
        for line, number in numbers(text)
        if number not in reasons
    ]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_number_is_placed_or_declared(chapter):
    found = undeclared(chapter.stem, chapter.read_text(), DECLARED)
    assert found == [], "glue them, or say in tests/constants.yml where they come from"


def test_nothing_is_declared_in_vain():
    there = {path.stem: {n for _, n in numbers(path.read_text())} for path in CHAPTERS}
    there["every chapter"] = set.union(*there.values())
    for name, reasons in DECLARED.items():
        assert reasons.keys() - there[name] == set(), name
        assert all(reasons.values())
        if name != "every chapter":
            assert reasons.keys() & DECLARED["every chapter"].keys() == set(), name


TEXT = """\
---
title: 1
---

(sec-2)=
# A title with 3

```{code-cell} ipython3
---
tags: [x]
mystnb:
  image:
    alt: >-
      From 4 down
      to a twelfth.
  figure:
    name: fig-5
    caption: Six, and {glue:text}`six:.1f`.
---
seven = 7
```

````{slide} 8
:show: fig-9

10 of {glue:text}`eleven:.8f`, or $0.12^{13}$, or `14`

```{revealjs-notes}
about 15%
```
````

```{figure} assets/16.svg
:name: fig-17
:alt: A circle and 18 lines.

Halves of a {index}`circle of 19 <twenty>`.
```

```bash
make 21
```

$$
x = 22
$$ (eq-23)

[words](page24.html), an H100, float32, d2l 16.5, 1e-5 and 17,000.

```{exercise}
:label: ex-25

1. in a list
* - 26, 2.7x
```
"""


def test_only_numbers_of_the_text_are_found():
    assert [number for _, number in numbers(TEXT)] == [
        *("3", "4", "twelfth", "six", "8", "10", "0.12", "15%", "18", "halves of a", "19"),
        *("16.5", "1e-5", "17,000", "26", "2.7"),
    ]
    places = undeclared("x", TEXT, {"every chapter": {"3": "", "4": ""}, "x": {"twelfth": ""}})
    assert places[:3] == [
        "chapters/x.md, line 18: six",
        "chapters/x.md, line 23: 8",
        "chapters/x.md, line 26: 10",
    ]


def test_of_words_only_those_that_measure_are_found():
    none = "One or two of them, often, a second, unfolded: "
    some = "Twenty-six times as fast, one per\ncent, two thirds of it, ten `eleven`, doubled."
    assert numbers(none + some) == [
        (1, "twenty-six times as fast"),
        (1, "one per cent"),
        (2, "two thirds of it"),
        (2, "ten"),
        (2, "doubled"),
    ]


@pytest.mark.parametrize(
    "there, typed, number",
    [
        ("Rounding costs", "In half of the cases, rounding costs", "half of the"),
        ("Rounding costs", "Eleven times as often, rounding costs", "eleven times as often"),
        ("    caption: >-\n", "    caption: >-\n      In 37 cases:\n", "37"),
        ("    alt: >-\n", "    alt: >-\n      In a fifth of the cases:\n", "fifth of the"),
    ],
)
def test_a_new_number_in_a_chapter_is_named(there, typed, number):
    chapter = (ROOT / "chapters" / "gates.md").read_text()
    [place] = undeclared("gates", chapter.replace(there, typed, 1), DECLARED)
    assert place.endswith(f": {number}")
