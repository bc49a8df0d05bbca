"""The command line: ``python -m d2l_gru``."""

import argparse
import sys

from d2l_gru import commands, doctor, export, launch


def main(arguments=None):
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m d2l_gru", description="Train GRUs.")
    subparsers = parser.add_subparsers(required=True, metavar="command")
    doctor.add_parser(subparsers)
    launch.add_parser(subparsers, commands.add_train_parser(subparsers))
    commands.add_sample_parser(subparsers)
    export.add_parser(subparsers)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
