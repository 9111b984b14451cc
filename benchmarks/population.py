"""Thousands of SeedJobs as an operator would have left them: one of each kind is really made, the others are copies."""

import dataclasses
import itertools
import json
from functools import partial
from typing import Any

from benchmarks.apiserver import SEEDJOBS, Body, at_once, manifest
from benchmarks.jobs import Script
from benchmarks.stage import Stage
from benchmarks.subjects import Subject

_RUNNING, _ENDED = "template-running", "template-ended"
_SETTLE_SECONDS = 12.0
_TEMPLATE_SECONDS = 90.0
_LOADED_AT_ONCE = 1_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Template:
    """A SeedJob that an operator made, and its job as the platform has it."""

    body: Body
    job: dict[str, Any]


async def populate(stage: Stage, subject: Subject, *, running: int, ended: int, script: Script, plan: str) -> None:
    """Fill Kubernetes and the platform, the two templates among them; the platform is then set to the script and plan."""
    settling = dataclasses.replace(script, queued_for=0.5, runs_for=None)
    await stage.prepare(settling)
    templates = await _templates(stage, subject)
    await stage.prepare(script, plan=plan)
    left = (running - 1, ended - 1) if ended else (running - 1, 0)
    kinds = itertools.chain(itertools.repeat(templates[0], left[0]), itertools.repeat(templates[1], left[1]))
    jobs: list[dict[str, Any]] = []
    await at_once(
        partial(_copy, stage, subject, template, number, jobs) for number, template in enumerate(kinds, start=1)
    )
    for first in range(0, len(jobs), _LOADED_AT_ONCE):
        await stage.control("load", jobs=jobs[first : first + _LOADED_AT_ONCE])
    await stage.control("forget-requests")


async def _templates(stage: Stage, subject: Subject) -> tuple[_Template, _Template]:
    for name in (_RUNNING, _ENDED):
        await stage.create_seedjob(manifest(name))
    await stage.start(subject)
    await _wait_for(stage, Running=2)
    ended = await stage.api.get(f"{SEEDJOBS}/{_ENDED}")
    await stage.control("end", names=[ended["status"]["jobName"]], within=0.0)
    await _wait_for(stage, Running=1, Succeeded=1)
    await stage.hold(_SETTLE_SECONDS)
    stage.stop_subject()
    jobs = {job["name"]: job for job in (await stage.control("ledger"))["jobs"]}
    found = [await stage.api.get(f"{SEEDJOBS}/{name}") for name in (_RUNNING, _ENDED)]
    first, second = (_Template(body=body, job=jobs[body["status"]["jobName"]]) for body in found)
    return first, second


async def _wait_for(stage: Stage, **phases: int) -> None:
    async def reached() -> bool:
        found = (await stage.seen())["phases"]
        return all(found.get(phase) == count for phase, count in phases.items())

    if not await stage.until(reached, seconds=_TEMPLATE_SECONDS):
        raise RuntimeError(f"the templates did not come to {phases}, but to {(await stage.seen())['phases']}")


async def _copy(stage: Stage, subject: Subject, template: _Template, number: int, jobs: list[dict[str, Any]]) -> None:
    """Make a SeedJob like a template, with the name, UID, remote name and remote id of its own wherever those stand."""
    name = f"job-{number:06d}"
    metadata = template.body["metadata"]
    created = await stage.create_seedjob(manifest(name) | {"metadata": _own(metadata, name)})
    uid, job_id = created["metadata"]["uid"], f"job_copy{number:08d}"
    job_name = subject.job_name(name, uid)
    status = template.body["status"]
    text = json.dumps({"annotations": metadata.get("annotations", {}), "status": status})
    for old, new in (
        (status["jobName"], job_name),
        (status["jobId"], job_id),
        (metadata["uid"], uid),
        (metadata["name"], name),
    ):
        text = text.replace(old, new)
    own = json.loads(text)
    path = f"{SEEDJOBS}/{name}"
    await stage.api.patch(path, {"metadata": {"annotations": own["annotations"]}})
    await stage.api.patch(f"{path}/status", {"status": own["status"]})
    times = {moment: template.job[moment] for moment in ("created", "started", "ended")}
    jobs.append({"id": job_id, "name": job_name, **times})


def _own(metadata: Body, name: str) -> Body:
    kept: Body = {field: metadata[field] for field in ("labels", "finalizers") if field in metadata}
    return {"name": name, **kept}
