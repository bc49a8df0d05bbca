"""Show the book in a browser, and each edit once it is saved.  Run by `make serve`.

The first build imports all that a build needs.  Then a process forked from this one sets Sphinx up
and waits; an edit finds it ready, and after it comes the next.
"""

import asyncio
import contextlib
import gc
import multiprocessing
import signal
import sys
from pathlib import Path

import run_chapters
import watchfiles
from sphinx.application import Sphinx
from sphinx.cmd.build import get_parser
from sphinx.cmd.build import main as sphinx_build
from sphinx.util.docutils import docutils_namespace, patch_docutils
from sphinx_autobuild import __main__ as autobuild

CHAPTERS = run_chapters.ROOT / "chapters"
FORK = multiprocessing.get_context("fork")


def are_chapters(paths):
    return all(Path(path).parent == CHAPTERS and Path(path).is_file() for path in paths)


class Builder(autobuild.Builder):
    """Bring the notebooks of what was edited up to date, and the pages."""

    def __call__(self, *, changed_paths, app=None):
        edited = {Path(path).stem for path in changed_paths if are_chapters(changed_paths)}
        if run_chapters.main(sorted(edited)) == 0 and self.render(app) == 0:
            print(f"The book: {self.uri}", flush=True)

    def render(self, app):
        """Render what is stale with Sphinx as it was set up, or else anew; return the status."""
        if app is None:
            return sphinx_build(self.sphinx_args)
        try:
            app.build()
        except Exception as error:
            print(error, file=sys.stderr, flush=True)
            return 2
        return app.statuscode


@contextlib.contextmanager
def set_up(arguments):
    """Set Sphinx up; give None where it cannot be, for the build that follows will say why."""
    given = get_parser().parse_args(arguments)
    folders = [given.sourcedir, given.confdir, given.outputdir, Path(given.outputdir, ".doctrees")]
    with patch_docutils(given.confdir), docutils_namespace():
        app = None
        with contextlib.suppress(Exception, SystemExit):
            app = Sphinx(*folders, "html", {"nitpicky": given.nitpicky}, status=None)
        yield app


def build_once(builder, edits, other_end):
    """Build what is edited next."""
    other_end.close()  # else the end of the preview would not be heard
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    gc.disable()  # the process ends after it
    with contextlib.ExitStack() as stack, contextlib.suppress(EOFError):  # the preview has ended
        app = stack.enter_context(set_up(builder.sphinx_args))
        paths = edits.recv()
        if not are_chapters(paths):  # Sphinx may have been set up with what was edited
            app = stack.close()
        builder(changed_paths=paths, app=app)


class Server(autobuild.RebuildServer):
    """Give each edit to the process that is ready for it."""

    async def watch(self):
        gc.freeze()
        send = self.make_ready()
        async for changes in watchfiles.awatch(
            *self.paths, watch_filter=lambda _, path: not self.ignore(path)
        ):
            await send([path for _, path in changes])
            self.flag.set()
            send = self.make_ready()

    def make_ready(self):
        """Return a function that has a new process build what was edited."""
        ours, its = multiprocessing.Pipe()
        arguments = [self.change_callback, its, ours]
        process = FORK.Process(target=build_once, args=arguments, daemon=True)
        process.start()
        its.close()

        async def send(paths):
            ours.send(paths)
            await asyncio.to_thread(process.join)

        return send


if __name__ == "__main__":
    autobuild.Builder, autobuild.RebuildServer = Builder, Server
    autobuild.main(sys.argv[1:])
