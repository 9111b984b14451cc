"""Each reason that a user can come to see: reached, told by `kubectl describe`, left behind without a restart.

One operator serves all of it. What a Seed server does to everybody is done to servers that only one story uses.
"""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.operator.conftest import end, settings_for
from integration.processes import (
    TOKEN,
    Cluster,
    Operator,
    Platform,
    config_map,
    connection,
    secret,
    seedjob,
    side_by_side,
    wait_for,
)

REASONS = {
    "SpecRejected": "Change spec.job",
    "Unauthorized": "Put a valid credential into",
    "Forbidden": "Use a credential that may",
    "NamespaceNotFound": "check it",
    "NameTaken": "choose another spec.jobName",
    "SecretNotFound": "create it",
    "SecretKeyMissing": "add the key",
    "ConfigMapNotFound": "create it",
    "ConnectionNotFound": "create it, or name another, together with a new runId",
    "ConnectionNotReady": "put nothing but the token into it",
    "EndpointNotAllowed": "name a connection to a listed one, together with a new runId",
    "DefaultConnectionNotAllowed": "set spec.connectionRef, together with a new runId",
    "RateLimited": "a larger plan allows more",
    "PlatformUnavailable": "Nothing needs to be done",
    "CostLimitExceeded": "raise it and set a new runId",
    "DeadlineExceeded": "Raise spec.job.timeoutMinutes and set a new runId",
    "ConnectionChanged": "Put the old ones back",
    "RemoteDeleted": "Look whether its work was done; if not, set a new runId",
    "DeletionBlocked": "seed.dev/force-orphan=true",
    "UnknownRemoteStatus": "Upgrade the operator",
    "Suspended": "set it to false",
    "CancelledByUser": "set cancel to false, and runId to a new value",
    "CancelledRemotely": "Set a new runId",
}
"""Each reason, and what its sentence tells the user to do."""
PATIENCE = 120.0


class World:
    """Two Kubernetes namespaces, of which one may use the default connection, three Seed servers, and one operator."""

    def __init__(self, control_plane: Any, folder: Path) -> None:
        self._control_plane, self._folder = control_plane, folder
        self.home, self.outside = self._namespace("home"), self._namespace("outside")
        flags = ("--time-scale", "20")
        namespaces = ("acme", "beta")
        self.platform, self.troubled, self.forgetful = (
            Platform(folder / name, flags=flags, namespaces=namespaces).start()
            for name in ("platform", "troubled", "forgetful")
        )
        settings = settings_for(self.home, self.platform) | {
            "WATCH_NAMESPACES": f"{self.home.namespace},{self.outside.namespace}",
            "SEED_DEFAULT_NAMESPACES": self.home.namespace,
            "SEED_ALLOWED_ENDPOINTS": f"{self.troubled.url},{self.forgetful.url}",
        }
        self.operator = Operator(folder, control_plane.kubeconfig, **settings)
        self.seen: set[str] = set()

    def _namespace(self, name: str) -> Cluster:
        namespace = f"{name}-{uuid.uuid4().hex[:10]}"
        self._control_plane.run_kubectl("create", "namespace", namespace, check=True)
        return Cluster(self._control_plane.kubectl, self._control_plane.kubeconfig, namespace)

    def start(self) -> "World":
        """Start the operator, and give the home namespace a way to each server."""
        self.operator.start().wait_until_ready()
        self.home.apply(
            secret("seed", token=TOKEN),
            connection("troubled", self.troubled.url),
            connection("forgetful", self.forgetful.url),
        )
        return self

    def stop(self) -> None:
        """Stop all of it."""
        self.operator.process.kill()
        for platform in (self.platform, self.troubled, self.forgetful):
            end(platform)

    def shows(self, name: str, kind: str, reason: str, *, where: Cluster | None = None) -> dict[str, Any]:
        """Wait until a condition of a SeedJob has a reason, and see it as a user does."""
        cluster = where or self.home
        condition = cluster.wait_for_reason(name, kind, reason, seconds=PATIENCE)
        assert condition["message"].rstrip().endswith((".", "true")), condition
        assert REASONS[reason] in condition["message"], condition
        wait_for(f"kubectl describe shows {reason}", lambda: reason in cluster.run("describe", "sj", name))
        self.seen.add(reason)
        return condition

    def ends(self, name: str, *, where: Cluster | None = None) -> dict[str, Any]:
        """Wait until a SeedJob succeeds: what held or ended it before is over."""
        status = (where or self.home).wait_for_phase(name, "Succeeded", seconds=PATIENCE)
        conditions = {one["type"]: one for one in status["conditions"]}
        assert (conditions["Ready"]["status"], conditions["Synced"]["status"]) == ("True", "True")
        return status

    def runs_again(self, name: str) -> None:
        """Run what ended badly anew, as something that ends well."""
        job = (self.home.seedjob(name) or {})["spec"]["job"] | {"command": "true"}
        self.home.change(name, runId="again", job=job, cancel=False, suspend=False, costLimit=None)
        self.ends(name)


