"""One pass over one SeedJob: observe, decide, write, act, and again until there is nothing left to do now."""

import asyncio
import contextlib
import dataclasses
import logging
import random
from collections.abc import AsyncIterator
from datetime import timedelta

from pydantic import ValidationError

from seedjob_operator import metrics
from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.connections import Connections
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.kubernetes import (
    ConflictError,
    Document,
    KubernetesError,
    NotFoundError,
    SeedObjects,
)
from seedjob_operator.controller.lanes import Lanes, lane_of
from seedjob_operator.controller.leadership import Leadership, NotLeaderError
from seedjob_operator.controller.links import Link
from seedjob_operator.controller.observations import Observations
from seedjob_operator.controller.queue import KeyQueue
from seedjob_operator.controller.recorder import EventRecorder
from seedjob_operator.controller.sources import SourceReader
from seedjob_operator.controller.steps import Steps
from seedjob_operator.controller.store import Store, desired_of, precondition_of
from seedjob_operator.core import learning
from seedjob_operator.core.decide import decide
from seedjob_operator.core.decision import CreateJob, Decision, Event, EventType, ReadResult, Step
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Connection, Desired, Hold, Observed
from seedjob_operator.logs import about, note_attempt
from seedjob_operator.seedapi.wire import Job

_log = logging.getLogger(__name__)
PASSES = 12
"""Passes at a time that compute or talk to Kubernetes; beside them there are those that wait for the platform."""
MOST_STEPS = 12
"""Steps in one pass; more means that the platform contradicts itself, and the rest can wait."""
RETRY_KUBERNETES = 2.0
LONGEST_RETRY_KUBERNETES = 60.0
RETRY_UNSETTLED = 10.0


