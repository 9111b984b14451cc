"""Whatever a user can get wrong ends in one clear sentence where they look, and heals by itself once it is put right."""

import json
import math
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from integration.operator.conftest import Stage
from integration.processes import (
    COMMAND,
    TOKEN,
    Cluster,
    Operator,
    Platform,
    config_map,
    connection,
    own_port,
    secret,
    seedjob,
    wait_for,
)


class TestCredentials:
    def test_a_wrong_token(self, cluster: Cluster, platform: Platform, operators, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]  # a fixture that is a function
        """No crash, no hot loop, and the right token takes effect without a restart."""
        token = tmp_path / "token"
        token.write_text("wrong\n")
        operator: Operator = operators(platform, SEED_API_TOKEN="", SEED_API_TOKEN_FILE=str(token))
        cluster.apply(seedjob("refused", "true"))

        synced = cluster.wait_for_reason("refused", "Synced", "Unauthorized")

        assert synced["status"] == "False"
        assert cluster.status("refused")["phase"] == "Pending"
        wait_for("it says why it isn't ready", lambda: "credential" in operator.ask("/readyz")[1])
        assert operator.ask("/readyz")[0] == 503
        began, sent = time.monotonic(), operator.metric("seedjob_remote_requests_total")
        time.sleep(6)  # that little is sent can only be seen by waiting
        more = operator.metric("seedjob_remote_requests_total") - sent
        assert more <= time.monotonic() - began, "ever less often, and not twice a second"
        token.write_text(f"{TOKEN}\n")
        cluster.wait_for_phase("refused", "Succeeded", seconds=90)
        operator.wait_until_ready()

    def test_a_platform_that_comes_later(self, cluster: Cluster, operators, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]  # a fixture that is a function
        """Unreachable at start: the operator runs, is not ready, says why, and recovers."""
        late = Platform(tmp_path)
        operator: Operator = operators(late)
        cluster.apply(seedjob("patient", "true"))
        cluster.wait_for_reason("patient", "Synced", "PlatformUnavailable")
        code, why = operator.ask("/readyz")
        assert (code, "default connection" in why) == (503, True)
        late.start()
        cluster.wait_for_phase("patient", "Succeeded", seconds=90)
        operator.wait_until_ready()
        late.process.stop()


class TestBackOff:
    @pytest.mark.parametrize("status", [500, 403, 429])
    def test_creates_that_fail_while_reads_work(self, stage: Stage, status: int) -> None:
        """No hot loop: the back-off is the job's own, and a list that works must not end it."""
        cluster, platform, name = stage.cluster, stage.platform, f"again-{status}"
        platform.fail("create", status)
        began, before, created = time.monotonic(), platform.requests("create"), len(platform.ledger())
        cluster.apply(seedjob(name, "true"))
        wait_for("it was tried", lambda: platform.requests("create") > before)
        time.sleep(8)  # that it is tried ever less often can only be seen by waiting
        tries, seconds = platform.requests("create") - before, time.monotonic() - began
        assert tries <= 2 + math.log2(1 + seconds), "a second after the first, then twice as long each time"
        cluster.wait_for_phase(name, "Pending")
        platform.heal()
        cluster.wait_for_phase(name, "Succeeded", seconds=90)
        assert len(platform.ledger()) == created + 1


class TestConnections:
    def test_a_connection_of_the_users_own(self, cluster: Cluster, platform: Platform, operators) -> None:  # type: ignore[no-untyped-def]  # a fixture that is a function
        """An operator without a default connection serves SeedConnections alone, once all they need is there."""
        operator: Operator = operators(None, SEED_ALLOWED_ENDPOINTS=platform.url)
        operator.wait_until_ready()
        cluster.apply(seedjob("own", "true", connectionRef={"name": "acme"}))
        cluster.wait_for_reason("own", "Ready", "ConnectionNotFound")
        cluster.apply(connection("acme", platform.url))
        cluster.wait_for_reason("own", "Ready", "SecretNotFound")
        cluster.apply(secret("seed", token=TOKEN))
        status = cluster.wait_for_phase("own", "Succeeded", seconds=90)
        assert status["connection"] == "acme"
        text = cluster.run("get", "seedconnection", "acme", "-o", "json")
        ready = [one for one in json.loads(text)["status"]["conditions"] if one["type"] == "Ready"]
        assert ready[0]["status"] == "True"

    def test_an_address_that_is_not_allowed(self, stage: Stage) -> None:
        """It is never contacted: the credential would be shown to it."""
        cluster = stage.cluster
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            cluster.apply(secret("seed", token=TOKEN), connection("elsewhere", address))
            cluster.apply(seedjob("stray", "true", connectionRef={"name": "elsewhere"}))
            refused = cluster.wait_for_reason("stray", "Ready", "EndpointNotAllowed", seconds=90)
            assert "SEED_ALLOWED_ENDPOINTS" in refused["message"]
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.accept()


