"""Carries out the steps that `decide` asks for, one at a time, and says what came of them."""

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

from pydantic import ValidationError

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.faults import fault_of
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.kubernetes import Document, KubernetesError, NotFoundError, SeedObjects
from seedjob_operator.controller.links import Link
from seedjob_operator.controller.sources import SourceReader
from seedjob_operator.controller.store import Store, precondition_of
from seedjob_operator.core import environment, learning, masking
from seedjob_operator.core.decision import (
    BeginAttempt,
    CancelJob,
    CreateJob,
    DeleteJob,
    DeleteObject,
    DropIntent,
    HoldConnection,
    MaskTexts,
    NoteGone,
    ReadEnvironment,
    ReadJob,
    ReadResult,
    ReleaseFinalizer,
    Step,
    WriteIntent,
)
from seedjob_operator.core.environment import Environment
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.request import create_request
from seedjob_operator.core.snapshot import Desired, Hold, Observed
from seedjob_operator.resources import FINALIZER, INTENT_ANNOTATION
from seedjob_operator.seedapi import errors
from seedjob_operator.seedapi.budget import Priority
from seedjob_operator.seedapi.wire import Analytics

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
RESULT_WAIT = 10.0
"""Seconds for each part of a result; what comes later is added by one more write."""
SECRETS_WAIT = 5.0
"""Seconds for the Secrets whose values are masked in a job's words: less than a part of a result has."""
_MAY_NOT_READ = "The operator may not read what spec.job's environment refers to; give its ServiceAccount the right:"


