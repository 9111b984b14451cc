"""Deleted and there again: from git it is a new SeedJob, from a backup it is the old one. Counted in the platform's ledger."""

import json
from collections import Counter
from typing import Any

import pytest

from integration.operator.conftest import Stage
from integration.processes import Cluster, Operator, Platform, seedjob, side_by_side, wait_for

INTENT = "seed.dev/intent"
COMMANDS = {"finished": "true", "running": "sleep 300"}
PHASES = {"finished": "Succeeded", "running": "Running"}


def creates(platform: Platform, name: str) -> int:
    """Count the remote jobs that were ever made for a SeedJob, by its generated name."""
    return sum(row["name"].startswith(f"{name}-") for row in platform.ledger())


def backup_of(body: dict[str, Any], **metadata: str) -> dict[str, Any]:
    """Give what a backup puts back: the spec, labels and annotations; the status and the UID are made anew."""
    kept = {"name": body["metadata"]["name"], "annotations": dict(body["metadata"]["annotations"])}
    return {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": kept | metadata, "spec": body["spec"]}


def is_secured(cluster: Cluster, name: str) -> bool:
    """Tell whether an object has the finalizer and the intent of its job."""
    metadata = (cluster.seedjob(name) or {})["metadata"]
    return bool(metadata.get("finalizers")) and INTENT in metadata.get("annotations", {})


def lose(cluster: Cluster, *names: str) -> None:
    """Have objects vanish without an operator that could see it, as a lost cluster does."""
    for name in names:
        cluster.run("patch", "sj", name, "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
    cluster.delete(*names)
    for name in names:
        cluster.wait_until_gone(name)


@pytest.mark.timeout(240)
def test_deleted_and_applied_again_from_git(stage: Stage) -> None:
    """As Argo CD does with `Replace` and Flux with `force`: nothing in the new object tells of the old one, so it runs."""
    cluster, platform = stage.cluster, stage.platform

    def again(name: str) -> None:
        manifest = seedjob(name, COMMANDS[name])
        cluster.apply(manifest)
        first = cluster.wait_for_phase(name, PHASES[name], seconds=90)
        cluster.apply(manifest)  # a sync that changes nothing
        cluster.run("replace", "-f", "-", text=json.dumps(manifest))  # one that takes away what isn't in git
        wait_for(f"{name} is held again", lambda: is_secured(cluster, name), seconds=90, every=0.5)
        assert (cluster.status(name)["phase"], creates(platform, name)) == (PHASES[name], 1)
        cluster.delete(name)
        cluster.wait_until_gone(name, seconds=90)
        cluster.apply(manifest)
        second = cluster.wait_for_phase(name, PHASES[name], seconds=90)
        assert (second["attempt"], creates(platform, name)) == (1, 2)
        assert second["jobId"] != first["jobId"]
        assert platform.job(first["jobName"]) is None

    side_by_side(lambda: again("finished"), lambda: again("running"))


@pytest.mark.timeout(240)
def test_restored_from_a_backup(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """The intent comes back with the object: it takes over what it names, and nothing is submitted; copies are new."""
    cluster.apply(*(seedjob(name, command) for name, command in COMMANDS.items()))
    before = {name: cluster.wait_for_phase(name, PHASES[name]) for name in COMMANDS}
    bodies = [body for name in COMMANDS if (body := cluster.seedjob(name))]
    operator.process.kill()
    lose(cluster, *COMMANDS)
    copies = [backup_of(body, name=f"copy-of-{body['metadata']['name']}") for body in bodies]
    cluster.apply(*map(backup_of, bodies), *copies)
    operator.crash_and_return()
    for name, phase in PHASES.items():
        restored = cluster.wait_for_phase(name, phase, seconds=90)
        assert (restored["jobId"], restored["jobName"]) == (before[name]["jobId"], before[name]["jobName"])
        cluster.wait_for_phase(f"copy-of-{name}", phase, seconds=90)
        assert "IntentDropped" in cluster.events(f"copy-of-{name}")
    assert {name: creates(platform, name) for name in COMMANDS} == {"finished": 1, "running": 1}
    assert {name: creates(platform, f"copy-of-{name}") for name in COMMANDS} == {"finished": 1, "running": 1}
    cluster.delete("running")
    cluster.wait_until_gone("running", seconds=90)
    assert platform.job(before["running"]["jobName"]) is None


@pytest.mark.timeout(240)
def test_a_forged_intent_gets_nothing(stage: Stage) -> None:
    """Users can write annotations: an intent that names somebody else's job neither reads, nor ends, nor removes it."""
    cluster, platform = stage.cluster, stage.platform
    cluster.apply(seedjob("victim", "sleep 300"), seedjob("prized", "sleep 300", jobName="prized-job"))
    victim, prized = (cluster.wait_for_phase(name, "Running", seconds=90) for name in ("victim", "prized"))
    of_victim, of_prized = (json.loads(_intent(cluster, name)) for name in ("victim", "prized"))

    def forge(name: str, intent: dict[str, Any], **spec: Any) -> None:
        """Apply a SeedJob that says the victim's job is its own, and has all of its jobs removed with it."""
        annotations = {"annotations": {INTENT: json.dumps(intent)}}
        cluster.apply(seedjob(name, "sleep 300", metadata=annotations, deletionPolicy="Delete", **spec))

    def is_told(name: str) -> None:
        wait_for(f"{name} lost its intent", lambda: "IntentDropped" in cluster.events(name), seconds=90, every=0.5)

    def as_it_is() -> None:
        forge("thief-1", of_victim)
        is_told("thief-1")
        assert cluster.wait_for_phase("thief-1", "Running", seconds=90)["jobId"] != victim["jobId"]

    def in_its_own_name() -> None:
        forge("thief-2", of_victim | {"name": "thief-2"})
        is_told("thief-2")
        assert cluster.wait_for_phase("thief-2", "Running", seconds=90)["jobId"] != victim["jobId"]

    def by_a_chosen_name() -> None:
        forge("thief-3", of_prized | {"name": "thief-3"}, jobName="prized-job", adoptionPolicy="IfMatching")
        cluster.wait_for_reason("thief-3", "Ready", "NameTaken", seconds=90)
        is_told("thief-3")

    side_by_side(as_it_is, in_its_own_name, by_a_chosen_name)
    thieves = ("thief-1", "thief-2", "thief-3")
    cluster.delete(*thieves)
    for name in thieves:
        cluster.wait_until_gone(name, seconds=90)
    for status in (victim, prized):
        remote = platform.job(status["jobName"])
        assert remote is not None
        assert (remote["id"], remote["status"]) == (status["jobId"], "running")
    assert Counter(row["name"] for row in platform.ledger())[victim["jobName"]] == 1


@pytest.mark.timeout(240)
def test_a_wiped_status_starts_no_new_run(cluster: Cluster, platform: Platform, operator: Operator) -> None:
    """Emptied by hand while no operator looked, and the remote record is gone as well: the run was there all the same."""
    cluster.apply(seedjob("wiped", "true"), seedjob("fresh", "true", suspend=True))
    name = cluster.wait_for_phase("wiped", "Succeeded")["jobName"]
    operator.process.kill()
    cluster.run("patch", "sj", "wiped", "--subresource=status", "--type=merge", "-p", '{"status": null}')
    platform.delete(name)
    operator.crash_and_return()
    wait_for("it is noted", lambda: "statusWiped" in _intent(cluster, "wiped"), seconds=120, every=0.5)
    cluster.change("fresh", suspend=False)
    cluster.wait_for_phase("fresh", "Succeeded", seconds=90)
    assert creates(platform, "wiped") == 1
    assert cluster.status("wiped").get("phase") != "Queued"


def _intent(cluster: Cluster, name: str) -> str:
    return str((cluster.seedjob(name) or {})["metadata"]["annotations"][INTENT])