class TestEnvironment:
    def test_references_are_waited_for_and_then_used(self, stage: Stage) -> None:
        """A missing reference waits with a reason that names it; values arrive as in a pod, and are masked in the log."""
        cluster, operator = stage.cluster, stage.operator
        env = [
            {"name": "PLAIN", "value": "p"},
            {"name": "JOINED", "value": "$(PLAIN)-$(FROM_MAP)"},
            {"name": "HIDDEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "hidden"}}},
            {"name": "ABSENT", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "k", "optional": True}}},
        ]
        sources = [{"configMapRef": {"name": "defaults"}, "prefix": "FROM_"}]
        command = 'echo "$PLAIN $JOINED $FROM_MAP attempt=$SEED_ATTEMPT absent=${ABSENT-unset} secret=$HIDDEN"; exit 1'
        cluster.apply(seedjob("env", command, job={"env": env, "envFrom": sources}))
        assert "defaults" in cluster.wait_for_reason("env", "Ready", "ConfigMapNotFound")["message"]
        cluster.apply(config_map("defaults", MAP="m"))
        assert "keys" in cluster.wait_for_reason("env", "Ready", "SecretNotFound", seconds=60)["message"]
        cluster.apply(secret("keys", other="x"))
        assert "hidden" in cluster.wait_for_reason("env", "Ready", "SecretKeyMissing", seconds=60)["message"]
        cluster.apply(secret("keys", hidden="s3cr3t-value"))

        cluster.wait_for_phase("env", "Failed", seconds=90)

        tail = wait_for("its log", lambda: cluster.status("env").get("logTail"))
        assert tail[-1:] == ["p p-m m attempt=1 absent=unset secret=***"]
        assert "s3cr3t-value" not in operator.process.output + json.dumps(cluster.seedjob("env"))

    def test_secrets_in_what_a_job_says(self, stage: Stage, tmp_path: Path) -> None:
        """What it says while it runs is masked. Of a Secret that was rotated nobody knows what to mask: its log is left out."""
        cluster, operator, over = stage.cluster, stage.operator, tmp_path / "over"
        cluster.apply(secret("kept", key="kept-s3cr3t"), secret("rotated", key="first-s3cr3t"))

        def says(name: str, text: str) -> dict[str, Any]:
            env = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": name, "key": "key"}}}]
            return seedjob(name, f'echo "{text}"; until test -f {over}; do sleep 0.2; done; exit 1', job={"env": env})

        cluster.apply(says("kept", "step 1/4 with $KEY step 3/4"), says("rotated", "a secret=$KEY"))
        progress = wait_for(
            "it says how far it is", lambda: cluster.status("kept").get("progress"), seconds=90, every=0.25
        )
        assert progress["message"] == "step 1/4 with *** step 3/4"
        cluster.wait_for_phase("rotated", "Running", seconds=90)
        cluster.apply(secret("rotated", key="second-s3cr3t"))
        over.touch()
        masked = wait_for("its log", lambda: cluster.status("kept").get("logTail"), seconds=90)
        assert any("with *** step" in line for line in masked)
        withheld = wait_for("why there is none", lambda: cluster.status("rotated").get("logTail"), seconds=90)
        assert len(withheld) == 1
        assert "on the platform" in withheld[0]
        described = cluster.run("describe", "sj", "kept", "rotated")
        shown = described + operator.process.output + json.dumps([cluster.seedjob("kept"), cluster.seedjob("rotated")])
        assert "s3cr3t" not in shown


class TestReadyWhen:
    def test_ready_when_started(self, stage: Stage) -> None:
        """A GitOps wait needn't last for days."""
        cluster = stage.cluster
        cluster.apply(seedjob("early", "sleep 300", readyWhen="Started"))
        cluster.wait_for_phase("early", "Running")
        assert cluster.condition("early", "Ready")["status"] == "True"
        assert cluster.condition("early", "Reconciling")["status"] == "False"


class TestCommandLine:
    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command that is to end at once."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SEED_", "KUBE"))}
        return subprocess.run(
            [str(COMMAND), *arguments], env=clean | environment, capture_output=True, text=True, timeout=90, check=False
        )

    @pytest.mark.parametrize(
        ("environment", "named"),
        [
            ({"METRICS_PORT": "many"}, "METRICS_PORT"),
            ({"METRICS_PORT": "70000"}, "METRICS_PORT"),
            ({"SEED_REQUESTS_PER_MINUTE": "-5"}, "SEED_REQUESTS_PER_MINUTE"),
            ({"SEED_AUTH_SCHEME": "Basic"}, "SEED_AUTH_SCHEME"),
            ({"SEED_API_URL": "api.seed.example"}, "SEED_API_URL"),
            ({"SEED_API_URL": "https://api.seed.example"}, "SEED_API_TOKEN_FILE"),
            ({"SEED_API_URL": "https://a.example", "SEED_API_TOKEN": "t"}, "SEED_NAMESPACE"),
            ({"SEED_ALLOWED_ENDPOINTS": "https://a.example,b"}, "SEED_ALLOWED_ENDPOINTS"),
            ({"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
        ],
    )
    def test_a_setting_that_cannot_be_used(self, environment: dict[str, str], named: str) -> None:
        """One line that names it, exit code 2."""
        done = self.run("run", **environment)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
        assert named in done.stderr

    def test_a_flag_that_cannot_be_used(self) -> None:
        """A flag is the setting's name in lower case with hyphens, and wins over it."""
        done = self.run("run", "--seed-requests-per-minute", "0", SEED_REQUESTS_PER_MINUTE="60")
        assert done.returncode == 2
        assert "SEED_REQUESTS_PER_MINUTE" in done.stderr

    def test_a_port_in_use(self, stage: Stage, control_plane) -> None:  # type: ignore[no-untyped-def]  # another room's type
        """One line, exit code 2."""
        done = self.run(
            "run",
            KUBECONFIG=str(control_plane.kubeconfig),
            METRICS_PORT=str(stage.operator.metrics_port),
            METRICS_ADDRESS="127.0.0.1",
        )
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith("seedjob-operator: METRICS_PORT")

    def test_no_way_to_kubernetes(self) -> None:
        """It says what to set."""
        done = self.run("run", METRICS_PORT=str(own_port()))
        assert done.returncode == 2
        assert "KUBECONFIG" in done.stderr
