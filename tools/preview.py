"""Show the book in a browser, and each edit once it is saved.  Run by `make serve`.

sphinx-autobuild forks a process for each edit.  The first build runs before that, so a fork finds
everything imported, and runs the chapter and Sphinx in itself.
"""

import sys
from pathlib import Path

import run_chapters
from sphinx.cmd.build import main as sphinx_build
from sphinx_autobuild import __main__ as autobuild

CHAPTERS = run_chapters.ROOT / "chapters"


class Builder(autobuild.Builder):
    """Bring the notebooks of what was edited up to date, and the pages."""

    def __call__(self, *, changed_paths):
        paths = [Path(path) for path in changed_paths]
        prose = all(path.parent == CHAPTERS and path.is_file() for path in paths)
        edited = sorted({path.stem for path in paths}) if prose else []
        if run_chapters.main(edited) == 0 and sphinx_build(self.sphinx_args) == 0:
            print(f"The book: {self.uri}", flush=True)


if __name__ == "__main__":
    autobuild.Builder = Builder
    autobuild.main(sys.argv[1:])
