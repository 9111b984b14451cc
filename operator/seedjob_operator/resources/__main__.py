"""Prints what is generated from the models: `python -m seedjob_operator.resources seedjobs > crds/seedjobs.yaml`."""

from __future__ import annotations

import sys
from typing import Final

from seedjob_operator.resources.crd import RESOURCES, crd_yaml
from seedjob_operator.resources.reference import reference

_BY_PLURAL: Final = {resource.plural: resource for resource in RESOURCES}


def main(arguments: list[str]) -> int:
    """Print the CRD of the resource that the one argument names, or the reference; 2 if it names neither."""
    match arguments:
        case [plural] if plural in _BY_PLURAL:
            sys.stdout.write(crd_yaml(_BY_PLURAL[plural]))
            return 0
        case ["reference"]:
            sys.stdout.write(reference())
            return 0
        case _:
            sys.stderr.write(f"name one: {', '.join(_BY_PLURAL)} or reference\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
