"""Compare the outputs that a notebook stores with those that a kernel sends."""

import json
import re

import nbformat
from nbval_svg import compare_svg
from nbval_text import compare_text

WIDGET = "application/vnd.jupyter.widget-view+json"
GLUE = "application/papermill.record/"  # myst-nb's glue puts it before the type
COMPARABLE = re.compile(rf"(?:{GLUE})?(?:text/.+|image/svg\+xml|application/json)")
LONGEST = 24  # lines of a message about one output


def outputs_of(messages):
    """Play a cell's messages to the outputs that a notebook would store: the final state of all."""
    outputs, displays, clear = [], {}, False
    for message in messages:
        kind, content = message["msg_type"], message["content"]
        display = content.get("transient", {}).get("display_id")
        if kind == "clear_output" and content.get("wait"):
            clear = True
        elif kind == "clear_output":
            outputs = []
        elif kind == "update_display_data":
            for output in displays.get(display, []):
                output.update(nbformat.from_dict({k: content[k] for k in ("data", "metadata")}))
        elif kind in ("stream", "display_data", "execute_result", "error"):
            if clear:
                outputs, clear = [], False
            outputs.append(nbformat.v4.output_from_msg(message))
            displays.setdefault(display, []).append(outputs[-1])
    return outputs


def compare_outputs(stored, new, tolerance, sanitise=str):
    """List what differs between two lists of outputs, as lines to print.

    Args:
        stored, new: notebook outputs.
        tolerance: the cell's `Tolerance`.
        sanitise: replaces what may always differ, such as dates; applied to texts on both sides.
    """
    old = _parts(stored)
    # A widget lives only while the notebook is open: it is neither stored nor compared.
    fresh = _parts([output for output in new if WIDGET not in output.get("data", {})])
    for _, parts in old:
        for mime in parts:
            if "/" in mime and not COMPARABLE.fullmatch(mime):
                return [f"the stored output holds {mime}, and only SVG and text can be compared"]
    if [(kind, [*parts]) for kind, parts in old] != [(kind, [*parts]) for kind, parts in fresh]:
        old, fresh = _summary(old, sanitise), _summary(fresh, sanitise)
        return ["stored outputs:", *old, "new outputs:", *fresh]
    report = []
    for number, ((kind, parts), (_, others)) in enumerate(zip(old, fresh, strict=True), 1):
        for name, text in parts.items():
            if name.endswith("image/svg+xml"):
                found = compare_svg(text, others[name], tolerance, sanitise)
            else:
                found = compare_text(sanitise(text), sanitise(others[name]), tolerance)
            if found:
                if len(found) > LONGEST:
                    found[LONGEST:] = [f"… and {len(found) - LONGEST} lines more"]
                report += [f"output {number}, {kind}, {name}:", *("  " + line for line in found)]
    return report


def _parts(outputs):
    """Turn outputs into pairs (kind, {name: text}), however their streams were cut into chunks.

    Between two displays the kernel sends stdout and stderr in no fixed order: stdout comes first.
    """
    parts, streams = [], {"stdout": "", "stderr": ""}

    def end_streams():
        for name, text in streams.items():
            if text:
                parts.append(("stream", {name: _overwrite(text)}))
            streams[name] = ""

    for output in outputs:
        if output.output_type == "stream":
            streams[output.name] += output.text
            continue
        end_streams()
        if output.output_type == "error":
            parts.append(("error", {"message": f"{output.ename}: {output.evalue}"}))
        else:
            texts = {mime: _as_text(output.data[mime]) for mime in sorted(output.data)}
            if output.metadata:
                texts["metadata"] = _as_text(output.metadata)
            parts.append((output.output_type, texts))
    end_streams()
    return parts


def _as_text(value):
    return value if isinstance(value, str) else json.dumps(value, indent=1, sort_keys=True)


def _overwrite(text):
    """Apply carriage returns as a terminal does: what follows one replaces its line."""
    return re.sub(r"[^\n]*\r(?!\n)", "", text)


def _summary(parts, sanitise):
    """One line for each output."""
    lines = []
    for kind, texts in parts:
        name, text = next(iter(texts.items()), ("", ""))
        names = ", ".join(texts)
        first = "" if "svg" in name else sanitise(text).strip().split("\n")[0][:80]
        lines.append(f"  {kind} ({names}): {first}".rstrip(": "))
    return lines or ["  none"]
