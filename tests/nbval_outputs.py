"""Compare the outputs that a notebook stores with those of a run, figures as drawings."""

import difflib
import json
import re
import xml.etree.ElementTree as ElementTree

from nbval_text import Rules, compare_text

from tools.notebook import as_stored, plain, tags

LONGEST = 24  # lines of a message about one output
COORDINATES = set(
    "d points translate viewBox x y x1 y1 x2 y2 dx dy cx cy r rx ry width height".split()
)
COORDINATE = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
TRANSLATE = re.compile(r"translate\(([^)]*)\)")
# matplotlib hashes what it draws into the ids of markers and clips: a moved point renames them.
HASHED = re.compile(r"\b[A-Za-z][0-9a-f]{10}\b")


def compare_outputs(cell, new, rules, root):
    """List what differs between a cell's stored outputs and new ones, as lines to print.

    Args:
        cell: the stored cell.
        new: the outputs that the kernel sent.
        rules: the cell's `Rules`.
        root: the folder of the project.
    """
    old, fresh = _parts(cell.outputs, cell), _parts(as_stored(new, root), cell)
    if [(kind, [*parts]) for kind, parts, _ in old] != [(kind, [*p]) for kind, p, _ in fresh]:
        return ["stored outputs:", *_summary(old), "new outputs:", *_summary(fresh)]
    report = []
    for number, (kind, parts, glued) in enumerate(old, 1):
        for name, text in parts.items():
            other = fresh[number - 1][1][name]
            if name.endswith("image/svg+xml"):
                rules.used.add("svg_atol")
                found = compare_svg(text, other, rules.svg_atol)
            else:
                found = compare_text(text, other, Rules() if name == "metadata" else rules, glued)
            if found:
                if len(found) > LONGEST:
                    found[LONGEST:] = [f"… and {len(found) - LONGEST} lines more"]
                report += [f"output {number}, {kind}, {name}:", *("  " + line for line in found)]
    return report or rules.useless()


def _parts(outputs, cell):
    """Turn outputs into triples: kind, texts by their type, and the name of what was glued."""
    parts = []
    for output in outputs:
        glued = None
        if output.output_type == "stream":
            texts = {output.name: output.text}
        elif output.output_type == "error":
            texts = {"message": f"{output.ename}: {output.evalue}"}
            # The count of cells depends on which were left out.
            texts["traceback"] = re.sub(r"In\[\d+\]", "In[]", "\n".join(output.traceback))
        else:
            texts = {mime: _as_text(output.data[mime]) for mime in sorted(output.data)}
            glued = output.metadata.get("scrapbook", {}).get("name")
            if output.metadata:
                texts["metadata"] = _as_text(output.metadata)
        texts = {k: v if "svg" in k else plain(v, tags(cell)) for k, v in texts.items()}
        parts.append((output.output_type, texts, glued))
    return parts


def _as_text(value):
    return value if isinstance(value, str) else json.dumps(value, indent=1, sort_keys=True)


def _summary(parts):
    """One line for each output, with the beginning of its text."""
    firsts = [(kind, ", ".join(texts), [*texts.values(), ""][0]) for kind, texts, _ in parts]
    return [f"  {kind} ({names}): {text.strip()[:80]!r}" for kind, names, text in firsts]


def compare_svg(stored, new, atol):
    """List which elements, attributes and coordinates of two SVG files differ.

    Args:
        stored, new: the files' text.
        atol: by how much a coordinate may move, in the drawing's units.
    """
    try:
        old, fresh = ([*_flat(ElementTree.fromstring(_renamed(svg)))] for svg in (stored, new))
    except ElementTree.ParseError as error:
        return [f"not readable as SVG: {error}"]
    names = [[f"{where}, {name}" for where, name, _ in parts] for parts in (old, fresh)]
    if names[0] != names[1]:
        return [*difflib.unified_diff(*names, "stored", "new", lineterm="", n=0)]
    report = []
    for (where, name, a), (_, _, b) in zip(old, fresh, strict=True):
        if name in COORDINATES:
            found = _moved(a, b, atol)
        elif name == "text":
            found = compare_text(a, b, Rules())
        else:
            found = [f"{a[:60]!r} stored, {b[:60]!r} new"] if a != b else []
        report += [f"{where}, {name}: {line}" for line in found]
    return report


def _renamed(svg):
    """Name hashed ids by their order in the file."""
    names = {}
    return HASHED.sub(lambda match: names.setdefault(match[0], f"hashed-{len(names)}"), svg)


def _flat(node, where="svg"):
    """Yield all that an element and those in it hold: the place, a name there, and its value."""
    yield where, "element", f"{node.tag} with {len(node)} others"
    attributes = {key.rpartition("}")[2]: value for key, value in node.attrib.items()}
    if moved := attributes.get("transform"):  # the other numbers, as of a scale, do not move
        attributes["transform"] = TRANSLATE.sub("translate", moved)
        attributes["translate"] = " ".join(TRANSLATE.findall(moved))
    yield from ((where, name, value) for name, value in sorted(attributes.items()))
    for text in (node.text, node.tail):
        yield where, "text", (text or "").strip()
    for number, child in enumerate(node, 1):
        name = f"{where} > {child.tag.rpartition('}')[2]} {number}"
        yield from _flat(child, f"#{child.get('id')}" if child.get("id") else name)


def _moved(a, b, atol):
    """Say which coordinate of an attribute moved the furthest, if by more than `atol`."""
    old, fresh = COORDINATE.findall(a), COORDINATE.findall(b)
    if [*map(str.strip, COORDINATE.split(a))] != [*map(str.strip, COORDINATE.split(b))]:
        return [f"other commands ({len(old)} coordinates stored, {len(fresh)} new)"]
    pairs = zip(old, fresh, strict=True)
    by, x, y = max(((abs(float(y) - float(x)), x, y) for x, y in pairs), default=(0, "", ""))
    return [f"{x} -> {y}: moved by {by:.3g}, allowed {atol:g}"] if by > atol else []
