"""Prints a resource's CRD: `python -m seedjob_operator.resources seedjobs > crds/seedjobs.yaml`."""

from __future__ import annotations

import sys
from typing import Final

from seedjob_operator.resources.crd import RESOURCES, crd_yaml

_BY_PLURAL: Final = {resource.plural: resource for resource in RESOURCES}


def main(arguments: list[str]) -> int:
    """Print the CRD of the resource that the one argument names; 2 if it names none."""
    match arguments:
        case [plural] if plural in _BY_PLURAL:
            sys.stdout.write(crd_yaml(_BY_PLURAL[plural]))
            return 0
        case _:
            sys.stderr.write(f"name one resource: {' or '.join(_BY_PLURAL)}\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
