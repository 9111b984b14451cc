"""Prints `argocd-cm.yaml`: the scripts beside this file in the one form in which Argo CD can be given them."""

import sys
from pathlib import Path
from typing import Any

import yaml

SCRIPTS = Path(__file__).parent / "seed.dev"
ACTIONS = ("cancel", "suspend", "resume", "rerun")
HEADER = """\
# What Argo CD has to know of SeedJob and SeedConnection, as a patch of its ConfigMap:
#
#   kubectl patch configmap argocd-cm -n argocd --type merge --patch-file deploy/gitops/argocd/argocd-cm.yaml
#
# Generated from the scripts in seed.dev/ by `make docs`: change those, not this file.
"""


class _LiteralDumper(yaml.SafeDumper):
    """Scripts as blocks, readable in the ConfigMap."""

    def represent_text(self, text: str) -> yaml.Node:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 -- PyYAML's signature
        super().increase_indent(flow, indentless=False)


_LiteralDumper.add_representer(str, _LiteralDumper.represent_text)


def _yaml(value: object) -> str:
    return yaml.dump(value, Dumper=_LiteralDumper, sort_keys=False, width=200)


def _actions(folder: Path) -> dict[str, Any]:
    return {
        "discovery.lua": (folder / "discovery.lua").read_text(),
        "definitions": [{"name": name, "action.lua": (folder / name / "action.lua").read_text()} for name in ACTIONS],
    }


def config_map() -> str:
    """Give the text of `argocd-cm.yaml`."""
    data = {
        "resource.customizations.health.seed.dev_SeedJob": (SCRIPTS / "SeedJob" / "health.lua").read_text(),
        "resource.customizations.actions.seed.dev_SeedJob": _yaml(_actions(SCRIPTS / "SeedJob" / "actions")),
        "resource.customizations.health.seed.dev_SeedConnection": (
            SCRIPTS / "SeedConnection" / "health.lua"
        ).read_text(),
    }
    return HEADER + _yaml({"data": data})


if __name__ == "__main__":
    sys.stdout.write(config_map())
