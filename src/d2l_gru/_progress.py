"""A progress bar in a terminal or a live notebook, and nothing elsewhere."""

import sys


def is_live_notebook():
    """Whether this is a notebook with a person in front of it.

    A program that executes a notebook disallows input, and the kernel records that.
    """
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    return bool(getattr(kernel, "_allow_stdin", False))


def progress(iterable, **options):
    """Wrap `iterable`, in a terminal or a live notebook, in a tqdm bar that vanishes at the end."""
    if not (is_live_notebook() or sys.stderr.isatty()):
        return iterable
    from tqdm.auto import tqdm

    return tqdm(iterable, leave=False, **options)
