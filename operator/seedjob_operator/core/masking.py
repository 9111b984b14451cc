"""What of a job's own words may be told: never the value of a Secret that it was given.

The values themselves are kept nowhere. What is kept, in the intent, is which versions of its Secrets an attempt was sent
(a stamp of their UIDs and of who wrote their data when, else of their resource versions; it says nothing of what is in them).
As long as the Secrets are those, their values are masked; where one was written to, removed or can't be read, nobody knows
what to mask, and the words are left out. So they are while Kubernetes fails to give the Secrets; they come once it does.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from datetime import timedelta

from seedjob_operator.core import progress
from seedjob_operator.core.case import Case
from seedjob_operator.core.decision import Decision, MaskTexts, Step
from seedjob_operator.core.environment import Sources, given_names, references
from seedjob_operator.core.situation import Situation
from seedjob_operator.resources import JobSpec
from seedjob_operator.seedapi.wire import Job

NO_SECRETS = ""
"""The stamp of an environment without Secrets."""
SEVERAL = "several"
"""The stamp of an attempt that may have been sent either of several versions."""
_STAMP_DIGITS = 16
_RETRY = timedelta(minutes=1)
"""How long an active job's words are left out before Secrets that couldn't be read are read again."""
_BETWEEN_LATE_LOOKS = timedelta(seconds=5)
"""The same for an ended job, within one look for late results: one read for each."""


def stamp(read: Sources, *, known: str | None = None) -> str:
    """Say which versions of its Secrets an environment is built from: as was said before, where they are those."""
    stamps = _stamps(read)
    return known if known in stamps else stamps[0]


def _stamps(read: Sources) -> tuple[str, ...]:
    """Give all that may be said of the same Secrets, the best first; one that isn't there counts as such.

    A label changes the resource version and no value. When data were written isn't always to be had.
    """
    if not read.secrets:
        return (NO_SECRETS,)
    there = {name for name, data in read.secrets.items() if data is not None}
    kinds = (read.written, read.versions) if there <= read.written.keys() else (read.versions,)
    return tuple(_digest({name: kind.get(name, "") for name in read.secrets}) for kind in kinds)


def _digest(states: Mapping[str, str]) -> str:
    told = "\n".join(f"{name}={state}" for name, state in sorted(states.items()))
    return hashlib.sha256(told.encode()).hexdigest()[:_STAMP_DIGITS]


def sent(case: Case) -> str | None:
    """Give the stamp of the Secrets that the attempt in force was sent; None where nobody knows.

    Nobody does of a job that was adopted, and none can be masked that the spec doesn't refer to any more. Users can write
    the intent: that there were no Secrets isn't believed of a spec that refers to some.
    """
    known = case.intent.secrets if case.intent is not None else None
    spec_holds = case.sent_hash == case.desired.spec_hash
    if not spec_holds:
        return NO_SECRETS if known == NO_SECRETS else None
    if not references(case.desired.spec.job)[0]:
        return NO_SECRETS
    return None if known in {NO_SECRETS, SEVERAL} else known


def to_send(case: Case, job_name: str) -> str | None:
    """Give the stamp for an intent that announces a create, which may not be the first one under its name."""
    stored, read = case.stored_intent, case.observed.secrets
    reopened = stored is not None and stored.job_name == job_name and case.may_have_been_sent
    return SEVERAL if reopened and stored is not None and stored.secrets != read else read


def masks(job: JobSpec, read: Sources, stamp_sent: str | None) -> frozenset[str] | None:
    """Give the values that have to be masked; None where they aren't those that were sent."""
    if stamp_sent == NO_SECRETS:
        return frozenset()
    return _values(job, read) if stamp_sent in _stamps(read) else None


def _values(job: JobSpec, read: Sources) -> frozenset[str]:
    found: set[str] = set()
    for whole in job.env_from or ():
        if whole.secret_ref is not None:
            found |= set(given_names(whole, read.secrets.get(whole.secret_ref.name) or {}).values())
    for variable in job.env or ():
        reference = variable.value_from.secret_key_ref if variable.value_from is not None else None
        if reference is not None:
            found.add((read.secrets.get(reference.name) or {}).get(reference.key, ""))
    return frozenset(value for value in found if value)


def masked(line: str, secrets: frozenset[str]) -> str:
    """Replace each secret value in a text by `***`, longer ones first."""
    for secret in sorted(_parts(secrets), key=len, reverse=True):
        line = line.replace(secret, "***")
    return line


