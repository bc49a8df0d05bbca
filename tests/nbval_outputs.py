"""Compare the outputs that a notebook stores with those of a run."""

import json
import re

from nbval_svg import compare_svg
from nbval_text import Rules, compare_text

from tools.notebook import as_stored, plain, tags

GLUE = "application/papermill.record/"  # myst-nb's glue puts it before the type
COMPARABLE = re.compile(rf"(?:{GLUE})?(?:text/.+|image/svg\+xml|application/json)")
LONGEST = 24  # lines of a message about one output


def compare_outputs(cell, new, rules, root):
    """List what differs between a cell's stored outputs and new ones, as lines to print.

    Args:
        cell: the stored cell.
        new: the outputs that the kernel sent.
        rules: the cell's `Rules`.
        root: the folder of the project.
    """
    old, fresh = _parts(cell.outputs, cell), _parts(as_stored(new, root), cell)
    for _, parts, _ in old:
        for mime in parts:
            if "/" in mime and not COMPARABLE.fullmatch(mime):
                return [f"the stored output holds {mime}, and only SVG and text can be compared"]
    if [(kind, [*parts]) for kind, parts, _ in old] != [
        (kind, [*parts]) for kind, parts, _ in fresh
    ]:
        return ["stored outputs:", *_summary(old), "new outputs:", *_summary(fresh)]
    report = []
    for number, ((kind, parts, glued), (_, others, _)) in enumerate(
        zip(old, fresh, strict=True), 1
    ):
        for name, text in parts.items():
            if name.endswith("image/svg+xml"):
                rules.used.add("svg_atol")
                found = compare_svg(text, others[name], rules.svg_atol)
            elif name == "metadata":
                found = compare_text(text, others[name], Rules())
            else:
                found = compare_text(text, others[name], rules, glued)
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
            texts["traceback"] = re.sub(r"\bIn\[\d+\]", "In[]", "\n".join(output.traceback))
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
    """One line for each output."""
    lines = []
    for kind, texts, _ in parts:
        name, text = next(iter(texts.items()), ("", ""))
        first = "" if "svg" in name else text.strip().split("\n")[0][:80]
        lines.append(f"  {kind} ({', '.join(texts)}): {first}".rstrip(": "))
    return lines or ["  none"]
