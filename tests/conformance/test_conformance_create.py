"""Create a job: each field's rule."""

from typing import Any

import pytest

from conformance.platform_client import Platform, error_of

contract = pytest.mark.contract
DEFAULTS = {
    "gpu_count": 1,
    "cpu": 8,
    "memory_gb": 32,
    "disk_gb": 100,
    "region": "us-east-1",
    "timeout_minutes": 1440,
    "max_retries": 0,
    "spot": False,
    "num_nodes": 1,
}


@contract(
    "### Create a job: `POST /auth/v1/seed/{namespace}/jobs` gives 201 and the job",
    "1, 2, 4 or 8 (default 1)",
    "2, 4, 8, 16, 32, 64 or 96 vCPUs (default 8)",
    "512 (default 32)",
    "10 to 2000 (default 100)",
    "(default the first)",
    "default 1440 (24 hours)",
    "maximum **5** (default 0)",
    "run on spot capacity (default false)",
    "multi-node run (default 1)",
)
def test_what_is_left_out_has_its_default(platform: Platform) -> None:
    answer = platform.create(platform.body())
    assert answer.status_code == 201
    created = answer.json()
    assert created["status"] in ("queued", "running", "succeeded")
    assert {name: created[name] for name in DEFAULTS} == DEFAULTS


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("name", {"name": ""}, "alphanumerics, hyphens, underscores"),
    ("name", {"name": "a b"}, "alphanumerics, hyphens, underscores"),
    ("name", {"name": "a/b"}, "alphanumerics, hyphens, underscores"),
    ("name", {"name": "a.b"}, "alphanumerics, hyphens, underscores"),
    ("name", {"name": "ä"}, "alphanumerics, hyphens, underscores"),
    ("name", {"name": None}, "| `name` | required;"),
    ("command", {"command": None}, "| `command` | required;"),
    ("image", {"image": None}, "**either `repo` or `image` is required**"),
    ("repo", {"repo": "acme"}, "`namespace/repo`, cloned into the working directory"),
    ("gpu", {"gpu": None}, "| `gpu` | required:"),
    ("gpu", {"gpu": "V100"}, "`A100-40GB`, `A100-80GB`, `H100-80GB`, `L4`, `T4`, `none`"),
    ("gpu_count", {"gpu": "L4", "gpu_count": 3}, "1, 2, 4 or 8"),
    ("gpu_count", {"gpu": "L4", "gpu_count": 0}, "1, 2, 4 or 8"),
    ("gpu_count", {"gpu": "L4", "gpu_count": 16}, "1, 2, 4 or 8"),
    ("cpu", {"cpu": 3}, "2, 4, 8, 16, 32, 64 or 96 vCPUs"),
    ("cpu", {"cpu": 128}, "2, 4, 8, 16, 32, 64 or 96 vCPUs"),
    ("memory_gb", {"memory_gb": 4}, "8, 16, 32, 64, 128, 256 or 512"),
    ("memory_gb", {"memory_gb": 1024}, "8, 16, 32, 64, 128, 256 or 512"),
    ("disk_gb", {"disk_gb": 9}, "10 to 2000"),
    ("disk_gb", {"disk_gb": 2001}, "10 to 2000"),
    ("env", {"env": {"A": 1}}, "string-to-string map"),
    ("env", {"env": ["A=1"]}, "string-to-string map"),
    ("region", {"region": "mars-1"}, "`us-east-1`, `us-west-2`, `eu-west-1`, `eu-central-1`, `ap-northeast-1`"),
    ("timeout_minutes", {"timeout_minutes": 10081}, "maximum **10080** (7 days)"),
    ("max_retries", {"max_retries": 6}, "maximum **5**"),
    ("max_retries", {"max_retries": -1}, "maximum **5**"),
    ("num_nodes", {"num_nodes": 0}, "multi-node run (default 1)"),
]


@pytest.mark.parametrize(
    ("field", "changes"),
    [pytest.param(field, changes, marks=contract(line)) for field, changes, line in REFUSED],
)
def test_a_field_out_of_its_rule_is_refused(platform: Platform, field: str, changes: dict[str, Any]) -> None:
    body = {name: value for name, value in (platform.body() | changes).items() if value is not None}
    assert field in error_of(platform.create(body), 400), "the message names the field"
    assert platform.get(body.get("name") or "no-name").status_code == 404, "nothing was created"


LARGE: list[tuple[dict[str, Any], str]] = [
    *(({"gpu": gpu}, f"`{gpu}`") for gpu in ("A100-40GB", "A100-80GB", "H100-80GB", "L4", "T4")),
    *(({"gpu": "L4", "gpu_count": count}, "1, 2, 4 or 8") for count in (1, 2, 4, 8)),
    *(({"cpu": cpu}, "2, 4, 8, 16, 32, 64 or 96 vCPUs") for cpu in (2, 4, 8, 16, 32, 64, 96)),
    *(({"memory_gb": memory}, "8, 16, 32, 64, 128, 256 or 512") for memory in (8, 16, 32, 64, 128, 256, 512)),
    *(({"disk_gb": disk}, "10 to 2000") for disk in (10, 2000)),
    *(
        ({"region": region}, f"`{region}`")
        for region in ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1")
    ),
    ({"timeout_minutes": 10080}, "maximum **10080**"),
    ({"max_retries": 5}, "maximum **5**"),
    ({"spot": True}, "run on spot capacity"),
]


@pytest.mark.local  # elsewhere it costs money
@pytest.mark.parametrize("fields", [pytest.param(fields, marks=contract(line)) for fields, line in LARGE])
def test_every_allowed_value_is_accepted(platform: Platform, fields: dict[str, Any]) -> None:
    created = platform.create(platform.body(**fields))
    assert created.status_code == 201, created.text
    assert {name: created.json()[name] for name in fields} == fields


