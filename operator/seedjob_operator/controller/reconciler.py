"""Takes keys off the queue and has passes made: what is observed for each, what becomes of its failures."""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from seedjob_operator import metrics
from seedjob_operator.controller import owners
from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.connections import Connections
from seedjob_operator.controller.holding import Holder
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.kubernetes import (
    ConflictError,
    KubernetesError,
    NotFoundError,
    SeedObjects,
)
from seedjob_operator.controller.lanes import Lanes, lane_of
from seedjob_operator.controller.leadership import Leadership, NotLeaderError
from seedjob_operator.controller.links import Link
from seedjob_operator.controller.observations import Observations
from seedjob_operator.controller.passes import OutdatedError, Pass, jittered, tell
from seedjob_operator.controller.queue import KeyQueue
from seedjob_operator.controller.recorder import EventRecorder
from seedjob_operator.controller.sources import SourceReader
from seedjob_operator.controller.steps import Steps
from seedjob_operator.controller.store import Document as Body
from seedjob_operator.controller.store import Store, desired_of, reconcile_at_of, version_of
from seedjob_operator.core import binding, deletion, learning
from seedjob_operator.core.case import Case
from seedjob_operator.core.decision import ReadResult, ReleaseFinalizer, Step, WriteIntent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Connection, Desired, Observed
from seedjob_operator.logs import about, note_attempt
from seedjob_operator.resources import FINALIZER

_log = logging.getLogger(__name__)
PASSES = 12
"""Passes at a time that compute or talk to Kubernetes; beside them there are those that wait for the platform."""
RETRY_KUBERNETES = 2.0
LONGEST_RETRY_KUBERNETES = 60.0
RETRY_CONFLICT = 1.0


