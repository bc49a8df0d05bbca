"""Every number in the text is placed by a cell, or declared in constants.yml with its reason.

In digits, or in words that claim a measurement; captions and alternative texts are text, too.
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
    r"^ *:(?!alt:|label: .* )[\w-]+:.*$",
    r"^\$\$(?s:.*?)^\$\$.*|\^\{[^}]*\}",  # equations, and exponents in a sentence
    r"(?:\{[\w:]+\})?(`+).+?\1",  # code and roles
    r"\]\([^)]*\)|<(?:a [^>]*|[^>\s]+)>|https?://\S+",
    r"^\([\w-]+\)=$|^ *\d+\. ",
]
INDEX = re.compile(r"\{index\}`([^`<]*)[^`]*`")
CELL = re.compile(r"^```\{code-cell\}(?s:.*?)^```$", re.MULTILINE)
SHOWN_OR_NOT = re.compile(r"^( +)(?:alt|caption):.*\n(?:\1 +.*\n|\n)*|.", re.MULTILINE)
# Neither H200 nor float32, the year 2014 nor the 3rd, but 1.9.1, 13,809, 1e-5, 40% and 2x.
NONE = r"(?:19|20)\d\d(?![.,]?\d| ?%)|\d+(?:st|nd|rd|th)\b"
DIGITS = rf"(?<![\w.])(?!{NONE})\d+(?:[.,]\d+)*(?:e-?\d+)?(?: ?%)?"
GAP = r"(?: |-|\n *)"
COUNT = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty"
    r"|forty|fifty|sixty|seventy|eighty|ninety|dozen|hundred|thousand|million|billion)"
)
NTH = r"(?:third|quarter|(?:four|fif|six|seven|eigh|nin|ten|eleven|twelf|\w+teen|\w+tie|hundred)th)"
# What makes words a measurement; "three widths" and "the tenth epoch" are none.
CLAIM = re.compile(
    rf"\d|half|halv|\w(?<!un)fold|per.?cent|twice|thrice|times|doubl|tripl|quadrupl|dozen|hundred"
    rf"|thousand|[mb]illion|second|minute|hour|{NTH}s\b|{NTH} (?:of|as)\b|(?:^an?|{COUNT}).{NTH}\b"
)
WORD = (
    rf"(?:{COUNT}(?:fold)?|half|halves|halv\w+|{NTH}s?|per{GAP}?cent|twice|thrice"
    r"|(?:doubl|tripl|quadrupl)\w+)"
)
WORDS = rf"\b(?:an?{GAP})?{WORD}(?:{GAP}(?:{WORD}|times))*\b(?:{GAP}(?:(?:as|of){GAP})?[a-z]+)?"
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
    found = [
        (text.count("\n", 0, m.start()) + 1, " ".join(m[0].lower().split()))
        for m in FOUND.finditer(text)
    ]
    return [(line, re.sub("^an? ", "", said)) for line, said in found if CLAIM.search(said)]


def undeclared(name, text, declared):
    """List the numbers of a chapter without a reason, each with its place and what settles it."""
    reasons = declared["every chapter"].keys() | declared.get(name, {}).keys()
    return [
        f"chapters/{name}.md, line {line}: {number}\n"
        "  is placed by a cell, {glue:text}`name:.2f`, or has a reason in tests/constants.yml:\n"
        f'{name}:\n  "{number}": where it comes from'
        for line, number in numbers(text)
        if number not in reasons
    ]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_number_is_placed_or_declared(chapter):
    said = "\n".join(undeclared(chapter.stem, chapter.read_text(), DECLARED))
    assert not said, f"\n{said}"


def test_nothing_is_declared_in_vain():
    there = {path.stem: {n for _, n in numbers(path.read_text())} for path in CHAPTERS}
    there["every chapter"] = set.union(*there.values())
    for name, reasons in DECLARED.items():
        vain = [*(reasons.keys() - there[name]), *(n for n in reasons if not reasons[n])]
        assert vain == [], f"no longer in the text of {name}, or without a reason; take them out"


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
    caption: Six times, and {glue:text}`six:.1f`.
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

One or two of them, often, a second, unfolded; three widths in 2014, the 3rd, the tenth epoch.
Twenty-six times as fast, one per
cent, two thirds of it, ten `eleven`, doubled, a tenth, 2,014, five seconds.
"""


def test_numbers_of_the_text_that_claim_a_measurement_are_found():
    assert [number for _, number in numbers(TEXT)] == [
        *("3", "4", "twelfth", "six times", "8", "10", "0.12", "15%", "18", "halves of a", "19"),
        *("16.5", "1e-5", "17,000", "26", "2.7", "twenty-six times as fast", "one per cent"),
        *("two thirds of it", "doubled", "tenth", "2,014", "five seconds"),
    ]
    said = undeclared("x", TEXT, {"every chapter": {"3": "", "4": ""}, "x": {"twelfth": ""}})
    assert said[0].startswith("chapters/x.md, line 18: six times\n")
    assert said[0].endswith('\nx:\n  "six times": where it comes from')