def _parts(secrets: frozenset[str]) -> Iterator[str]:
    """A secret of several lines shows up in a log line by line."""
    for secret in secrets:
        yield from (part for part in {secret, *secret.splitlines()} if part.strip())


def withheld(job_name: str) -> str:
    """Say in place of a log why it isn't there."""
    return (
        "(The log's last lines are left out: a Secret of this job was written to since it was submitted, is gone or can't be "
        f"read, so that nobody here knows what to mask. Read the log of {job_name} on the platform.)"
    )


def mask_first(case: Case, job: Job) -> MaskTexts | None:
    """Give the step before the job's words can be told; None where they can be, or it has none."""
    stamp_sent = sent(case)
    if stamp_sent == NO_SECRETS:
        return None
    texts = _texts(job)
    looked_through = case.observed.masked.keys() >= set(texts) and _seconds_to_retry(case) != 0
    return None if looked_through else MaskTexts(texts=texts, secrets=stamp_sent)


def _texts(job: Job) -> tuple[str, ...]:
    return tuple(text for text in (job.progress, job.error) if text)


def mask_late(case: Case) -> MaskTexts | None:
    """Give the step that masks an ended job's last words, where they weren't to be had, or not to be masked, at its end."""
    failed_at = case.observed.unmasked_at
    just_failed = failed_at is not None and case.now - failed_at < _BETWEEN_LATE_LOOKS
    job = case.observed.remote
    if just_failed or not lacks_last_words(case) or not isinstance(job, Job):
        return None
    return MaskTexts(texts=_texts(job), secrets=sent(case))


def lacks_last_words(case: Case) -> bool:
    """Tell whether the words of a job's end are known and left out, and may yet be told."""
    return has_new_words(case) or (_last_words(case) is not None and case.observed.unmasked_at is not None)


def has_new_words(case: Case) -> bool:
    """Tell whether a read showed words of a job's end that weren't looked through: a list leaves them out."""
    words, observed = _last_words(case), case.observed
    return words is not None and observed.fresh and words not in observed.masked and sent(case) != NO_SECRETS


def _last_words(case: Case) -> str | None:
    job = case.observed.remote
    return (job.error or None) if isinstance(job, Job) and job.status.terminal else None


def _seconds_to_retry(case: Case) -> float | None:
    """Give the seconds until Secrets that couldn't be read are read again; None where they could be."""
    failed_at = case.observed.unmasked_at
    return None if failed_at is None else max((failed_at + _RETRY - case.now).total_seconds(), 0.0)


def told(case: Case, job: Job) -> Job:
    """Give the job with its words as they may be told; those that weren't masked yet are left out."""
    if sent(case) == NO_SECRETS:
        return job
    error = case.observed.masked.get(job.error) if job.error else None
    return job.model_copy(update={"progress": _progress(case, job), "error": error})


def _progress(case: Case, job: Job) -> str | None:
    """How far the job is can be told in any case: a percentage gives no secret away."""
    text = job.progress
    looked_at = text in case.observed.masked or case.observed.unmasked_at is not None
    if not text or not looked_at:
        return None
    safe, percent = case.observed.masked.get(text), _percent(text)
    return safe if percent is None or (safe is not None and _percent(safe) == percent) else f"{percent} %"


def _percent(text: str) -> int | None:
    read = progress.read_progress(text, runtime_seconds=None)
    return None if read is None else read.percent


def settle(
    case: Case,
    situation: Situation,
    *,
    step: Step | None = None,
    requeue_after: float | None = None,
    follow: str | None = None,
) -> Decision:
    """Record a situation as `Case.settle` does, its job's words masked: only when they are going to be written.

    No step waits for that, nor does the rest of the status where the Secrets can't be read: the words come later.
    """
    decision = case.settle(situation, step=step, requeue_after=requeue_after, follow=follow)
    job = situation.job
    if job is None:
        return decision
    retry = _seconds_to_retry(case)
    first = mask_first(case, job) if step is None and not retry else None
    if first is not None:
        return decision if decision.status is None else Decision(step=first, follow=follow)
    shown = told(case, job)
    if shown is job:
        return decision
    wait = min((seconds for seconds in (requeue_after, retry) if seconds), default=None)
    return case.settle(dataclasses.replace(situation, job=shown), step=step, requeue_after=wait, follow=follow)