@dataclasses.dataclass(kw_only=True)
class Reconciler:
    """Makes passes. One key is never worked on twice at a time; the queue sees to that."""

    seedjobs: SeedObjects
    store: Store
    observations: Observations
    connections: Connections
    holder: Holder
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
        self._adopting = asyncio.Lock()
        self._vanished: dict[Key, list[Body]] = {}
        self._let_go: set[str] = set()

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
                outcome = "not-leader"  # whoever begins to act looks at all objects, this replica too
                self._vanished.pop(key, None)
            except OutdatedError:
                outcome = "outdated"
                self.queue.add(key)
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
                self.observations.forget(key)  # it may have done more than it could take note of
                self.queue.add_after(key, jittered(60.0))
            metrics.RECONCILES.labels(outcome).inc()

    async def _read_again(self, key: Key) -> None:
        """The object wasn't what we thought: look at what it is, then decide anew."""
        before = self.store.get(key)
        try:
            news = self.store.put(await self.seedjobs.get(key))
        except NotFoundError:
            if before is not None:
                self.vanished(key, uid=before["metadata"]["uid"])
            self.queue.add(key)
        except KubernetesError as error:
            self._put_off(key, error)
        else:
            self.queue.add_after(key, 0.0 if news else RETRY_CONFLICT)

    def _put_off(self, key: Key, error: KubernetesError) -> None:
        """Try again later, and later each time."""
        failures = self.failures.get(key, 0)
        self.failures[key] = failures + 1
        delay = min(RETRY_KUBERNETES * 2.0 ** min(failures, 10), LONGEST_RETRY_KUBERNETES)
        _log.warning("put off for %.0f s: %s", delay, error)
        self.queue.add_after(key, jittered(delay))

    def vanished(self, key: Key, *, uid: str) -> None:
        """Take in that an object is gone. One that we didn't let go of may leave a remote job behind: that is told."""
        body = self.store.get(key)
        removed = self.store.remove(key, uid=uid)
        if uid in self._let_go:  # a watch that lags told of it once more in between
            self._let_go.discard(uid)
            return
        if not removed or body is None:
            return
        if self.leadership.held and FINALIZER in body["metadata"].get("finalizers", ()):
            self._vanished.setdefault(key, []).append(body)

    def _released(self, key: Key, uid: str) -> None:
        """Forget what the watch told before our own write was answered: we did let go of that object."""
        told = self._vanished.pop(key, [])
        kept = [body for body in told if body["metadata"]["uid"] != uid]
        if len(kept) == len(told):
            self._let_go.add(uid)  # the watch has yet to tell that it is gone
        if kept:
            self._vanished[key] = kept

    async def _tell_of_vanished(self, key: Key) -> None:
        for body in self._vanished.pop(key, []):
            desired = desired_of(body)
            seen = self.observations.get(key, uid=desired.uid)
            # A write of ours that wasn't answered may have let go of it: what went with that is what there is to tell.
            let_go = [event for event in seen.tried if event.reason is Reason.ORPHANED]
            for event in let_go or deletion.abandoned(Case(desired, seen, self.clock.now())):
                if event not in seen.told:
                    await tell(self.recorder, body, event, again=event in seen.tried)

    def _forget(self, key: Key) -> None:
        """Drop all that is known of an object that is gone."""
        self.observations.forget(key)
        self.queue.forget(key)
        self.connections.forget_job(key)
        self.failures.pop(key, None)

    async def reconcile(self, key: Key) -> None:
        """Make one pass.

        Raises:
            NotLeaderError: another replica may act; nothing was done.
            KubernetesError: Kubernetes refused a write or didn't answer.
        """
        self.leadership.check()
        term = self.leadership.term
        await self._tell_of_vanished(key)
        body = self.store.get(key)
        if body is None:
            self._forget(key)
            return
        desired = desired_of(body)
        note_attempt(_attempt(desired))
        seen = self.observations.get(key, uid=desired.uid)
        name = binding.connection_name(Case(desired, seen, self.clock.now()))
        connection, link = await self.connections.for_job(key, name, cleaning_up=desired.deleting)
        others = owners.others(key, desired.spec.job_name, self.store)
        observed = learning.pass_begun(
            self.observations.get(key, uid=desired.uid),  # the poll may have shown more meanwhile
            connection,
            clock_offset=_clock_offset(link),
            rivals=others.rivals,
            claimed=others.claimed(seed_namespace=connection.seed_namespace)
            if isinstance(connection, Connection)
            else frozenset(),
            contenders=others.contenders,
            intent=desired.intent,
            reconcile_at=reconcile_at_of(body),
        )
        if self.store.version(key) != version_of(body):
            raise OutdatedError  # it changed while its Secret was read
        steps = Steps(
            key=key,
            body=dict(body),
            desired=desired,
            link=link,
            seedjobs=self.seedjobs,
            store=self.store,
            sources=self.sources,
            clock=self.clock,
            hold_connection=self.holder.hold,
        )
        await self._pass_with(steps, may_act=lambda: self.leadership.check(term)).run(observed)

    def _pass_with(self, steps: Steps, *, may_act: Callable[[], None]) -> Pass:
        return Pass(
            steps=steps,
            observations=self.observations,
            connections=self.connections,
            recorder=self.recorder,
            queue=self.queue,
            may_act=may_act,
            take=self._take,
        )

    async def _take(self, steps: Steps, step: Step, observed: Observed) -> Observed | None:
        lane = lane_of(step)
        if lane is None or steps.link is None:
            taken = await steps.take(step, observed)
            if isinstance(step, ReleaseFinalizer):
                self._released(steps.key, steps.desired.uid)
            return taken
        can_wait = not isinstance(step, ReadResult)
        if self._lanes.enter((steps.link.client.account, lane), steps.key, wait=can_wait):
            async with self._waiting():
                if isinstance(step, WriteIntent) and step.intent.adopted_id is not None:
                    return await self._adopt(steps, step, observed)
                return await steps.take(step, observed)
        if can_wait:
            return None
        # The end itself is recorded now, the rest of the result later.
        return learning.result_read(observed, analytics=None, log_tail=None, now=self.clock.now())

    async def _adopt(self, steps: Steps, step: WriteIntent, observed: Observed) -> Observed:
        """Announce that a job is taken over, one at a time: two SeedJobs may have found the same one.

        Raises:
            OutdatedError: another one was faster.
        """
        async with self._adopting:
            others = owners.others(steps.key, steps.desired.spec.job_name, self.store)
            claimed = others.claimed(seed_namespace=step.intent.seed_namespace)
            if step.intent.job_name in claimed or step.intent.adopted_id in others.rivals:
                raise OutdatedError
            return await steps.take(step, observed)


def _attempt(desired: Desired) -> int:
    """Give the attempt that a pass is about: the one in the intent, the recorded one, or the first."""
    return desired.intent.attempt if desired.intent is not None else max(desired.status.attempt or 0, 1)


def _clock_offset(link: Link | None) -> timedelta:
    return timedelta(seconds=0.0 if link is None else link.client.platform_time_offset)