@pytest.fixture
def world(control_plane: Any, tmp_path: Path) -> Iterator[World]:
    """All of it, running."""
    made = World(control_plane, tmp_path).start()
    yield made
    made.stop()


def stories_of_manifests(world: World) -> tuple[Callable[[], None], ...]:
    """Give what an edit, or an object beside the manifest, puts right."""
    home, outside = world.home, world.outside

    def a_spec_that_is_refused() -> None:
        home.apply(seedjob("huge", "true", job={"nodes": 64, "gpu": {"type": "L4", "count": 8}}))
        world.shows("huge", "Ready", "SpecRejected")
        assert home.condition("huge", "Stalled")["status"] == "True"
        home.change("huge", job={"nodes": 1})
        assert world.ends("huge")["attempt"] == 1

    def a_name_that_is_taken() -> None:
        home.apply(seedjob("first", "sleep 300", jobName="nightly"))
        home.wait_for_phase("first", "Running", seconds=PATIENCE)
        home.apply(seedjob("second", "true", jobName="nightly"))
        world.shows("second", "Ready", "NameTaken")
        home.delete("first")
        home.wait_until_gone("first", seconds=PATIENCE)
        home.annotate("second", reconcile_at="now")  # the name's freedom is looked at now and then, too
        world.ends("second")

    def an_environment_that_is_incomplete() -> None:
        env = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "wanted"}}}]
        sources = [{"configMapRef": {"name": "defaults"}}]
        home.apply(seedjob("bare", 'test "$KEY" = v', job={"env": env, "envFrom": sources}))
        world.shows("bare", "Ready", "ConfigMapNotFound")
        home.apply(config_map("defaults", a="b"))
        world.shows("bare", "Ready", "SecretNotFound")
        home.apply(secret("keys", other="x"))
        world.shows("bare", "Ready", "SecretKeyMissing")
        home.apply(secret("keys", wanted="v"))
        world.ends("bare")

    def a_connection_that_cannot_be_used_yet() -> None:
        home.apply(seedjob("lost", "true", connectionRef={"name": "late"}))
        world.shows("lost", "Ready", "ConnectionNotFound")
        home.apply(secret("odd", token="two\nlines"))
        home.apply(connection("late", world.platform.url, secret_name="odd"))
        world.shows("lost", "Ready", "ConnectionNotReady")
        home.apply(secret("odd", token=TOKEN))
        world.ends("lost")

    def an_endpoint_that_is_not_allowed() -> None:
        home.apply(
            connection("stray", "https://stray.example"), seedjob("stray", "true", connectionRef={"name": "stray"})
        )
        world.shows("stray", "Ready", "EndpointNotAllowed")
        home.change("stray", connectionRef={"name": "troubled"}, runId="2")
        world.ends("stray")

    def a_namespace_without_the_default_connection() -> None:
        outside.apply(seedjob("guest", "true"))
        world.shows("guest", "Ready", "DefaultConnectionNotAllowed", where=outside)
        outside.apply(secret("seed", token=TOKEN), connection("own", world.platform.url))
        outside.change("guest", connectionRef={"name": "own"}, runId="2")
        world.ends("guest", where=outside)

    def a_token_that_is_wrong() -> None:
        home.apply(secret("rotated", token="wrong"), connection("rotated", world.platform.url, secret_name="rotated"))
        home.apply(seedjob("locked-out", "true", connectionRef={"name": "rotated"}))
        assert world.shows("locked-out", "Synced", "Unauthorized")["status"] == "False"
        home.apply(secret("rotated", token=TOKEN))
        world.ends("locked-out")

    return (
        a_spec_that_is_refused,
        a_name_that_is_taken,
        an_environment_that_is_incomplete,
        a_connection_that_cannot_be_used_yet,
        an_endpoint_that_is_not_allowed,
        a_namespace_without_the_default_connection,
        a_token_that_is_wrong,
    )


