"""Where and who; Errors: credentials, limits, and the one shape of errors."""

import json

import httpx
import pytest

from conformance.platform_client import Platform, error_of

contract = pytest.mark.contract
LIMITS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@contract(
    "`GET {base}/{namespace}/...`",
    "`{base}/auth/v1/seed/{namespace}/jobs...`",
    "`Authorization: Bearer <token>` or `Authorization: API-Key <key_name>$<key_secret>`",
)
def test_the_credentials_open_the_namespace(platform: Platform) -> None:
    assert platform.page().status_code == 200
    assert platform.create(platform.body()).status_code == 201


@pytest.mark.needs("api_key")
@contract("`Authorization: API-Key <key_name>$<key_secret>`", "from an image with an API key alone (S)")
def test_an_api_key_alone_creates_a_job_from_an_image(platform: Platform) -> None:
    headers = {"Authorization": f"API-Key {platform.target.api_key}"}
    body = platform.body()
    created = platform.send("POST", "/auth/v1/seed/{namespace}/jobs", json=body, headers=headers)
    assert created.status_code == 201
    platform.wait(body["name"])


@pytest.mark.parametrize("credentials", ["", "Bearer", "Bearer not-a-token", "API-Key a$b", "Basic YTpi"])
@contract("| 401 | missing or invalid credentials |")
def test_without_good_credentials_everything_is_refused(platform: Platform, credentials: str) -> None:
    for method, path in (("GET", "/{namespace}/jobs"), ("POST", "/auth/v1/seed/{namespace}/jobs")):
        error_of(platform.send(method, path, headers={"Authorization": credentials}), 401)


@contract("| 403 | insufficient permissions |", "a user or an organization on the Seed platform")
def test_a_namespace_of_others_is_forbidden(platform: Platform) -> None:
    message = error_of(platform.send("GET", "/somebody-elses-namespace/jobs"), 403)
    assert message


@contract("| 404 | job does not exist |")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/{namespace}/job/no-such-job"),
        ("GET", "/{namespace}/job/no-such-job/logs"),
        ("GET", "/{namespace}/job/no-such-job/analytics"),
        ("POST", "/auth/v1/seed/{namespace}/jobs/no-such-job/cancel"),
        ("DELETE", "/auth/v1/seed/{namespace}/jobs/no-such-job"),
    ],
)
def test_a_job_that_does_not_exist(platform: Platform, method: str, path: str) -> None:
    error_of(platform.send(method, path), 404)


@contract("on every response: `X-RateLimit-Limit`, `X-RateLimit-Remaining`, `X-RateLimit-Reset`")
def test_every_response_tells_the_limits(platform: Platform) -> None:
    answers = (
        platform.page(),
        platform.page(page=0),
        platform.get("no-such-job"),
        platform.send("GET", "/somebody-elses-namespace/jobs"),
        platform.create({}),
    )
    assert [answer.status_code for answer in answers] == [200, 400, 404, 403, 400]
    for answer in answers:
        assert all(int(answer.headers[name]) >= 0 for name in LIMITS), answer.status_code
        assert int(answer.headers["X-RateLimit-Remaining"]) <= int(answer.headers["X-RateLimit-Limit"])


@pytest.mark.needs("limited_token")
@contract(
    "| rate limit, per credential | by plan: 60 requests/min with bursts of 10/s",
    "429 also `Retry-After`",
    "| 429 | rate limit exceeded |",
)
def test_a_limit_that_is_used_up(platform: Platform) -> None:
    headers = {"Authorization": f"{platform.target.scheme} {platform.target.limited_token}"}
    where = f"/{platform.target.namespace}/jobs"

    def ask() -> httpx.Response:
        return platform.http.get(where, params={"per_page": 1}, headers=headers)

    limit = int(ask().headers["X-RateLimit-Limit"])
    refused = next((answer for answer in (ask() for _ in range(limit)) if answer.status_code != 200), None)
    assert refused is not None, f"more than {limit} requests in a minute"
    assert error_of(refused, 429)
    assert int(refused.headers["Retry-After"]) >= 0
    assert all(name in refused.headers for name in LIMITS)
    assert platform.page().status_code == 200, "the limit is per credential: another one still has its own"


@contract("JSON both ways; requests with a body carry `Content-Type: application/json`")
def test_bodies_are_json(platform: Platform) -> None:
    assert platform.page().headers["Content-Type"].startswith("application/json")
    path, words = "/auth/v1/seed/{namespace}/jobs", json.dumps(platform.body()).encode()
    error_of(platform.send("POST", path, content=words, headers={"Content-Type": "text/plain"}), 400)
    error_of(platform.send("POST", path, content=b"{", headers={"Content-Type": "application/json"}), 400)


@contract('one consistent JSON shape: `{"error": {"code": str, "message": str, "details"?: any}}`')
def test_errors_have_one_shape(platform: Platform) -> None:
    error_of(platform.page(per_page=0), 400)
    error_of(platform.create([]), 400)
    error_of(platform.send("GET", "/somebody-elses-namespace/job/x"), 403)
    error_of(platform.get("no-such-job"), 404)


@pytest.mark.local  # elsewhere there is no way to ask for it
@contract("| 500 | Seed orchestration failure |")
def test_a_failure_of_the_platform(platform: Platform) -> None:
    fault = {"operation": "analytics", "kind": "fail", "status": 500}
    assert platform.http.post("/_control/faults", json=fault).status_code == 201
    error_of(platform.analytics("whoever"), 500)
    error_of(platform.analytics("whoever"), 404)


@pytest.mark.local
@contract("A namespace that the credential can't use gives 403, whether it exists or not.")
def test_a_namespace_that_is_nowhere_is_forbidden_too(platform: Platform) -> None:
    error_of(platform.send("GET", "/no-such-namespace-anywhere/job/no-such-job"), 403)
