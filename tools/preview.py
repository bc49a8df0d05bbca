"""Show the book in a browser, and each edit once it is saved.  Run by `make serve`.

The first build happens in this process, which from then on has imported all that a build needs;
each edit is built in a process forked from it.
"""

import sys
from pathlib import Path

from sphinx.cmd.build import main as sphinx_build
from sphinx_autobuild import __main__ as autobuild

from tools import run


class Builder(autobuild.Builder):
    """Bring the notebooks of what was edited up to date, and the pages."""

    def __call__(self, *, changed_paths):
        edited = {Path(path).stem for path in changed_paths}
        if not all(Path(path).is_file() and "chapters" in path.parts for path in changed_paths):
            edited = ()  # all are looked at
        # A page that cannot be brought up to date is shown as it was, at the start.
        ran = run.main(sorted(edited)) == 0 or not changed_paths
        if ran and sphinx_build(self.sphinx_args) == 0:
            print(f"The book: {self.uri}", flush=True)


if __name__ == "__main__":
    autobuild.Builder = Builder
    autobuild.main(sys.argv[1:])
