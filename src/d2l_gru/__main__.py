"""The command line: ``python -m d2l_gru``."""

import argparse
import os
import signal
import sys

from d2l_gru.cluster import launch
from d2l_gru.install import doctor
from d2l_gru.runs import cli


def main(arguments=None):
    """Run one command; return its exit status."""
    try:
        try:
            return _run(arguments)
        finally:
            if sys.stdout is not None:  # None where the shell closed it with >&-
                sys.stdout.flush()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # as from `| head`: discard the rest of the output
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 128 + signal.SIGPIPE


def _run(arguments):
    parser = argparse.ArgumentParser(prog="python -m d2l_gru", description="Train GRUs.")
    subparsers = parser.add_subparsers(required=True, metavar="command")
    doctor.add_parser(subparsers)
    launch.add_parser(subparsers, cli.add_train_parser(subparsers))
    cli.add_sample_parser(subparsers)
    options = parser.parse_args(arguments)
    return options.run(options)


if __name__ == "__main__":
    sys.exit(main())