def stories_of_ends(world: World) -> tuple[Callable[[], None], ...]:
    """Give the ends and holds that only a verb leaves."""
    home = world.home

    def too_dear() -> None:
        home.apply(seedjob("dear", "sleep 300", costLimit="0.01", job={"gpu": {"type": "H100-80GB", "count": 8}}))
        world.shows("dear", "Failed", "CostLimitExceeded")
        world.runs_again("dear")

    def too_long() -> None:
        home.apply(seedjob("long", "sleep 300", job={"timeoutMinutes": 1}))
        world.shows("long", "Failed", "DeadlineExceeded")
        assert home.status("long")["phase"] == "TimedOut"
        world.runs_again("long")

    def cancelled_by_its_user() -> None:
        home.apply(seedjob("unwanted", "sleep 300", cancel=True))
        world.shows("unwanted", "Failed", "CancelledByUser")
        world.runs_again("unwanted")

    def cancelled_in_the_console() -> None:
        home.apply(seedjob("behind", "sleep 300"))
        world.platform.cancel(home.wait_for_phase("behind", "Running", seconds=PATIENCE)["jobName"])
        world.shows("behind", "Failed", "CancelledRemotely")
        world.runs_again("behind")

    def suspended() -> None:
        home.apply(seedjob("held", "true", suspend=True))
        world.shows("held", "Ready", "Suspended")
        home.change("held", suspend=False)
        world.ends("held")

    def moved_elsewhere() -> None:
        here = {"connectionRef": {"name": "moving"}}
        home.apply(connection("moving", world.platform.url), seedjob("bound", "sleep 300", **here))
        home.wait_for_phase("bound", "Running", seconds=PATIENCE)
        replace_connection(home, "moving", world.platform.url, namespace="beta")
        world.shows("bound", "Attention", "ConnectionChanged")
        replace_connection(home, "moving", world.platform.url)
        home.wait_for_reason("bound", "Attention", "CarriedOut", seconds=PATIENCE)
        home.change("bound", cancel=True)
        home.wait_for_phase("bound", "Cancelled", seconds=PATIENCE)

    def forgotten_by_the_platform() -> None:
        manifest = seedjob("gone", "sleep 60", jobName="gone", connectionRef={"name": "forgetful"})
        home.apply(manifest)
        home.wait_for_phase("gone", "Running", seconds=PATIENCE)
        world.forgetful.lose_all_records()
        world.forgetful.create("gone")  # a name is unique: who else has it now tells at once that ours is no more
        world.shows("gone", "Failed", "RemoteDeleted")
        assert len(world.forgetful.ledger()) == 1
        world.runs_again("gone")

    return (
        too_dear,
        too_long,
        cancelled_by_its_user,
        cancelled_in_the_console,
        suspended,
        moved_elsewhere,
        forgotten_by_the_platform,
    )


def replace_connection(cluster: Cluster, name: str, endpoint: str, **spec: str) -> None:
    """Force a SeedConnection away that is in use, and make another one under its name."""
    cluster.run("delete", "seedconnection", name, "--wait=false")
    while (cluster.get("seedconnections", name) or {}).get("metadata", {}).get("deletionTimestamp"):
        cluster.run(
            "patch", "seedconnection", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}', check=False
        )
    cluster.apply(connection(name, endpoint, **spec))


def troubles_of_one_platform(world: World) -> None:
    """One thing after the other goes wrong with one platform; another one's jobs are not concerned."""
    home, platform = world.home, world.troubled
    troubled = {"connectionRef": {"name": "troubled"}}

    def held(name: str, reason: str, synced: str) -> None:
        home.apply(seedjob(name, "true", **troubled))
        assert world.shows(name, "Synced", reason)["status"] == synced
        platform.heal()
        world.ends(name)

    home.apply(seedjob("steady", "sleep 300", **troubled))
    before = home.wait_for_phase("steady", "Running", seconds=PATIENCE)
    platform.fail("create", 403)
    held("no-rights", "Forbidden", "False")
    platform.fail("create", 429)
    held("too-many", "RateLimited", "False")
    platform.fail("any", 503)
    held("away", "PlatformUnavailable", "Unknown")
    platform.fail("list", 404)
    held("nowhere", "NamespaceNotFound", "False")
    assert home.status("steady")["jobId"] == before["jobId"]
    platform.control("POST", "/faults", operation="any", kind="unknown_status", count=None)
    world.shows("steady", "Ready", "UnknownRemoteStatus")
    assert home.status("steady")["phase"] == "Unknown"
    platform.heal()
    home.wait_for_phase("steady", "Running", seconds=PATIENCE)
    platform.fail("cancel", 500)
    home.delete("steady")
    world.shows("steady", "Ready", "DeletionBlocked")
    platform.heal()
    home.wait_until_gone("steady", seconds=PATIENCE)
    assert len(platform.ledger()) >= 5


def no_trouble_at_all(world: World) -> None:
    """What all the others lack: a job runs on, and its analytics are shown from its first half minute on."""
    world.home.apply(seedjob("calm", "sleep 300"))
    shown = wait_for("analytics while it runs", lambda: world.home.status("calm").get("analytics"), seconds=PATIENCE)
    assert {"memoryUsedGBMax", "runtimeSeconds"} <= shown.keys()
    assert world.home.status("calm")["phase"] == "Running"


@pytest.mark.timeout(400)
def test_each_reason_is_reached_shown_and_left_behind(world: World) -> None:
    """What bad input gets: the whole list, and no word of it that isn't shown."""
    alone = (lambda: troubles_of_one_platform(world), lambda: no_trouble_at_all(world))
    side_by_side(*stories_of_ends(world), *stories_of_manifests(world), *alone)
    assert world.seen == REASONS.keys()
    assert TOKEN not in world.operator.process.output
