"""A yardstick: the SeedJob operator that a competent newcomer to kopf writes first. FROZEN: never tune it.

One handler each for create, resume and delete, a timer for every object, kopf's defaults, an async HTTP client with an
unbounded pool (with httpx's default pool 1,000 timers starve each other and it never ends), one patch for each change.
It was written before the operator was tuned. Changing it would change what every figure is compared with.

Run with `kopf run --all-namespaces benchmarks/obvious_operator.py`, with SEED_API_URL, SEED_API_TOKEN and SEED_NAMESPACE.
"""

import os
from typing import Any

import httpx
import kopf

URL = os.environ["SEED_API_URL"]
NAMESPACE = os.environ["SEED_NAMESPACE"]
INTERVAL = 5.0
PHASES = {
    "queued": "Queued",
    "running": "Running",
    "succeeded": "Succeeded",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "timed_out": "TimedOut",
}
ENDED = {"Succeeded", "Failed", "Cancelled", "TimedOut"}

client = httpx.AsyncClient(
    base_url=URL,
    headers={"Authorization": f"Bearer {os.environ['SEED_API_TOKEN']}"},
    limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
    timeout=30.0,
    trust_env=False,
)


def job_name(name: str, uid: str) -> str:
    """Name the remote job after the object, so that a repeated create is refused instead of made twice."""
    return f"{name}-{uid[:8]}"


def check(response: httpx.Response) -> httpx.Response:
    """Turn a refusal into a retry by kopf."""
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise kopf.TemporaryError("rate limited", delay=float(response.headers.get("Retry-After", "60")))
    if response.is_error:
        raise kopf.TemporaryError(f"the platform answered {response.status_code}", delay=10)
    return response


def describe(job: dict[str, Any]) -> dict[str, Any]:
    """Give the status for a remote job."""
    status = {
        "jobName": job["name"],
        "jobId": job["id"],
        "phase": PHASES.get(job["status"], "Unknown"),
        "startTime": job["started_at"],
        "completionTime": job["completed_at"],
    }
    if job["progress"]:
        status["progress"] = {"message": job["progress"]}
    return {key: value for key, value in status.items() if value is not None}


@kopf.on.create("seed.dev", "v1alpha1", "seedjobs")
@kopf.on.resume("seed.dev", "v1alpha1", "seedjobs")
async def submit(spec: kopf.Spec, status: kopf.Status, name: str, uid: str, patch: kopf.Patch, **_: Any) -> None:
    """Create the remote job, unless that was done."""
    if status.get("jobId"):
        return
    wanted = spec["job"]
    body = {"name": job_name(name, uid), "command": wanted["command"], "gpu": wanted["gpu"]["type"]}
    body |= {field: wanted[field] for field in ("image", "repo", "branch", "cpu", "region", "spot") if field in wanted}
    response = await client.post(f"/auth/v1/seed/{NAMESPACE}/jobs", json=body)
    if response.status_code == httpx.codes.CONFLICT:
        response = await client.get(f"/{NAMESPACE}/job/{body['name']}")
    patch.status.update(describe(check(response).json()))


@kopf.timer("seed.dev", "v1alpha1", "seedjobs", interval=INTERVAL)
async def follow(status: kopf.Status, patch: kopf.Patch, **_: Any) -> None:
    """Look at the remote job, and record what changed."""
    if not status.get("jobId") or status.get("phase") in ENDED:
        return
    job = check(await client.get(f"/{NAMESPACE}/job/{status['jobName']}")).json()
    now = describe(job)
    if now["phase"] in ENDED:
        analytics = check(await client.get(f"/{NAMESPACE}/job/{status['jobName']}/analytics")).json()
        now["exitCode"] = job["exit_code"]
        now["analytics"] = {"runtimeSeconds": analytics["summary"]["runtime_seconds"]}
    changed = {key: value for key, value in now.items() if status.get(key) != value}
    if changed:
        patch.status.update(changed)


@kopf.on.delete("seed.dev", "v1alpha1", "seedjobs")
async def remove(status: kopf.Status, **_: Any) -> None:
    """Cancel the remote job, and remove its record."""
    if not status.get("jobId"):
        return
    path = f"/auth/v1/seed/{NAMESPACE}/jobs/{status['jobName']}"
    response = await client.post(f"{path}/cancel")
    if response.status_code not in {httpx.codes.CONFLICT, httpx.codes.NOT_FOUND}:
        check(response)
    response = await client.delete(path)
    if response.status_code != httpx.codes.NOT_FOUND:
        check(response)
