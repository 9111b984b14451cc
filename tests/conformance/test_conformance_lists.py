"""List jobs: its parameters, its order, its pages, and the fields of what is listed."""

import re
from datetime import datetime
from typing import Any

import pytest

from conformance.platform_client import Platform, error_of, moment

contract = pytest.mark.contract
LISTED = (
    *("id", "name", "namespace", "status", "gpu", "gpu_count", "region", "progress", "cost_per_hour"),
    *("runtime_seconds", "created_at", "started_at", "completed_at"),
)
STATUSES = ("queued", "running", "succeeded", "failed", "cancelled", "timed_out")


@pytest.fixture(scope="module")
def three(platform: Platform) -> list[str]:
    """The names of three ended jobs, created and ended one after the other."""
    names = [platform.run(command) for command in ("true", "exit 3", "true")]
    for name in names:
        platform.wait(name)
    return names


def data(platform: Platform, **query: Any) -> list[dict[str, Any]]:
    answer = platform.page(**query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def everything(platform: Platform, **query: Any) -> list[dict[str, Any]]:
    pages = platform.page(per_page=100, **query).json()["pagination"]["total_pages"]
    return [job for page in range(1, pages + 1) for job in data(platform, per_page=100, page=page, **query)]


@contract('`{"data": [job...], "pagination": {"page", "per_page", "total", "total_pages"}}`', "(default 20,")
def test_a_page_and_its_defaults(platform: Platform, three: list[str]) -> None:
    answer = platform.page().json()
    assert set(answer) == {"data", "pagination"}
    pagination = answer["pagination"]
    assert set(pagination) == {"page", "per_page", "total", "total_pages"}
    assert (pagination["page"], pagination["per_page"]) == (1, 20)
    assert pagination["total_pages"] == -(-pagination["total"] // 20)
    assert len(answer["data"]) == min(pagination["total"], 20)


@contract("`id` (like `job_6e5d4c3b2a1f`), `name`, `namespace`, `status`, `gpu`, `gpu_count`, `region`,")
def test_a_listed_jobs_fields(platform: Platform, three: list[str]) -> None:
    for job in data(platform):
        assert set(LISTED) <= set(job)
        assert re.fullmatch(r"job_[0-9A-Za-z]+", job["id"])
        assert job["namespace"] == platform.target.namespace
        assert job["status"] in STATUSES


@contract('(a decimal **string** such as `"12.80"`), `runtime_seconds` (integer)', "or null), `cost_per_hour`")
def test_money_progress_and_run_time(platform: Platform, three: list[str]) -> None:
    for job in data(platform):
        assert re.fullmatch(r"\d+(\.\d+)?", job["cost_per_hour"])
        assert type(job["runtime_seconds"]) is int
        assert job["progress"] is None or isinstance(job["progress"], str)


@contract("(ISO 8601 with `Z`, the last two may be null)")
def test_times(platform: Platform, three: list[str]) -> None:
    for job in data(platform):
        for name in ("created_at", "started_at", "completed_at"):
            text = job[name]
            assert (text is None and name != "created_at") or text.endswith("Z")
            assert text is None or datetime.fromisoformat(text).tzinfo is not None


@contract("`created_at` | `started_at` | `completed_at` | `name`,")
@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["completed_at", "created_at", "name", "started_at"])
def test_sort_and_order(platform: Platform, three: list[str], sort: str, order: str) -> None:
    read = str if sort == "name" else moment
    values = [read(job[sort]) for job in everything(platform, sort=sort, order=order, status="succeeded")]
    assert values == sorted(values, reverse=order == "desc")
    assert len(values) >= 2


@contract("default `created_at`), `order` (`asc` | `desc`, default `desc`)")
def test_the_default_order_is_newest_first(platform: Platform, three: list[str]) -> None:
    times = [moment(job["created_at"]) for job in data(platform, per_page=100)]
    assert times == sorted(times, reverse=True)


@contract("`status` (one of the six)", "`queued`, `running`, `succeeded`, `failed`, `cancelled`, `timed_out` (S)")
@pytest.mark.parametrize("status", sorted(STATUSES))
def test_the_filter(platform: Platform, three: list[str], status: str) -> None:
    found = everything(platform, status=status)
    assert all(job["status"] == status for job in found)
    if status == "failed":
        assert three[1] in [job["name"] for job in found]


@contract("`page` (from 1, default 1),", "Pages are offsets into a changing list")
def test_pages_follow_each_other(platform: Platform, three: list[str]) -> None:
    query = {"sort": "created_at", "order": "asc"}  # what is created meanwhile comes last
    names = [job["name"] for job in everything(platform, **query)]
    paged = [data(platform, page=page, per_page=2, **query) for page in (1, 2)]
    assert [job["name"] for page in paged for job in page] == names[:4]
    assert data(platform, page=10**6) == [], "behind the last page there is nothing"


@contract(
    "`page` (from 1", "**maximum 100**", "`status` (one of the six)", "| 400 | invalid parameters or configuration |"
)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("page", "0"), ("page", "-1"), ("page", "x"), ("per_page", "0"), ("per_page", "101"), ("per_page", "x")),
        *(("sort", "cost"), ("order", "up"), ("status", "unknown"), ("status", "done")),
    ],
)
def test_a_parameter_out_of_its_rule_is_refused(platform: Platform, name: str, value: str) -> None:
    assert name in error_of(platform.page(**{name: value}), 400), "the message names the parameter"


@contract("**maximum 100**")
def test_a_hundred_on_a_page_are_allowed(platform: Platform) -> None:
    assert platform.page(per_page=100).json()["pagination"]["per_page"] == 100
