"""Manifests that users write, rightly and wrongly, and the sentence that each wrong one must get.

A case changes a manifest that is right: `job` merges into `spec.job`, `spec` into `spec`; `...` takes a field out.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as made_by
from typing import Any

GOOD_JOB: dict[str, Any] = {
    "image": "pytorch/pytorch:2.8",
    "command": "python train.py --epochs 3",
    "gpu": {"type": "A100-80GB", "count": 4},
}
GOOD_CONNECTION: dict[str, Any] = {
    "endpoint": "https://seed.example.com",
    "namespace": "acme",
    "secretRef": {"name": "seed", "key": "token"},
}


def changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Give `base` with the changes; `...` as a value takes the field out."""
    return {name: value for name, value in {**base, **changes}.items() if value is not ...}


def seedjob(
    *,
    job: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    name: str = "case",
    namespace: str = "default",
) -> dict[str, Any]:
    """Give a SeedJob that is right but for the changes."""
    return {
        "apiVersion": "seed.dev/v1alpha1",
        "kind": "SeedJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": changed({"job": changed(GOOD_JOB, job or {})}, spec or {}),
    }


def seedconnection(
    *, spec: dict[str, Any] | None = None, name: str = "case", namespace: str = "default"
) -> dict[str, Any]:
    """Give a SeedConnection that is right but for the changes."""
    return {
        "apiVersion": "seed.dev/v1alpha1",
        "kind": "SeedConnection",
        "metadata": {"name": name, "namespace": namespace},
        "spec": changed(GOOD_CONNECTION, spec or {}),
    }


