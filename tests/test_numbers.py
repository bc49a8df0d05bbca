"""Every number in the text is placed by a cell, or declared in constants.yml with its reason."""

import re

import pytest
import yaml
from tools_of_the_build import ROOT

CHAPTERS = sorted((ROOT / "chapters").glob("*.md"))
DECLARED = yaml.load((ROOT / "tests" / "constants.yml").read_text(), yaml.BaseLoader)
NO_PROSE = [
    r"\A(?s:---\n.*?)^---$",
    r"^(`{3,})(?:\{code-cell\}|[a-z])(?s:.*?)^\1$",  # code; other directives hold text
    r"^`{3,}\{[\w:-]+\}(?: [\w/.-]+$)?|^`{3,}$",  # a name after a directive, or its title
    r"^:[\w-]+:.*$",
    r"^\$\$(?s:.*?)^\$\$.*|\$.*?\$",
    r"(?:\{[\w:]+\})?(`+).+?\1",  # code and roles
    r"\]\([^)]*\)|<[^>\s]+>|https?://\S+",
    r"^\([\w-]+\)=$|^ *\d+\. ",
]
# Neither H200 nor float32, but 1.9.1, 13,809, 1e-5 and 40%.
NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?:e-?\d+)?(?!\w)(?: ?%)?")


def numbers(text):
    """Return line and number of each that is typed into the prose of a chapter."""
    for pattern in NO_PROSE:
        blank = lambda match: re.sub(r"[^\n]", " ", match[0])  # noqa: E731
        text = re.sub(pattern, blank, text, flags=re.MULTILINE)
    return [(text.count("\n", 0, m.start()) + 1, m[0]) for m in NUMBER.finditer(text)]


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
---
four = 4
```

````{slide} Title with 5
:show: fig-6

7 of {glue:text}`eight:.8f`, or $9$, or `10`

```{revealjs-notes}
about 11%
```
````

```bash
make 12
```

$$
x = 13
$$ (eq-14)

[words](page15.html), an H100, float32, d2l 16.5, 1e-5 and 17,000.
1. in a list
* - 18
"""


def test_only_numbers_of_the_text_are_found():
    found = [number for _, number in numbers(TEXT)]
    assert found == ["3", "5", "7", "11%", "16.5", "1e-5", "17,000", "18"]
    places = undeclared("x", TEXT, {"every chapter": {"3": "", "18": ""}, "x": {"1e-5": ""}})
    assert places == [
        "chapters/x.md, line 15: 5",
        "chapters/x.md, line 18: 7",
        "chapters/x.md, line 21: 11%",
        "chapters/x.md, line 33: 16.5",
        "chapters/x.md, line 33: 17,000",
    ]
