"""The files of `deploy/gitops/`: complete, equal to what they are made from, and safe to apply."""

import subprocess
import sys

import yaml

from unit.gitops import flux
from unit.gitops.argocd import ACTIONS, SCRIPTS

ARGO_CD = SCRIPTS.parent


def test_the_config_map_is_what_its_script_renders() -> None:
    """It is the only form in which Argo CD can be given the scripts."""
    rendered = subprocess.run(
        [sys.executable, str(ARGO_CD / "render.py")], check=True, capture_output=True, text=True
    ).stdout
    assert (ARGO_CD / "argocd-cm.yaml").read_text() == rendered, "run `make docs`"


def test_the_config_map_has_the_scripts_where_argo_cd_looks() -> None:
    data = yaml.safe_load((ARGO_CD / "argocd-cm.yaml").read_text())["data"]
    for kind in ("SeedJob", "SeedConnection"):
        assert data[f"resource.customizations.health.seed.dev_{kind}"] == (SCRIPTS / kind / "health.lua").read_text()
    actions = yaml.safe_load(data["resource.customizations.actions.seed.dev_SeedJob"])
    folder = SCRIPTS / "SeedJob" / "actions"
    assert actions["discovery.lua"] == (folder / "discovery.lua").read_text()
    told = {action["name"]: action["action.lua"] for action in actions["definitions"]}
    assert told == {name: (folder / name / "action.lua").read_text() for name in ACTIONS}


def test_flux_is_not_told_to_recreate() -> None:
    """With `force`, Flux answers a change that the schema refuses by deleting the SeedJob and running it again."""
    assert not any(document["spec"].get("force") for document in flux.kustomizations())


def test_flux_evaluates_after_what_it_waits_for() -> None:
    training, evaluation = flux.kustomizations()
    assert training["spec"]["wait"]
    assert evaluation["spec"]["dependsOn"] == [{"name": training["metadata"]["name"]}]