def env(**variable: Any) -> dict[str, Any]:
    """Give `spec.job` changes with one variable."""
    return {"env": [variable]}


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A manifest that must be refused.

    Attributes:
        why: what the user got wrong.
        field: the field that the refusal names.
        says: what its sentence contains.
        lenient: sent without strict field validation, as clients other than kubectl do.
    """

    why: str
    field: str
    says: str
    job: dict[str, Any] = made_by(default_factory=dict)
    spec: dict[str, Any] = made_by(default_factory=dict)
    connection: bool = False
    lenient: bool = False

    def manifest(self) -> dict[str, Any]:
        """Give the manifest."""
        return seedconnection(spec=self.spec) if self.connection else seedjob(job=self.job, spec=self.spec)


@dataclass(frozen=True, kw_only=True)
class Good:
    """A manifest that must be accepted."""

    why: str
    job: dict[str, Any] = made_by(default_factory=dict)
    spec: dict[str, Any] = made_by(default_factory=dict)
    connection: bool = False

    def manifest(self) -> dict[str, Any]:
        """Give the manifest."""
        return seedconnection(spec=self.spec) if self.connection else seedjob(job=self.job, spec=self.spec)


def _ref(**ref: Any) -> dict[str, Any]:
    return {"name": "HF_TOKEN", "valueFrom": ref}


TOO_MUCH_ENV = [{"name": f"V{number}", "value": "x" * 32768} for number in range(3)]
NEEDS_SOMETHING = "a job needs something to run: write image (a container image), repo (namespace/repo, cloned into"
AN_IMAGE = "write an image reference without spaces and without a scheme such as https://"
A_REPO = "write repo as namespace/repo, for example acme/trainer: no URL, no path below it"
A_BRANCH = "write the name of a branch: no spaces, and no '-' at its beginning, for example main"
A_VARIABLE = "name the variable with letters, digits, '_', '-' and '.', and don't begin with a digit"
ONE_SOURCE = "valueFrom takes exactly one of secretKeyRef and configMapKeyRef; fieldRef and other sources of a pod"
ONE_OBJECT = "each entry of envFrom takes exactly one of configMapRef and secretRef; write two entries for two objects"
AN_OBJECT = "write the metadata.name of an object in this namespace: lower-case letters, digits, '-' and '.'"
AN_AMOUNT = "write an amount above zero as a quoted decimal with at most two places, for example '250.00'"
A_JOB_NAME = "use only letters, digits, '-' and '_', for example nightly-finetune"
A_KEY = "write a key of the object's data: letters, digits, '-', '_' and '.'"
A_RUN_ID = "runId is one word without spaces, for example 2 or a commit's hash"
DELETE_ONLY = "deleteArtifacts works with deletionPolicy Delete only, because Cancel and Orphan keep the remote record"
NOT_BOTH_ENDS = "deleteArtifacts acts when the SeedJob is deleted, and remoteTTLSecondsAfterFinished removes the remote"
AN_ENDPOINT = "write the base address of the Seed API with its scheme, for example https://seed.example.com"
AN_ADDRESS_ALONE = "endpoint is an address alone, without user, query or fragment: put the credential into the Secret"
HTTPS = "write https://: plain http would show the credential to the network, and is accepted for this machine only"
A_SEED_NAMESPACE = (
    "write the name of the Seed user or organization: letters, digits, '.', '-' and '_', for example acme"
)

BAD_JOBS = (
    # What runs
    Bad(why="neither image nor repo", job={"image": ...}, field="spec.job.image", says=NEEDS_SOMETHING),
    Bad(why="an empty image", job={"image": ""}, field="spec.job.image", says=AN_IMAGE),
    Bad(why="a space in the image", job={"image": "pytorch: 2.8"}, field="spec.job.image", says=AN_IMAGE),
    Bad(why="an image with a scheme", job={"image": "https://x/y"}, field="spec.job.image", says=AN_IMAGE),
    Bad(why="an endless image", job={"image": "x" * 513}, field="spec.job.image", says="may not be more than 512"),
    Bad(why="a URL as repo", job={"repo": "https://example.com/a/b"}, field="spec.job.repo", says=A_REPO),
    Bad(why="a repo without its namespace", job={"repo": "trainer"}, field="spec.job.repo", says=A_REPO),
    Bad(why="a path below the repo", job={"repo": "acme/trainer/src"}, field="spec.job.repo", says=A_REPO),
    Bad(
        why="a branch of nothing",
        job={"branch": "main"},
        field="spec.job.branch",
        says="branch names a branch of repo: write repo as well, or take branch out",
    ),
    Bad(why="an option as branch", job={"repo": "a/b", "branch": "-u"}, field="spec.job.branch", says=A_BRANCH),
    Bad(why="spaces in a branch", job={"repo": "a/b", "branch": "my branch"}, field="spec.job.branch", says=A_BRANCH),
    Bad(why="no command", job={"command": ...}, field="spec.job.command", says="Required value"),
    Bad(why="an empty command", job={"command": ""}, field="spec.job.command", says="command is blank"),
    Bad(why="a blank command", job={"command": " \n"}, field="spec.job.command", says="command is blank: write what"),
    Bad(
        why="a command as a list, as in a pod",
        job={"command": ["python", "train.py"]},
        field="spec.job.command",
        says="must be of type string",
    ),
    Bad(
        why="a whole program as command",
        job={"command": "x" * 32769},
        field="spec.job.command",
        says="may not be more than 32768",
    ),
    # On what
    Bad(why="no gpu", job={"gpu": ...}, field="spec.job.gpu", says="Required value"),
    Bad(why="a gpu without type", job={"gpu": {"count": 1}}, field="spec.job.gpu.type", says="Required value"),
    Bad(
        why="a gpu that the platform doesn't have",
        job={"gpu": {"type": "V100"}},
        field="spec.job.gpu.type",
        says='supported values: "A100-40GB", "A100-80GB", "H100-80GB", "L4", "T4", "none"',
    ),
    Bad(why="gpu in lower case", job={"gpu": {"type": "l4"}}, field="spec.job.gpu.type", says='"L4"'),
    Bad(
        why="no gpu, but two of them",
        job={"gpu": {"type": "none", "count": 2}},
        field="spec.job.gpu.count",
        says="gpu type none takes no count: leave count out, or choose a GPU type",
    ),
    Bad(
        why="three gpus",
        job={"gpu": {"type": "L4", "count": 3}},
        field="spec.job.gpu.count",
        says='supported values: "1", "2", "4", "8"',
    ),
    Bad(
        why="a quoted count",
        job={"gpu": {"type": "L4", "count": "2"}},
        field="spec.job.gpu.count",
        says="must be of type integer",
    ),
    Bad(why="six vCPUs", job={"cpu": 6}, field="spec.job.cpu", says='"2", "4", "8", "16", "32", "64", "96"'),
    Bad(why="memory between two sizes", job={"memoryGB": 100}, field="spec.job.memoryGB", says='"64", "128", "256"'),
    Bad(why="memory as a quantity", job={"memoryGB": "256Gi"}, field="spec.job.memoryGB", says="type integer"),
    Bad(why="too small a disk", job={"diskGB": 9}, field="spec.job.diskGB", says="greater than or equal to 10"),
    Bad(why="too large a disk", job={"diskGB": 2001}, field="spec.job.diskGB", says="less than or equal to 2000"),
    Bad(why="no nodes", job={"nodes": 0}, field="spec.job.nodes", says="greater than or equal to 1"),
    Bad(why="too many nodes", job={"nodes": 65}, field="spec.job.nodes", says="less than or equal to 64"),
    Bad(why="spot as text", job={"spot": "yes"}, field="spec.job.spot", says="must be of type boolean"),
    Bad(
        why="a region that the platform doesn't have",
        job={"region": "eu-north-1"},
        field="spec.job.region",
        says='supported values: "us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1"',
    ),
    Bad(why="no time", job={"timeoutMinutes": 0}, field="spec.job.timeoutMinutes", says="greater than or equal to 1"),
    Bad(
        why="more than a week",
        job={"timeoutMinutes": 10081},
        field="spec.job.timeoutMinutes",
        says="less than or equal to 10080",
    ),
    Bad(why="negative retries", job={"maxRetries": -1}, field="spec.job.maxRetries", says="greater than or equal to 0"),
    Bad(why="six retries", job={"maxRetries": 6}, field="spec.job.maxRetries", says="less than or equal to 5"),
    Bad(
        why="a path of two lines",
        job={"artifactsPath": "/out\n/more"},
        field="spec.job.artifactsPath",
        says="write one path inside the container, for example /outputs",
    ),
    Bad(
        why="the API's own spelling",
        job={"memory_gb": 256},
        field="",
        says='unknown field "spec.job.memory_gb"',
    ),
    Bad(why="a misspelt field", job={"gpus": 4}, field="", says='unknown field "spec.job.gpus"'),
    # Environment
    Bad(why="a digit first", job=env(name="2ND", value="x"), field="spec.job.env[0].name", says=A_VARIABLE),
    Bad(why="a '=' in a name", job=env(name="A=B", value="x"), field="spec.job.env[0].name", says=A_VARIABLE),
    Bad(why="no name", job=env(value="x"), field="spec.job.env[0].name", says="Required value"),
    Bad(why="a number", job=env(name="EPOCHS", value=3), field="spec.job.env[0].value", says="must be of type string"),
    Bad(
        why="a name twice: the platform takes a map",
        job={"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
        field="spec.job.env[1]",
        says="Duplicate value",
    ),
    Bad(
        why="value and valueFrom",
        job=env(name="A", value="1", valueFrom={"secretKeyRef": {"name": "s", "key": "k"}}),
        field="spec.job.env[0].valueFrom",
        says="a variable has either value or valueFrom: take one of them out",
    ),
    Bad(why="no source", job={"env": [_ref()]}, field="spec.job.env[0].valueFrom", says=ONE_SOURCE),
    Bad(
        why="two sources",
        job={"env": [_ref(secretKeyRef={"name": "a", "key": "b"}, configMapKeyRef={"name": "a", "key": "b"})]},
        field="spec.job.env[0].valueFrom",
        says=ONE_SOURCE,
    ),
    Bad(
        why="a source that only pods have, by kubectl",
        job={"env": [_ref(fieldRef={"fieldPath": "metadata.name"})]},
        field="",
        says='unknown field "spec.job.env[0].valueFrom.fieldRef"',
    ),
    Bad(
        why="a source that only pods have, by a client that doesn't ask for strictness",
        job={"env": [_ref(fieldRef={"fieldPath": "metadata.name"})]},
        lenient=True,
        field="spec.job.env[0].valueFrom",
        says=ONE_SOURCE,
    ),
    Bad(
        why="a Secret without a key",
        job={"env": [_ref(secretKeyRef={"name": "hf"})]},
        field="spec.job.env[0].valueFrom.secretKeyRef.key",
        says="Required value",
    ),
    Bad(
        why="a Secret's name in capitals",
        job={"env": [_ref(secretKeyRef={"name": "HF", "key": "token"})]},
        field="spec.job.env[0].valueFrom.secretKeyRef.name",
        says=AN_OBJECT,
    ),
    Bad(
        why="a path as key",
        job={"env": [_ref(configMapKeyRef={"name": "hf", "key": "a/b"})]},
        field="spec.job.env[0].valueFrom.configMapKeyRef.key",
        says=A_KEY,
    ),
    Bad(why="a map, by kubectl", job={"env": {"A": "1"}}, field="", says='unknown field "spec.job.env.A"'),
    Bad(
        why="a map, by a client that doesn't ask for strictness",
        job={"env": {"A": "1"}},
        lenient=True,
        field="spec.job.env",
        says="must be of type array",
    ),
    Bad(
        why="too many variables",
        job={"env": [{"name": f"V{number}"} for number in range(201)]},
        field="spec.job.env",
        says="must have at most 200 items",
    ),
    Bad(
        why="too much in all variables together",
        job={"env": TOO_MUCH_ENV},
        field="spec.job.env",
        says="the values of env have more than 65536 characters together: put large ones into a Secret or ConfigMap",
    ),
    Bad(
        why="spaces in a Secret's key",
        job={"env": [_ref(secretKeyRef={"name": "hf", "key": "my token"})]},
        field="spec.job.env[0].valueFrom.secretKeyRef.key",
        says=A_KEY,
    ),
    Bad(
        why="an underscore in a ConfigMap's name",
        job={"env": [_ref(configMapKeyRef={"name": "train_defaults", "key": "lr"})]},
        field="spec.job.env[0].valueFrom.configMapKeyRef.name",
        says=AN_OBJECT,
    ),
    Bad(
        why="a ConfigMap with its namespace",
        job={"envFrom": [{"configMapRef": {"name": "ns/defaults"}}]},
        field="spec.job.envFrom[0].configMapRef.name",
        says=AN_OBJECT,
    ),
    Bad(
        why="an empty Secret name",
        job={"envFrom": [{"secretRef": {"name": ""}}]},
        field="spec.job.envFrom[0].secretRef.name",
        says=AN_OBJECT,
    ),
    Bad(why="an empty envFrom", job={"envFrom": [{"prefix": "A_"}]}, field="spec.job.envFrom[0]", says=ONE_OBJECT),
    Bad(
        why="two objects in one envFrom",
        job={"envFrom": [{"secretRef": {"name": "a"}, "configMapRef": {"name": "b"}}]},
        field="spec.job.envFrom[0]",
        says=ONE_OBJECT,
    ),
    Bad(
        why="a prefix that makes no name",
        job={"envFrom": [{"prefix": "1-", "secretRef": {"name": "a"}}]},
        field="spec.job.envFrom[0].prefix",
        says="begin the prefix with a letter, '_', '-' or '.', and go on with these or digits",
    ),
    # Verbs and policies
    Bad(why="no job", spec={"job": ...}, field="spec.job", says="Required value"),
    Bad(why="a connection without name", spec={"connectionRef": {}}, field="spec.connectionRef.name", says="Required"),
    Bad(
        why="a connection in capitals",
        spec={"connectionRef": {"name": "Acme"}},
        field="spec.connectionRef.name",
        says=AN_OBJECT,
    ),
    Bad(
        why="another namespace's connection",
        spec={"connectionRef": {"name": "acme", "namespace": "theirs"}},
        field="",
        says='unknown field "spec.connectionRef.namespace"',
    ),
    Bad(why="a dot in jobName", spec={"jobName": "a.b"}, field="spec.jobName", says=A_JOB_NAME),
    Bad(why="a long jobName", spec={"jobName": "x" * 49}, field="spec.jobName", says="may not be more than 48"),
    Bad(
        why="an unknown adoption policy",
        spec={"adoptionPolicy": "Always"},
        field="spec.adoptionPolicy",
        says='supported values: "Never", "IfMatching"',
    ),
    Bad(why="an unquoted runId", spec={"runId": 2}, field="spec.runId", says="must be of type string"),
    Bad(why="an empty runId", spec={"runId": ""}, field="spec.runId", says=A_RUN_ID),
    Bad(why="spaces in runId", spec={"runId": "second try"}, field="spec.runId", says=A_RUN_ID),
    Bad(
        why="an unknown update policy",
        spec={"updatePolicy": "Recreate"},
        field="spec.updatePolicy",
        says='supported values: "Immutable", "Replace"',
    ),
    Bad(
        why="an unknown moment",
        spec={"readyWhen": "Submitted"},
        field="spec.readyWhen",
        says='supported values: "Finished", "Started"',
    ),
    Bad(
        why="Kubernetes' word for volumes",
        spec={"deletionPolicy": "Retain"},
        field="spec.deletionPolicy",
        says='supported values: "Delete", "Cancel", "Orphan"',
    ),
    Bad(
        why="artifacts deleted, record kept",
        spec={"deleteArtifacts": True, "deletionPolicy": "Cancel"},
        field="spec.deleteArtifacts",
        says=DELETE_ONLY,
    ),
    Bad(
        why="artifacts of a job that runs on deleted",
        spec={"deleteArtifacts": True, "deletionPolicy": "Orphan"},
        field="spec.deleteArtifacts",
        says=DELETE_ONLY,
    ),
    Bad(
        why="artifacts deleted after their record",
        spec={"deleteArtifacts": True, "remoteTTLSecondsAfterFinished": 60},
        field="spec.deleteArtifacts",
        says=NOT_BOTH_ENDS,
    ),
    Bad(
        why="a negative TTL",
        spec={"ttlSecondsAfterFinished": -1},
        field="spec.ttlSecondsAfterFinished",
        says="greater than or equal to 0",
    ),
    Bad(
        why="a remote TTL with a unit",
        spec={"remoteTTLSecondsAfterFinished": "1h"},
        field="spec.remoteTTLSecondsAfterFinished",
        says="must be of type integer",
    ),
    Bad(why="an unquoted costLimit", spec={"costLimit": 250}, field="spec.costLimit", says="must be of type string"),
    Bad(why="nothing to spend", spec={"costLimit": "0.00"}, field="spec.costLimit", says=AN_AMOUNT),
    Bad(why="a negative costLimit", spec={"costLimit": "-5"}, field="spec.costLimit", says=AN_AMOUNT),
    Bad(why="a currency", spec={"costLimit": "250 USD"}, field="spec.costLimit", says=AN_AMOUNT),
    Bad(why="a decimal comma", spec={"costLimit": "2,50"}, field="spec.costLimit", says=AN_AMOUNT),
    Bad(why="an exponent", spec={"costLimit": "1e3"}, field="spec.costLimit", says=AN_AMOUNT),
    Bad(
        why="more lines than a status holds",
        spec={"logs": {"tailLines": 101}},
        field="spec.logs.tailLines",
        says="less than or equal to 100",
    ),
    Bad(why="suspend as text", spec={"suspend": "true"}, field="spec.suspend", says="must be of type boolean"),
)

BAD_CONNECTIONS = (
    Bad(connection=True, why="no endpoint", spec={"endpoint": ...}, field="spec.endpoint", says="Required value"),
    Bad(
        connection=True, why="no scheme", spec={"endpoint": "seed.example.com"}, field="spec.endpoint", says=AN_ENDPOINT
    ),
    Bad(connection=True, why="a path alone", spec={"endpoint": "/api"}, field="spec.endpoint", says=AN_ENDPOINT),
    Bad(
        connection=True,
        why="another protocol",
        spec={"endpoint": "ftp://a.example"},
        field="spec.endpoint",
        says=AN_ENDPOINT,
    ),
    Bad(
        connection=True,
        why="a credential in the address",
        spec={"endpoint": "https://me:secret@seed.example.com"},
        field="spec.endpoint",
        says=AN_ADDRESS_ALONE,
    ),
    Bad(
        connection=True,
        why="a query",
        spec={"endpoint": "https://seed.example.com/?token=x"},
        field="spec.endpoint",
        says=AN_ADDRESS_ALONE,
    ),
    Bad(connection=True, why="no host", spec={"endpoint": "https://"}, field="spec.endpoint", says=AN_ENDPOINT),
    Bad(
        connection=True,
        why="plain http",
        spec={"endpoint": "http://seed.example.com"},
        field="spec.endpoint",
        says=HTTPS,
    ),
    Bad(
        connection=True,
        why="a name that only begins like this machine's address",
        spec={"endpoint": "http://127.0.0.1.example.com"},
        field="spec.endpoint",
        says=HTTPS,
    ),
    Bad(
        connection=True,
        why="a name that only begins like this machine's name",
        spec={"endpoint": "http://localhost.example.com"},
        field="spec.endpoint",
        says=HTTPS,
    ),
    Bad(
        connection=True,
        why="a path as namespace",
        spec={"namespace": "a/b"},
        field="spec.namespace",
        says=A_SEED_NAMESPACE,
    ),
    Bad(
        connection=True,
        why="a namespace that would climb in the address",
        spec={"namespace": ".."},
        field="spec.namespace",
        says=A_SEED_NAMESPACE,
    ),
    Bad(
        connection=True,
        why="a Secret without key",
        spec={"secretRef": {"name": "seed"}},
        field="spec.secretRef.key",
        says="Required value",
    ),
    Bad(
        connection=True,
        why="a Secret's name in capitals, in a connection",
        spec={"secretRef": {"name": "Seed", "key": "token"}},
        field="spec.secretRef.name",
        says=AN_OBJECT,
    ),
    Bad(
        connection=True,
        why="a path as key, in a connection",
        spec={"secretRef": {"name": "seed", "key": "/token"}},
        field="spec.secretRef.key",
        says=A_KEY,
    ),
    Bad(
        connection=True,
        why="another namespace's Secret",
        spec={"secretRef": {"name": "seed", "key": "token", "namespace": "theirs"}},
        field="",
        says='unknown field "spec.secretRef.namespace"',
    ),
    Bad(
        connection=True,
        why="a scheme that the platform doesn't have",
        spec={"scheme": "Basic"},
        field="spec.scheme",
        says='supported values: "Bearer", "API-Key"',
    ),
    Bad(
        connection=True,
        why="no requests",
        spec={"requestsPerMinute": 0},
        field="spec.requestsPerMinute",
        says="greater than or equal to 1",
    ),
    Bad(connection=True, why="no burst", spec={"burst": 0}, field="spec.burst", says="greater than or equal to 1"),
)

GOOD = (
    Good(why="the least: an image"),
    Good(why="the least: a repo", job={"image": ..., "repo": "acme/trainer"}),
    Good(why="image, repo and branch", job={"repo": "acme/trainer", "branch": "feature/x"}),
    Good(why="no gpu", job={"gpu": {"type": "none"}}),
    Good(why="a gpu without count", job={"gpu": {"type": "T4"}}),
    Good(
        why="all of the job",
        job={
            "gpu": {"type": "H100-80GB", "count": 8},
            "cpu": 96,
            "memoryGB": 512,
            "diskGB": 2000,
            "nodes": 64,
            "spot": True,
            "region": "ap-northeast-1",
            "timeoutMinutes": 10080,
            "maxRetries": 5,
            "artifactsPath": "/outputs",
        },
    ),
    Good(
        why="the least of each number",
        job={"cpu": 2, "memoryGB": 8, "diskGB": 10, "nodes": 1, "timeoutMinutes": 1, "maxRetries": 0, "spot": False},
    ),
    Good(why="a registry with a port, and a digest", job={"image": "r.example:5000/a/b@sha256:" + "0" * 64}),
    Good(
        why="a script as command", job={"command": "set -e\nfor i in 1 2; do\n\tpython x.py $i\ndone\n" + "#" * 32000}
    ),
    Good(
        why="variables of every kind",
        job={
            "env": [
                {"name": "EPOCHS", "value": "3"},
                {"name": "EMPTY"},
                {"name": "ALSO_EMPTY", "value": ""},
                {"name": "with.dots-and-dashes", "value": "$(EPOCHS)"},
                {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token", "optional": True}}},
                {"name": "LR", "valueFrom": {"configMapKeyRef": {"name": "train.v1", "key": "lr.txt"}}},
            ],
            "envFrom": [
                {"configMapRef": {"name": "defaults"}},
                {"prefix": "KEY_", "secretRef": {"name": "keys", "optional": True}},
            ],
        },
    ),
    Good(why="200 variables", job={"env": [{"name": f"V{number}", "value": "x" * 300} for number in range(200)]}),
    Good(why="two large variables", job={"env": TOO_MUCH_ENV[:2]}),
    Good(
        why="all of the spec",
        spec={
            "connectionRef": {"name": "acme"},
            "jobName": "Nightly_finetune-1",
            "adoptionPolicy": "IfMatching",
            "runId": "2025-01-31T12:00:00Z",
            "updatePolicy": "Replace",
            "suspend": True,
            "cancel": True,
            "readyWhen": "Started",
            "deletionPolicy": "Orphan",
            "deleteArtifacts": False,
            "ttlSecondsAfterFinished": 0,
            "remoteTTLSecondsAfterFinished": 2**31 - 1,
            "costLimit": "250.00",
            "logs": {"tailLines": 100},
        },
    ),
    Good(why="artifacts deleted with everything else", spec={"deleteArtifacts": True}),
    Good(why="a small costLimit", spec={"costLimit": "0.01"}),
    Good(why="a whole costLimit", spec={"costLimit": "999999999"}),
    Good(why="no log", spec={"logs": {"tailLines": 0}}),
    Good(why="fields that a template left empty", spec={"jobName": None, "suspend": None}, job={"region": None}),
    Good(why="a connection", connection=True),
    Good(why="a base path and a port", connection=True, spec={"endpoint": "https://seed.example.com:8443/api/v1/"}),
    Good(why="http to this machine", connection=True, spec={"endpoint": "http://127.0.0.1:8900"}),
    Good(why="http to this machine by name", connection=True, spec={"endpoint": "http://localhost:8900/seed"}),
    Good(why="http to this machine over IPv6", connection=True, spec={"endpoint": "http://[::1]:8900"}),
    Good(
        why="a key and a plan",
        connection=True,
        spec={"scheme": "API-Key", "requestsPerMinute": 300, "burst": 30},
    ),
)
