"""Compare two SVG figures as drawings: the same elements, coordinates within a tolerance."""

import re
import xml.etree.ElementTree as ElementTree

from nbval_text import Rules, compare_text

COORDINATES = set(
    "d points translate viewBox x y x1 y1 x2 y2 dx dy cx cy r rx ry width height".split()
)
COORDINATE = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# matplotlib hashes what it draws into the ids of markers and clips: a moved point renames them.
HASHED = re.compile(r"\b[A-Za-z][0-9a-f]{10}\b")


def compare_svg(stored, new, atol):
    """List which elements and coordinates differ, as lines to print.

    Args:
        stored, new: the two files' text.
        atol: by how much a coordinate may move, in the drawing's units.
    """
    try:
        old = ElementTree.fromstring(_rename_hashed(stored))
        fresh = ElementTree.fromstring(_rename_hashed(new))
    except ElementTree.ParseError as error:
        return [f"not readable as SVG: {error}"]
    report = []
    _compare(old, fresh, "svg", atol, report)
    return report


def _rename_hashed(svg):
    """Name hashed ids by their order in the file."""
    names = {}
    return HASHED.sub(lambda match: names.setdefault(match[0], f"hashed-{len(names)}"), svg)


def _compare(old, fresh, where, atol, report):
    for key in sorted({*old.attrib, *fresh.attrib}):
        name, a, b = _local(key), old.get(key), fresh.get(key)
        if a == b:
            continue
        if name == "transform" and a and b and _form(a) == _form(b):
            name = "translate"  # its other numbers, such as those of a scale, are no coordinates
        if a is None or b is None:
            report.append(f"{where}: {name} is {_short(a)} stored, {_short(b)} new")
        elif name in COORDINATES:
            _compare_coordinates(a, b, f"{where}, {name}", atol, report)
        else:
            report.append(f"{where}: {name} is {_short(a)} stored, {_short(b)} new")
    for words in ("text", "tail"):
        a, b = ((getattr(node, words) or "").strip() for node in (old, fresh))
        report += [f"{where}: {line}" for line in compare_text(a, b, Rules())]
    kinds = [[_local(child.tag) for child in node] for node in (old, fresh)]
    if kinds[0] != kinds[1]:
        report.append(f"{where}: holds {_count(kinds[0])} stored, {_count(kinds[1])} new")
        return
    for number, (a, b) in enumerate(zip(old, fresh, strict=True), 1):
        name = f"#{a.get('id')}" if a.get("id") else f"{_local(a.tag)} {number}"
        inner = name if name.startswith("#") else f"{where} > {name}"
        _compare(a, b, inner, atol, report)


def _form(transform):
    """Return a transform without the coordinates that it moves things to."""
    return re.sub(r"translate\([^)]*\)", "translate", transform)


def _compare_coordinates(a, b, where, atol, report):
    old, fresh = COORDINATE.findall(a), COORDINATE.findall(b)
    if [*map(str.strip, COORDINATE.split(a))] != [*map(str.strip, COORDINATE.split(b))]:
        report.append(f"{where}: other commands ({len(old)} coordinates stored, {len(fresh)} new)")
        return
    moved = [
        (abs(float(y) - float(x)), x, y, i)
        for i, (x, y) in enumerate(zip(old, fresh, strict=True), 1)
        if not abs(float(y) - float(x)) <= atol
    ]
    if moved:
        by, x, y, i = max(moved)
        report.append(
            f"{where}: {len(moved)} of {len(old)} coordinates moved, number {i} the furthest, "
            f"{x} -> {y}: by {by:.3g}, allowed {atol:g}"
        )


def _local(name):
    return name.rpartition("}")[2]


def _count(kinds):
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return counts or "nothing"


def _short(value):
    return "absent" if value is None else repr(value if len(value) <= 60 else value[:60] + "…")
