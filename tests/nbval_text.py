"""Compare two texts: words and integers exactly, floats within a tolerance."""

import dataclasses
import difflib
import math
import re

NUMBER = re.compile(
    r"""
    (?:(?<![\w.)\]])[-−])?        # a sign, but not the minus of a difference such as 7-5
    (?<![\w.#])                   # not within a name, a version or a colour
    (?: \d{1,3}(?:,\d{3})+(?:\.\d+)?                               # 13,809
      | (?:\d+\.\d*|\.\d+|\d(?=[eE]))(?:[eE][-+]?\d+(?!\w))?       # 0.5  12.  1e-05
      | \d+ )
    (?!\d|\.\d)
    """,
    re.VERBOSE,
)
LONGEST = 160  # characters of a line that a message shows


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """How far a cell's floats (``rtol``, ``atol``) and its drawings (``svg_atol``) may move."""

    rtol: float = 1e-5
    atol: float = 0.0
    svg_atol: float = 0.01  # in the drawing's own units: for matplotlib, points

    @classmethod
    def from_metadata(cls, given):
        """Read a cell's ``nbval`` metadata.

        Raises:
            ValueError: an unknown key, or a tolerance that is not a number in its range.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        if not isinstance(given, dict):
            raise ValueError(f"nbval metadata is {given!r}; it must map {', '.join(names)}")
        for key, value in given.items():
            if key not in names:
                raise ValueError(f"nbval metadata has the key {key!r}; allowed: {', '.join(names)}")
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (number and 0 <= value < (1 if key == "rtol" else math.inf)):
                limit = "at least 0 and below 1" if key == "rtol" else "at least 0 and finite"
                raise ValueError(f"nbval metadata has {key}: {value!r}; it must be {limit}")
        return cls(**given)

    def allows(self, stored, new):
        """Whether two floats agree, as numpy.isclose has it, relative to the stored one."""
        return stored == new or abs(new - stored) <= self.atol + self.rtol * abs(stored)


def compare_text(stored, new, tolerance):
    """List what differs between two texts, as lines to print; an empty list means they agree.

    Line ends count; blanks at a line's end do not, and a run of blanks counts as one.
    """
    old, fresh = _lines(stored), _lines(new)
    if len(old) != len(fresh):
        diff = difflib.unified_diff(old, fresh, "stored", "new", lineterm="", n=1)
        return [f"{len(old)} lines stored, {len(fresh)} new:", *map(_shorten, diff)]
    report = []
    for a, b in zip(old, fresh, strict=True):
        notes = _compare_line(a, b, tolerance)
        if notes is not None:
            at = next((i for i in range(len(a)) if a[i] != b[i : i + 1]), len(a))
            report += [f"stored: {_shorten(a, at)}", f"new:    {_shorten(b, at)}"]
            report += [f"        {note}" for note in notes]
    return report


def _lines(text):
    return [re.sub(r"[ \t]+", " ", line).rstrip() for line in text.rstrip().split("\n")]


def _compare_line(a, b, tolerance):
    """Return None if two lines agree, else a note on each number that is the cause."""
    if a == b:
        return None
    old, fresh = NUMBER.findall(a), NUMBER.findall(b)
    if len(old) != len(fresh):
        return [f"{len(old)} numbers stored, {len(fresh)} new"]
    notes = [_compare_number(x, y, tolerance) for x, y in zip(old, fresh, strict=True)]
    if any(notes):
        return [note for note in notes if note]
    return None if _words(a, old) == _words(b, fresh) else ["the words differ"]


def _words(line, numbers):
    """Split off what stands between the numbers, without the blanks that pad floats in a table."""
    words = NUMBER.split(line)
    for i, number in enumerate(numbers):
        if _is_float(number):
            words[i], words[i + 1] = words[i].rstrip(" "), words[i + 1].lstrip(" ")
    return words


def _is_float(number):
    return "," not in number and any(mark in number for mark in ".eE")


def _compare_number(a, b, tolerance):
    """Return None if two numbers agree, else what is wrong.

    A numpy array writes a whole float as ``3.``, and so does the end of a sentence; such a number
    has the tolerance only against one with decimals, hence never against another integer.
    """
    if a == b:
        return None
    if not (_is_float(a) and _is_float(b)) or (a.endswith(".") and b.endswith(".")):
        return f"{a} -> {b}: integers must be equal"
    x, y = (float(number.replace("−", "-")) for number in (a, b))
    if tolerance.allows(x, y):
        return None
    relative = f"{abs(y - x) / abs(x):.1e}" if x else "infinite"
    return f"{a} -> {b}: relative error {relative}, allowed {allowance(tolerance)}"


def allowance(tolerance):
    """Name the tolerance of floats for a message."""
    return f"{tolerance.rtol:g}" + (f" and absolute {tolerance.atol:g}" if tolerance.atol else "")


def _shorten(line, at=0):
    """Cut a long line to the part around the character `at`."""
    start = max(0, min(at - LONGEST // 2, len(line) - LONGEST))
    part = line[start : start + LONGEST]
    return ("…" if start else "") + part + ("…" if start + LONGEST < len(line) else "")
