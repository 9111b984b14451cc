"""kstatus' published algorithm, for a kind that it has no rules of its own for.

Source: kubernetes-sigs/cli-utils, pkg/kstatus (README, "The Ready condition", "Standard conditions", and generic.go).
"""

from collections.abc import Mapping
from typing import Any

IN_PROGRESS, CURRENT, FAILED, TERMINATING = "InProgress", "Current", "Failed", "Terminating"


def status(manifest: Mapping[str, Any]) -> str:
    if manifest["metadata"].get("deletionTimestamp"):
        return TERMINATING
    if generation_is_old(manifest):
        return IN_PROGRESS
    conditions = manifest.get("status", {}).get("conditions", [])
    for condition in conditions:
        if (condition["type"], condition["status"]) == ("Reconciling", "True"):
            return IN_PROGRESS
        if (condition["type"], condition["status"]) == ("Stalled", "True"):
            return FAILED
    ready = [condition["status"] for condition in conditions if condition["type"] == "Ready"]
    return CURRENT if ready in ([], ["True"]) else IN_PROGRESS


def generation_is_old(manifest: Mapping[str, Any]) -> bool:
    """Whether the status says that it is about an older spec; one that says nothing isn't."""
    generation = manifest["metadata"].get("generation")
    observed = manifest.get("status", {}).get("observedGeneration")
    return generation is not None and observed is not None and observed != generation