@dataclasses.dataclass(kw_only=True)
class Steps:
    """One pass's hands. It lives for one pass: the environment that it read is dropped with it.

    `body` is the state of the object that was decided on, and the precondition of every write. `hold_connection` has our
    finalizer hold a SeedConnection, or says why it can't.
    """

    key: Key
    body: Document
    desired: Desired
    link: Link | None
    seedjobs: SeedObjects
    store: Store
    sources: SourceReader
    clock: Clock
    hold_connection: Callable[[Key], Awaitable[Hold | None]]
    _environment: Environment | None = dataclasses.field(default=None, repr=False)

    async def take(self, step: Step, observed: Observed) -> Observed:
        """Carry out one step.

        Raises:
            KubernetesError: Kubernetes refused a write or didn't answer; nothing is known to have changed.
        """
        match step:
            case WriteIntent() | DropIntent() | ReleaseFinalizer():
                return await self._write_metadata(step, observed)
            case ReadEnvironment():
                return await self._read_environment(step, observed)
            case HoldConnection():
                hold = await self.hold_connection(Key(self.key.namespace, step.name))
                return learning.connection_held(observed, hold)
            case MaskTexts():
                return await self._mask(step, observed)
            case BeginAttempt():
                return learning.attempt_begun(observed)
            case NoteGone():
                return learning.noted_gone(observed, step.name)
            case DeleteObject():
                return await self._delete_object(observed)
        if self.link is None:
            raise RuntimeError("a remote step needs a connection; the rules ask for none without")
        try:
            return await self._take_remote(step, self.link, observed)
        except errors.SeedError as error:
            return learning.step_failed(observed, fault_of(error, now=self._now()))

    async def _take_remote(self, step: Step, link: Link, observed: Observed) -> Observed:
        match step:
            case ReadJob():
                return await self._read_job(step, link, observed)
            case CreateJob():
                return await self._create(step, link, observed)
            case CancelJob():
                return await self._cancel(step, link, observed)
            case DeleteJob():
                return await self._delete(step, link, observed)
            case ReadResult():
                return await self._read_result(step, link, observed)
        raise TypeError(f"no such step: {type(step).__name__}")

    def _now(self) -> datetime:
        return self.clock.now()

    def took(self, written: Document) -> None:
        """Go on with what a write of ours made of the object."""
        self.store.put(written)
        self.body = written

    async def _write_metadata(self, step: WriteIntent | DropIntent | ReleaseFinalizer, observed: Observed) -> Observed:
        finalizers = [name for name in self.body["metadata"].get("finalizers", ()) if name != FINALIZER]
        change: Document = {"finalizers": finalizers}
        after = observed
        if isinstance(step, WriteIntent):
            change = {"finalizers": [*finalizers, FINALIZER], "annotations": {INTENT_ANNOTATION: step.intent.dump()}}
            after = learning.intent_written(observed, before=self.desired.intent, written=step.intent, known=step.sent)
        else:
            change["annotations"] = {INTENT_ANNOTATION: None}
        if isinstance(step, DropIntent):
            after = learning.intent_dropped(observed)
        written = await self.seedjobs.patch_metadata(self.key, precondition=precondition_of(self.body), metadata=change)
        if isinstance(step, ReleaseFinalizer) and not written["metadata"].get("finalizers"):
            self.store.remove(self.key, uid=self.desired.uid)  # nothing holds it: with this write it is gone
        else:
            self.took(written)
        return after

    async def _delete_object(self, observed: Observed) -> Observed:
        await self.seedjobs.delete(self.key, precondition=precondition_of(self.body))
        try:
            self.took(await self.seedjobs.get(self.key))
        except NotFoundError:
            self.store.remove(self.key, uid=self.desired.uid)
        return observed

    async def _read_environment(self, step: ReadEnvironment, observed: Observed) -> Observed:
        job = self.desired.spec.job
        try:
            read = await self.sources.for_job(self.key.namespace, job)
        except KubernetesError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            hold = Hold(reason=Reason.ENVIRONMENT_UNREADABLE, message=f"{_MAY_NOT_READ} {error}")
            return learning.environment_read(observed, hold)
        built = environment.build(job, read, attempt=step.attempt, previous_artifacts=step.previous_artifacts)
        if isinstance(built, Hold):
            return learning.environment_read(observed, built)
        self._environment = built
        known = None if self.desired.intent is None else self.desired.intent.secrets
        return learning.environment_read(observed, None, secrets=masking.stamp(read, known=known))

    async def _read_job(self, step: ReadJob, link: Link, observed: Observed) -> Observed:
        priority = Priority.CANCEL_DELETE if step.urgent else Priority.GET
        try:
            job = await link.client.get_job(step.name, priority=priority)
        except errors.NotFoundError:
            return learning.job_absent(observed, now=self._now())
        return learning.job_seen(observed, job, now=self._now())

    async def _create(self, step: CreateJob, link: Link, observed: Observed) -> Observed:
        if self._environment is None:
            raise RuntimeError("a create needs the environment; the rules read it first")
        try:
            request = create_request(
                self.desired.spec.job, name=step.intent.job_name, environment=self._environment.values
            )
        except ValidationError as error:
            return learning.create_failed(
                observed,
                learning.Answer.REJECTED,
                fault=None,
                message=_invalid(error),
                spec_hash=step.intent.spec_hash,
            )
        try:
            job = await link.client.create_job(request)
        except errors.SeedError as error:
            return self._create_failed(observed, error, spec_hash=step.intent.spec_hash)
        return learning.job_created(observed, job, now=self._now())

    def _create_failed(self, observed: Observed, error: errors.SeedError, *, spec_hash: str) -> Observed:
        answer = _answer(error)
        if answer in {learning.Answer.CONFLICT, learning.Answer.REJECTED}:
            return learning.create_failed(observed, answer, fault=None, message=error.message, spec_hash=spec_hash)
        return learning.create_failed(observed, answer, fault=fault_of(error, now=self._now(), listing=True))

    async def _cancel(self, step: CancelJob, link: Link, observed: Observed) -> Observed:
        try:
            job = await link.client.cancel_job(step.name)
        except errors.ConflictError:
            return learning.cancel_taken(observed, None, now=self._now())
        except errors.NotFoundError:
            return learning.job_absent(observed, now=self._now())
        return learning.cancel_taken(observed, job, now=self._now())

    async def _delete(self, step: DeleteJob, link: Link, observed: Observed) -> Observed:
        try:
            await link.client.delete_job(step.name, delete_artifacts=step.delete_artifacts)
        except errors.ConflictError:
            return learning.delete_refused(observed)
        except errors.NotFoundError:
            pass
        return learning.record_deleted(observed)

    async def _read_result(self, step: ReadResult, link: Link, observed: Observed) -> Observed:
        analytics = await self._soon(self._analytics(step.name, link))
        tail = await self._soon(self._log_tail(step, link)) if step.tail_lines else None
        return learning.result_read(observed, analytics=analytics, log_tail=tail, now=self._now())

    async def _soon(self, reading: Awaitable[_T]) -> _T | None:
        """Wait a little for a part of a result: the end itself is what should be recorded soon."""
        try:
            async with asyncio.timeout(RESULT_WAIT):
                return await reading
        except (errors.SeedError, KubernetesError, TimeoutError) as error:
            _log.info("a part of the result wasn't to be had yet: %s", str(error) or "no turn in time")
            return None

    async def _analytics(self, name: str, link: Link) -> Analytics:
        return await link.client.get_analytics(name)

    async def _log_tail(self, step: ReadResult, link: Link) -> tuple[str, ...]:
        lines = await link.client.get_logs(step.name, tail=step.tail_lines)
        try:
            secrets = await self._masks(step.secrets)
        except KubernetesError:
            if not step.last:
                raise
            secrets = None
        if secrets is None:
            return (masking.withheld(step.name),)
        return tuple(masking.masked(line.message, secrets) for line in lines[-step.tail_lines :])

    async def _mask(self, step: MaskTexts, observed: Observed) -> Observed:
        """Mask texts that wait to be written; where the Secrets can't be read just now, the rest doesn't wait for them."""
        try:
            secrets = await self._masks(step.secrets)
        except KubernetesError as error:
            _log.warning("the job's own words are left out for now: %s", error)
            return learning.texts_unmasked(observed, step.texts, now=self._now())
        texts = {text: None if secrets is None else masking.masked(text, secrets) for text in step.texts}
        return learning.texts_masked(observed, texts)

    async def _masks(self, stamp: str | None) -> frozenset[str] | None:
        """Give what has to be masked; None where the Secrets aren't those that were sent, or may not be read.

        Raises:
            KubernetesError: they can't be read just now.
        """
        if not stamp:
            return None if stamp is None else frozenset()
        job = self.desired.spec.job
        try:
            async with asyncio.timeout(SECRETS_WAIT):
                return masking.masks(job, await self.sources.secrets_of(self.key.namespace, job), stamp)
        except TimeoutError:
            raise KubernetesError(f"the job's Secrets didn't come within {SECRETS_WAIT:.0f} s") from None
        except KubernetesError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            return None


def _answer(error: errors.SeedError) -> learning.Answer:
    if isinstance(error, errors.ConflictError):
        return learning.Answer.CONFLICT
    if isinstance(error, errors.SpecRejectedError):
        return learning.Answer.REJECTED
    return learning.Answer.UNANSWERED if error.outcome_unknown else learning.Answer.REFUSED


def _invalid(error: ValidationError) -> str:
    """Name the fields that can't be sent, never their values."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}."
