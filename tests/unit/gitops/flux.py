"""Flux' side: the expressions of a Kustomization's `healthCheckExprs`, in the order in which Flux asks them.

Source: fluxcd/pkg, runtime/cel/status_evaluator.go (RFC 0009). They run in cel-python, where Flux has cel-go: both
follow the language's specification, and the expressions use its core only.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import celpy
import yaml
from celpy.adapter import json_to_cel

from unit.gitops.kstatus import CURRENT, FAILED, IN_PROGRESS, generation_is_old

EXAMPLE = Path(__file__).parents[3] / "deploy" / "gitops" / "flux" / "training.yaml"
_ORDER = (("inProgress", IN_PROGRESS), ("failed", FAILED), ("current", CURRENT))


@cache
def kustomizations() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(EXAMPLE.read_text()))


@cache
def _programs(kind: str) -> list[tuple[str, celpy.Runner]]:
    checks = kustomizations()[0]["spec"]["healthCheckExprs"]
    check = next(check for check in checks if (check["apiVersion"], check["kind"]) == ("seed.dev/v1alpha1", kind))
    environment = celpy.Environment()
    return [(status, environment.program(environment.compile(check[name]))) for name, status in _ORDER]


def status(manifest: Mapping[str, Any]) -> str:
    if generation_is_old(manifest):
        return IN_PROGRESS
    activation: Any = {field: json_to_cel(value) for field, value in manifest.items()}
    for answer, program in _programs(manifest["kind"]):
        if program.evaluate(activation):
            return answer
    return IN_PROGRESS
