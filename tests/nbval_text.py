"""Compare two texts: words and whole numbers exactly, other numbers within a tolerance."""

import difflib
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
RTOL = 1e-5  # of a number for which a cell says nothing else
SVG_ATOL = 0.01  # in a drawing's own units: for matplotlib, points


class Rules:
    """What the ``nbval`` metadata of a cell allows, and which parts of it were of use.

    ``nbval: {"perplexity": {rtol: 0.02, atol: 0.1}, svg_atol: 4}``: a key is literal text, and
    names the floats behind it in each of its lines, up to the next key; one that no float follows
    names the float before it.  Or it is the name of a glued value.

    Raises:
        ValueError: anything else in the metadata.
    """

    def __init__(self, given=()):
        if not isinstance(given, dict) and given != ():
            raise ValueError(f"nbval metadata is {given!r}; it must map text to tolerances")
        self.given, self.names, self.used = {*given}, dict(given), set()
        self.svg_atol = self.names.pop("svg_atol", SVG_ATOL)
        _check("svg_atol", self.svg_atol, 10)
        for name, tolerance in self.names.items():
            if not (isinstance(name, str) and name.strip()):
                raise ValueError(f"nbval metadata has {name!r}, which is no text of a line")
            if not (isinstance(tolerance, dict) and tolerance and {*tolerance} <= {"rtol", "atol"}):
                raise ValueError(
                    f"nbval metadata has {name!r}: {tolerance!r}; a text has rtol, atol"
                )
            for key, value in tolerance.items():
                _check(f"{name!r}: {key}", value, 1 if key == "rtol" else float("inf"))

    def allowed(self, name, stored):
        """Return by how much a number of that name may differ from the stored one."""
        given = self.names.get(name, {"rtol": RTOL})
        return given.get("atol", 0) + given.get("rtol", 0) * abs(stored)

    def useless(self):
        """Complain of each tolerance that names nothing."""
        return [f"the tolerance {name!r} matches nothing" for name in self.given - self.used]


def _check(name, value, limit):
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (number and 0 <= value < limit):
        raise ValueError(f"nbval metadata has {name}: {value!r}; allowed: from 0 to below {limit}")


def compare_text(stored, new, rules, glued=None):
    """List what differs between two texts, as lines to print; an empty list means they agree.

    Blanks count, but not at a line's end, nor those that pad floats of another width.

    Args:
        stored, new: the texts.
        rules: the `Rules` of their cell.
        glued: the name under which the text was glued.
    """
    old, fresh = _lines(stored), _lines(new)
    if len(old) != len(fresh):
        diff = difflib.unified_diff(old, fresh, "stored", "new", lineterm="", n=1)
        return [f"{len(old)} lines stored, {len(fresh)} new:", *map(_shorten, diff)]
    padded = _widths(stored) != _widths(new)
    report = []
    for a, b in zip(old, fresh, strict=True):
        notes = _compare_line(a, b, rules, glued, padded)
        if notes:
            at = next((i for i in range(len(a)) if a[i] != b[i : i + 1]), len(a))
            report += [f"stored: {_shorten(a, at)}", f"new:    {_shorten(b, at)}"]
            report += [f"        {note}" for note in notes]
    return report


def _lines(text):
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _widths(text):
    return [len(number) for number in NUMBER.findall(text) if _is_float(number)]


def _compare_line(a, b, rules, glued, padded):
    """Return what differs between two lines, and which tolerance is wider than its number."""
    numbers, fresh = list(NUMBER.finditer(a)), NUMBER.findall(b)
    names = [glued] * len(numbers) if glued else _names(a, numbers, rules.names)
    old = [number[0] for number in numbers]
    notes = [_too_wide(*pair, rules) for pair in zip(names, old, strict=True)]
    if a == b or any(notes):
        return [note for note in notes if note]
    if len(old) != len(fresh):
        return [f"{len(old)} numbers stored, {len(fresh)} new"]
    notes = [_compare_number(*pair, rules) for pair in zip(names, old, fresh, strict=True)]
    if any(notes):
        return [note for note in notes if note]
    return [] if _words(a, old, padded) == _words(b, fresh, padded) else ["the words differ"]


def _names(line, numbers, names):
    """Return the name of each number of a line, or None."""
    ends = sorted(
        (found.end(), name) for name in names for found in re.finditer(re.escape(name), line)
    )
    floats = [i for i, number in enumerate(numbers) if _is_float(number[0])]
    of = {i: name for end, name in ends for i in floats if numbers[i].start() >= end}
    for end, name in ends:
        before = [i for i in floats if numbers[i].end() <= end]
        if before and name not in of.values():
            of[before[-1]] = name
    return [of.get(i) for i in range(len(numbers))]


def _too_wide(name, number, rules):
    if name not in rules.names or not _is_float(number):
        return None
    rules.used.add(name)
    allowed, x = rules.allowed(name, _value(number)), abs(_value(number))
    if allowed < x or allowed == 0:
        return None
    return f"the tolerance for {name!r} is as wide as the number {number}"


def _words(line, numbers, padded):
    """Split off what stands between the numbers, without the blanks that pad floats in a table."""
    words = NUMBER.split(line)
    for i, number in enumerate(numbers if padded else ()):
        if _is_float(number):
            words[i], words[i + 1] = words[i].rstrip(" "), words[i + 1].lstrip(" ")
    return words


def _is_float(number):
    return "," not in number and any(mark in number for mark in ".eE")


def _value(number):
    return float(number.replace("−", "-"))


def _compare_number(name, a, b, rules):
    """Return None if two numbers agree, else what is wrong.

    A numpy array writes a whole float as ``3.``, and so does the end of a sentence; such a number
    has the tolerance only against one with decimals, hence never against another integer.
    """
    if a == b:
        return None
    if not (_is_float(a) and _is_float(b)) or (a.endswith(".") and b.endswith(".")):
        return f"{a} -> {b}: integers must be equal"
    x, y = _value(a), _value(b)
    if x == y or abs(y - x) <= rules.allowed(name, x):
        return None
    relative = f"{abs(y - x) / abs(x):.1e}" if x else "infinite"
    given = rules.names.get(name, {"rtol": RTOL})
    allowed = " and ".join(f"{key} {value:g}" for key, value in given.items())
    return f"{a} -> {b}: relative error {relative}, allowed {allowed}"


def _shorten(line, at=0):
    """Cut a long line to the part around the character `at`."""
    start = max(0, min(at - LONGEST // 2, len(line) - LONGEST))
    part = line[start : start + LONGEST]
    return ("…" if start else "") + part + ("…" if start + LONGEST < len(line) else "")
