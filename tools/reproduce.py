"""Run a chapter aside and say whether its stored outputs come out again; or bless new ones.

The first compares by the rules of `pytest --nbval`, and leaves book/ alone.  The second shows what
changed in the outputs, and asks before it replaces them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from fingerprint import circumstances
from outputs import ChapterError, code_cells, is_torch, settle, tags, tidy
from run_chapters import ROOT, Book

from d2l_gru import corpus

sys.path.append(str(ROOT / "tests"))
from nbval_outputs import compare_outputs
from nbval_text import Rules


class Aside(Book):
    """A book whose notebooks are run and compared, and stay as they are."""

    def reproduce(self, name):
        """Run a notebook and print the verdict; return whether its outputs came out again."""
        new, old = self.notebooks[name], self.last_run(name)
        if is_torch(new) and not self.torch:
            print(f"{name}: not run, since PyTorch is missing; `make torch` installs it")
            return True
        if not old or len({str([c.source for c in code_cells(part)]) for part in (new, old)}) > 1:
            print(f"{name}: different, because the chapter has other code; `make book` runs it")
            return False
        device, _ = self.run(name, new)
        settle(tidy(new), old, self.root)  # what is confirmed is then the very same
        pairs = list(enumerate(zip(code_cells(old), code_cells(new), strict=True), 1))
        inexact = {n: pair for n, pair in pairs if pair[0].outputs != pair[1].outputs}
        wrong = {n: report for n, pair in inexact.items() if (report := self.compare(*pair))}
        others = " and ".join(f"another {name}" for name in self.others(new, old, device))
        if wrong:
            print(f"{name}: different, because of {others or 'its numbers'}")
            for number, report in wrong.items():
                print(f"  code cell {number}:", *report, sep="\n    ")
        else:
            verdict = "within tolerance" if inexact else "same"
            print(f"{name}: {verdict}{f', with {others}' if others else ''}")
        return not wrong

    def compare(self, stored, cell):
        """List what differs between the outputs of a cell by more than its rules allow."""
        if self.sample and "corpus" in tags(cell):
            return []
        return compare_outputs(
            stored, cell.outputs, Rules(cell.metadata.get("nbval", {})), self.root
        )

    def others(self, new, old, device):
        """List what is not as it was when the stored outputs were made, as far as is known."""
        before, runs = old.metadata.get("d2l_gru", {}), circumstances(self.root, new)
        ran = before.get("run", {})
        there = {**before.get("parts", {}), **ran, **ran.get("versions", {})}
        here = {**self.stamp(new, old)["parts"], **runs, "device": device, **runs["versions"]}
        compared = [name for name in here if name in there and name not in ("date", "versions")]
        return [name for name in compared if there[name] != here[name]]


class Asking(Book):
    """A book that shows new outputs, and asks before they replace the old."""

    def write(self, name, notebook):
        path = self.home / f"{name}.ipynb"
        if path.is_file() and path.read_text() != nbformat.writes(notebook) + "\n":
            with tempfile.TemporaryDirectory() as folder:
                new = Path(folder) / path.name
                nbformat.write(notebook, new)
                nbdiff = [Path(sys.executable).with_name("nbdiff"), "--outputs", path, new]
                nbdiff += [] if sys.stdout.isatty() else ["--no-color"]
                shown = subprocess.run(nbdiff, check=True, stdout=subprocess.PIPE).stdout.decode()
            print(shown or f"{name}: no output changed", flush=True)
            yes = not shown or os.environ.get("YES") == "1"
            if not yes and input(f"{name}: take these? [y/n] ") != "y":
                raise ChapterError(f"{name} was not replaced")
        return super().write(name, notebook)


def main(arguments=None, root=ROOT):
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("chapter", help="its name, as in CHAPTER=gates")
    parser.add_argument("--bless", action="store_true", help="show new outputs, and take them")
    options = parser.parse_args(arguments)
    if options.bless and os.environ.get("YES") != "1" and not sys.stdin.isatty():
        print("bless asks on a terminal; without one, YES=1 says yes", file=sys.stderr)
        return 1
    try:
        kind = Asking if options.bless else Aside
        book = kind(root, corpus.find(), asked=[options.chapter])
        book.stage()
        if options.bless:
            for name in book.chosen:
                book.update(name, force=True)
            return 0
        return int(not all([book.reproduce(name) for name in book.chosen]))
    except (OSError, ValueError, ChapterError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
