"""Compare two texts: words and whole numbers exactly, other numbers within a tolerance."""

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
SHOWN = 160  # characters of a line, in a message
USUAL = {"rtol": 1e-5}  # of a number for which a cell says nothing else
SVG_ATOL = 0.01  # in a drawing's own units: for matplotlib, points
BELOW = {"rtol": 1, "atol": math.inf, "svg_atol": 10}  # the limits of a tolerance


class Rules:
    """What the ``nbval`` metadata of a cell allows, and which parts of it were of use.

    ``nbval: {"perplexity": {rtol: 0.02, atol: 0.1}, svg_atol: 4}``: a key is literal text, and
    names the floats behind it in each of its lines, up to the next key; one that no float follows
    names the float before it.  Or it is the name of a glued value.

    Raises:
        ValueError: anything else in the metadata.
    """

    def __init__(self, given=None):
        self.given, self.used = {} if given is None else given, set()
        if not isinstance(self.given, dict):
            raise ValueError(f"nbval metadata is {given!r}; it must map text to tolerances")
        for name, tolerance in self.given.items():
            parts = {name: tolerance} if name == "svg_atol" else tolerance
            keys = {"svg_atol"} if name == "svg_atol" else {"rtol", "atol"}
            text = isinstance(name, str) and name.strip()
            if not (text and isinstance(parts, dict) and parts and parts.keys() <= keys) or any(
                type(value) not in (int, float) or not 0 <= value < BELOW[key]
                for key, value in parts.items()
            ):
                raise ValueError(
                    f"nbval metadata has {name!r}: {tolerance!r}; allowed are the text of a line "
                    "with rtol (from 0 to below 1) or atol (0 or more), and svg_atol (below 10)"
                )
        self.svg_atol = self.given.get("svg_atol", SVG_ATOL)
        self.names = self.given.keys() - {"svg_atol"}

    def allowed(self, name, stored):
        """Return by how much a number of that name may differ from the stored one."""
        given = self.given.get(name, USUAL)
        return given.get("atol", 0) + given.get("rtol", 0) * abs(stored)

    def useless(self):
        """Complain of each tolerance that names nothing."""
        return [f"the tolerance {name!r} matches nothing" for name in self.given.keys() - self.used]


def compare_text(stored, new, rules, glued=None):
    """List what differs between two texts, as lines to print; an empty list means they agree.

    Blanks count, but not at a line's end, nor those that pad floats of another width.

    Args:
        stored, new: the texts.
        rules: the `Rules` of their cell.
        glued: the name under which the text was glued.
    """
    old, fresh = ([line.rstrip() for line in t.rstrip().split("\n")] for t in (stored, new))
    if len(old) != len(fresh):
        diff = difflib.unified_diff(old, fresh, "stored", "new", lineterm="", n=1)
        return [f"{len(old)} lines stored, {len(fresh)} new:", *(line[:SHOWN] for line in diff)]
    widths = [[len(n) for n in NUMBER.findall(text) if _is_float(n)] for text in (stored, new)]
    report = []
    for a, b in zip(old, fresh, strict=True):
        notes = _compare_line(a, b, rules, glued, padded=widths[0] != widths[1])
        if notes:
            at = next((i for i in range(len(a)) if a[i] != b[i : i + 1]), len(a))
            part = slice(max(0, at - SHOWN // 2), at + SHOWN // 2)
            report += [f"stored: {a[part]}", f"new:    {b[part]}", *(f"        {n}" for n in notes)]
    return report


def _compare_line(a, b, rules, glued, padded):
    """Return what differs between two lines, and which tolerance is wider than its number."""
    numbers, fresh = list(NUMBER.finditer(a)), NUMBER.findall(b)
    old = [number[0] for number in numbers]
    names = [glued] * len(old) if glued else _names(a, numbers, rules.names)
    notes = [note for pair in zip(names, old, strict=True) if (note := _too_wide(*pair, rules))]
    if a == b or notes:
        return notes
    if len(old) != len(fresh):
        return [f"{len(old)} numbers stored, {len(fresh)} new"]
    pairs = zip(names, old, fresh, strict=True)
    if notes := [note for pair in pairs if (note := _compare_number(*pair, rules))]:
        return notes
    return [] if _words(a, old, padded) == _words(b, fresh, padded) else ["the words differ"]


def _names(line, numbers, names):
    """Return the name of each number of a line, or None."""
    ends = sorted((found.end(), n) for n in names for found in re.finditer(re.escape(n), line))
    floats = [i for i, number in enumerate(numbers) if _is_float(number[0])]
    of = {i: name for end, name in ends for i in floats if numbers[i].start() >= end}
    for end, name in ends:
        before = [i for i in floats if numbers[i].end() <= end]
        if before and name not in of.values():
            of[before[-1]] = name
    return [of.get(i) for i in range(len(numbers))]


def _too_wide(name, number, rules):
    """Complain of a tolerance within which its number could be 0."""
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
    given = rules.given.get(name, USUAL)
    allowed = " and ".join(f"{key} {value:g}" for key, value in given.items())
    return f"{a} -> {b}: relative error {relative}, allowed {allowed}"