@dataclasses.dataclass(kw_only=True)
class Reconciler:
    """Makes passes. One key is never worked on twice at a time; the queue sees to that."""

    seedjobs: SeedObjects
    store: Store
    observations: Observations
    connections: Connections
    sources: SourceReader
    recorder: EventRecorder
    leadership: Leadership
    queue: KeyQueue
    clock: Clock
    failures: dict[Key, int] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Set up who works on what."""
        self._lanes = Lanes(self.queue.add)
        self._hands = asyncio.Semaphore(PASSES)

    async def run(self) -> None:
        """Take keys off the queue until cancelled, a task for each: one that waits for the platform holds up none."""
        async with asyncio.TaskGroup() as passes:
            while True:
                await self._hands.acquire()
                key = await self.queue.get()
                metrics.QUEUE_LENGTH.set(len(self.queue))
                passes.create_task(self._pass(key))

    async def _pass(self, key: Key) -> None:
        try:
            await self._guarded(key)
        finally:
            self._lanes.leave(key)
            self.queue.done(key)
            self._hands.release()

    @contextlib.asynccontextmanager
    async def _waiting(self) -> AsyncIterator[None]:
        """Leave the work to others meanwhile."""
        self._hands.release()
        try:
            yield
        finally:
            await self._hands.acquire()

    async def _guarded(self, key: Key) -> None:
        """Make a pass; whatever goes wrong in it is told, and the key comes again."""
        with about(key):
            outcome = "done"
            try:
                with metrics.RECONCILE_SECONDS.time():
                    await self.reconcile(key)
                self.failures.pop(key, None)
            except NotLeaderError:
                outcome = "not-leader"  # the one that leads now has the key in its own queue
                self.queue.add_after(key, RETRY_KUBERNETES)  # and where that is us again, it must not be forgotten
            except ConflictError:
                outcome = "conflict"
                await self._read_again(key)
            except NotFoundError:
                outcome = "gone"
                await self._read_again(key)
            except KubernetesError as error:
                outcome = "kubernetes"
                self._put_off(key, error)
            except Exception:  # noqa: BLE001  # one object's bug must not stop the others
                outcome = "bug"
                _log.exception("this pass failed by a fault in the operator; it is tried again in a minute")
                self.queue.add_after(key, _jittered(60.0))
            metrics.RECONCILES.labels(outcome).inc()

    async def _read_again(self, key: Key) -> None:
        """The object wasn't what we thought: look at what it is, then decide anew."""
        try:
            self.store.put(await self.seedjobs.get(key))
        except NotFoundError:
            self.forget(key)
        except KubernetesError as error:
            self._put_off(key, error)
        else:
            self.queue.add(key)

    def _put_off(self, key: Key, error: KubernetesError) -> None:
        """Try again later, and later each time."""
        failures = self.failures.get(key, 0)
        self.failures[key] = failures + 1
        delay = min(RETRY_KUBERNETES * 2.0 ** min(failures, 10), LONGEST_RETRY_KUBERNETES)
        _log.warning("put off for %.0f s: %s", delay, error)
        self.queue.add_after(key, _jittered(delay))

    def forget(self, key: Key) -> None:
        """Drop all that is known of an object that is gone."""
        self.store.remove(key)
        self.observations.forget(key)
        self.queue.forget(key)
        self.connections.unfollow(key)
        self.sources.forget_job(key)
        self.failures.pop(key, None)

    async def reconcile(self, key: Key) -> None:
        """Make one pass.

        Raises:
            NotLeaderError: another replica may act; nothing was done.
            KubernetesError: Kubernetes refused a write or didn't answer.
        """
        self.leadership.check()
        body = self.store.get(key)
        if body is None:
            self.forget(key)
            return
        desired = self._read(body)
        if desired is None:
            return
        note_attempt(_attempt(desired))
        connection, link = await self.connections.for_job(key, _connection_name(desired), cleaning_up=desired.deleting)
        seen = self.observations.get(key, uid=desired.uid)
        rivals = self._rivals(key, desired, connection)
        observed = learning.pass_begun(seen, connection, clock_offset=_clock_offset(link), rivals=rivals)
        await self._steps(key, desired, observed, link)

    def _rivals(self, key: Key, desired: Desired, connection: Connection | Hold) -> frozenset[str]:
        """Give the jobs that other SeedJobs have recorded under the name that was chosen here: it may be chosen twice."""
        if desired.spec.job_name is None or isinstance(connection, Hold):
            return frozenset()
        name = desired.intent.job_name if desired.intent is not None else desired.spec.job_name
        taken = {"jobName": name, "seedNamespace": connection.seed_namespace}
        others = (
            body["status"] for other in self.store if other != key and (body := self.store.get(other)) is not None
        )
        return frozenset(
            str(status["jobId"]) for status in others if "jobId" in status and taken.items() <= status.items()
        )

    def _read(self, body: Document | object) -> Desired | None:
        try:
            return desired_of(body)  # type: ignore[arg-type]  # a store's document
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            _log.error(
                "spec.%s can't be read: %s; install the CRDs of this operator's version", where, first["msg"]
            )  # the trace would show values
            return None

    async def _steps(self, key: Key, desired: Desired, observed: Observed, link: Link | None) -> None:
        steps = Steps(
            key=key,
            desired=desired,
            link=link,
            seedjobs=self.seedjobs,
            store=self.store,
            sources=self.sources,
            clock=self.clock,
        )
        before = dict(self.store.get(key) or {})
        for _ in range(MOST_STEPS):
            self.observations.put(key, observed, uid=desired.uid)
            decision = decide(desired, observed, self.clock.now())
            self._follow(key, decision, link)
            self.leadership.check()
            await self._write(key, decision)
            if decision.step is None:
                self.observations.put(key, learning.pass_ended(observed), uid=desired.uid)
                if decision.requeue_after is not None:
                    self.queue.add_after(key, _jittered(decision.requeue_after))
                return
            taken = await self._take(steps, decision.step, observed)
            if taken is None:
                return
            observed = taken
            self.leadership.check()
            body = self.store.get(key)
            if body is None or body["metadata"]["uid"] != desired.uid:
                await self._tell_of_orphan(decision.step, observed, before)
                return
            before, desired = dict(body), desired_of(body)
            steps.desired = desired
        self.observations.put(key, observed, uid=desired.uid)
        _log.warning("no end after %d steps; it goes on in %d s", MOST_STEPS, RETRY_UNSETTLED)
        self.queue.add_after(key, _jittered(RETRY_UNSETTLED))

    async def _take(self, steps: Steps, step: Step, observed: Observed) -> Observed | None:
        """Take a step; None where it has to wait in line, and is decided anew when a place is free."""
        lane = lane_of(step)
        if lane is None or steps.link is None:
            return await steps.take(step, observed)
        can_wait = not isinstance(step, ReadResult)
        if self._lanes.enter((steps.link.client.account, lane), steps.key, wait=can_wait):
            async with self._waiting():
                return await steps.take(step, observed)
        if can_wait:
            return None
        # The end itself is recorded now, the rest of the result later.
        return learning.result_read(observed, analytics=None, log_tail=None, now=self.clock.now())

    async def _tell_of_orphan(self, step: Step, observed: Observed, body: Document) -> None:
        """Somebody took the object away, finalizer and all, while its job was being made: say which job that is."""
        if not isinstance(step, CreateJob) or not isinstance(observed.remote, Job):
            return
        metrics.ORPHANED.inc()
        message = (
            f"The SeedJob was removed by force while the platform made its job {observed.remote.name}: it runs on."
        )
        event = Event(type=EventType.WARNING, reason=Reason.ORPHANED, message=message)
        await self.recorder.record(body, event)

    def _follow(self, key: Key, decision: Decision, link: Link | None) -> None:
        if decision.follow is not None and link is not None:
            self.connections.follow(key, decision.follow, link)
        elif decision.step is None:
            self.connections.unfollow(key)

    async def _write(self, key: Key, decision: Decision) -> None:
        """Store the status, then tell what it means: a status that was refused has no Events."""
        body = self.store.get(key)
        if body is None:
            return
        if decision.status is not None:
            written = await self.seedjobs.patch_status(
                key, precondition=precondition_of(body), status=decision.status.dump()
            )
            self.store.put(written)
        for event in decision.events:
            if event.reason is Reason.ORPHANED:
                metrics.ORPHANED.inc()
            await self.recorder.record(dict(body), event)


def _attempt(desired: Desired) -> int:
    """Give the attempt that a pass is about: the one in the intent, the recorded one, or the first."""
    return desired.intent.attempt if desired.intent is not None else max(desired.status.attempt or 0, 1)


def _connection_name(desired: Desired) -> str | None:
    """Give the SeedConnection of the attempt in force, else the one that the spec names."""
    intent = desired.intent
    if intent is not None and desired.status.job_id is not None:
        return intent.connection or None
    reference = desired.spec.connection_ref
    return None if reference is None else reference.name


def _clock_offset(link: Link | None) -> timedelta:
    return timedelta(seconds=0.0 if link is None else link.client.platform_time_offset)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.9, 1.1)  # noqa: S311  # jitter, no secret
