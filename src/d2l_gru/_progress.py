"""A progress bar where somebody is looking, and nothing elsewhere."""

import sys


def is_live_notebook():
    """Whether this is a notebook with a person in front of it.

    A notebook that a program executes has no one to type into it, and its kernel is told so.
    """
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    return bool(getattr(kernel, "_allow_stdin", False))


def progress(iterable, **options):
    """Wrap `iterable` in a tqdm bar that vanishes at the end, where somebody looks."""
    if not (is_live_notebook() or sys.stderr.isatty()):
        return iterable
    from tqdm.auto import tqdm

    return tqdm(iterable, leave=False, **options)
