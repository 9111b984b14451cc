"""Starts the local Seed server: `python -m seedjob_operator.seedserver`."""

import argparse
import sys

from seedjob_operator.seedserver import command, flags

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="seed-server")
    flags.add_arguments(parser)
    sys.exit(command.run(parser.parse_args()))