@contract("unique within the namespace", "job is in an incompatible state (already completed, name taken)")
def test_a_name_is_taken_once(platform: Platform) -> None:
    body = platform.body()
    assert platform.create(body).status_code == 201
    error_of(platform.create(body), 409)
    platform.wait(body["name"])
    error_of(platform.create(body), 409)


@contract(
    "| `image` | container image to run | S |",
    "run inside the container as the entrypoint",
    "| `env` | string-to-string map |",
)
def test_the_command_runs_with_its_environment(platform: Platform) -> None:
    job = platform.finished('echo "$GREETING"; exit 7', env={"GREETING": "hello world"})
    assert (job["status"], job["exit_code"]) == ("failed", 7)
    assert platform.messages(job["name"]) == ["hello world"]


@pytest.mark.needs("repo")
@contract("`namespace/repo`, cloned into the working directory", "branch to clone, with `repo`")
def test_a_repository_is_the_working_directory(platform: Platform) -> None:
    fields = {"repo": platform.target.repo, "image": None}
    for branch in (None, "main"):
        job = platform.finished("ls", branch=branch, **fields)
        assert job["status"] == "succeeded"
        assert platform.messages(job["name"])


@contract("retries on failure, maximum **5**")
def test_a_failed_try_is_repeated(platform: Platform) -> None:
    job = platform.finished("echo try; exit 1", max_retries=1)
    assert (job["status"], job["retry_count"]) == ("failed", 1)
    assert platform.messages(job["name"]).count("try") == 2


@contract("the job is killed when it is over", "`timed_out`")
def test_a_job_ends_when_its_time_is_over(platform: Platform) -> None:
    job = platform.finished("sleep 600", timeout_minutes=1)
    assert job["status"] == "timed_out"


@contract(
    "path inside the container, uploaded to the namespace's artifact storage on completion",
    "`artifacts` (`path`, `url`",
)
def test_artifacts_are_kept(platform: Platform) -> None:
    job = platform.finished("mkdir -p out/deep && printf 1234 > out/a && printf 56 > out/deep/b", artifacts_path="out")
    kept = job["artifacts"]
    assert set(kept) == {"path", "url", "size_bytes", "file_count", "expires_at"}
    assert (kept["size_bytes"], kept["file_count"]) == (6, 2)


@pytest.mark.local
@contract("| `num_nodes` | multi-node run (default 1) |", '"node"?: int}')
def test_each_node_runs_the_command(platform: Platform) -> None:
    job = platform.finished("echo here", num_nodes=2)
    lines = platform.logs(job["name"]).json()["data"]
    assert sorted(line["node"] for line in lines if line["message"] == "here") == [0, 1]


@pytest.mark.local
@contract("counts the run time of all tries, ends with SIGTERM and the same grace, and isn't retried")
def test_a_job_that_is_out_of_time_is_not_tried_again(platform: Platform) -> None:
    job = platform.finished("echo up; sleep 600", timeout_minutes=1, max_retries=3)
    assert (job["status"], job["retry_count"]) == ("timed_out", 0)
    assert platform.messages(job["name"]).count("up") == 1


@pytest.mark.local
@contract("| 422 | invalid GPU/CPU/memory combination |", "`gpu_count` with `gpu: none` gives 422.")
def test_a_combination_that_is_none(platform: Platform) -> None:
    error_of(platform.create(platform.body(gpu="none", gpu_count=2)), 422)


@pytest.mark.local
@contract("Bounds that are passed are refused with 400 (never clamped)", 'no types are coerced (`"8"` is not 8)')
@pytest.mark.parametrize("changes", [{"cpu": "8"}, {"spot": 1}, {"spot": "true"}, {"gpu_count": True}, {"name": 5}])
def test_nothing_is_coerced(platform: Platform, changes: dict[str, Any]) -> None:
    (field,) = changes
    assert field in error_of(platform.create(platform.body(gpu="L4") | changes), 400)


@pytest.mark.local
@contract("null is the same as absent; a `branch` without `repo` is refused. `image` and `repo` together are fine")
def test_null_branch_and_both_sources(platform: Platform) -> None:
    assert platform.create(platform.body() | {"cpu": None, "repo": None}).json()["cpu"] == 8
    assert "branch" in error_of(platform.create(platform.body(branch="main")), 400)
    both = platform.finished("ls", repo=platform.target.repo)
    assert both["status"] == "succeeded"


@pytest.mark.local
@contract("Names up to 128, `num_nodes` up to 64")
def test_how_long_and_how_many(platform: Platform) -> None:
    assert platform.create(platform.body(name="n" * 128)).status_code == 201
    assert "name" in error_of(platform.create(platform.body(name="n" * 129)), 400)
    assert "num_nodes" in error_of(platform.create(platform.body(num_nodes=65)), 400)


@pytest.mark.local
@contract("There is **no** field for labels or an idempotency key")
def test_an_unknown_field_is_refused(platform: Platform) -> None:
    assert "labels" in error_of(platform.create(platform.body(labels={"a": "b"})), 400)


@pytest.mark.local
@contract("`env` is left out of every answer.", "Environment values are secrets")
def test_the_environment_is_in_no_answer(platform: Platform) -> None:
    created = platform.create(platform.body(env={"TOKEN": "s3cr3t"}))
    name = created.json()["name"]
    answers = (created, platform.get(name), platform.page(), platform.analytics(name))
    assert not [answer.url for answer in answers if "s3cr3t" in answer.text]
