"""One pass over one SeedJob: decide, write, take a step, and again until there is nothing left to do now."""

import dataclasses
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from seedjob_operator import metrics
from seedjob_operator.controller.connections import Connections
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.kubernetes import KubernetesError
from seedjob_operator.controller.observations import Observations
from seedjob_operator.controller.queue import KeyQueue
from seedjob_operator.controller.recorder import EventRecorder
from seedjob_operator.controller.steps import Steps
from seedjob_operator.controller.store import Document, desired_of, precondition_of, version_of
from seedjob_operator.core import learning
from seedjob_operator.core.decide import decide
from seedjob_operator.core.decision import Decision, Step
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Observed
from seedjob_operator.core.telling import Event

_log = logging.getLogger(__name__)
MOST_STEPS = 40
"""Steps in one pass; more means that the platform contradicts itself, and the rest can wait."""
RETRY_UNSETTLED = 10.0
_under_way: ContextVar["Pass"] = ContextVar("_under_way")

Take = Callable[[Steps, Step, Observed], Awaitable[Observed | None]]
"""Takes a step; None where it has to wait in line, and is decided anew when a place is free."""


class OutdatedError(Exception):
    """The object isn't what this pass decided on any more: decide anew."""


@dataclasses.dataclass(kw_only=True)
class Pass:
    """What a pass holds on to. All that it does rests on one state of the object, `steps.body`."""

    steps: Steps
    observations: Observations
    connections: Connections
    recorder: EventRecorder
    queue: KeyQueue
    may_act: Callable[[], None]
    take: Take
    _told: tuple[Event, ...] = ()

    @property
    def key(self) -> Key:
        """The object's key."""
        return self.steps.key

    async def run(self, observed: Observed) -> None:
        """Make the pass.

        Raises:
            OutdatedError: the object changed; nothing was done on the old state after that.
            NotLeaderError: another replica may act.
            KubernetesError: Kubernetes refused a write or didn't answer.
        """
        with self._under_way():
            for _ in range(MOST_STEPS):
                decided_on = self.steps.body
                self.may_act()
                self._keep(observed)
                decision = decide(self.steps.desired, observed, self.steps.clock.now())
                self._follow(decision)
                self.may_act()
                await self._write(decision)
                if decision.step is None:
                    self._end(decision)
                    return
                taken = await self._take(decision, decision.step, observed)
                if taken is None:
                    return
                await self._tell(decision.told_after)
                observed = taken
                self.may_act()  # what was seen in an earlier term doesn't stand in this one
                self._keep(observed)
                if not self._goes_on(decided_on):
                    return
        _log.warning("no end after %d steps; it goes on in %d s", MOST_STEPS, RETRY_UNSETTLED)
        self.queue.add_after(self.key, jittered(RETRY_UNSETTLED))

    async def _take(self, decision: Decision, step: Step, observed: Observed) -> Observed | None:
        try:
            return await self.take(self.steps, step, observed)
        except KubernetesError as error:
            # Where it was carried out the next pass sees nothing to tell.
            told_now = decision.told_after if error.outcome_unknown else ()
            told = self._told + await self._tell(told_now)
            self.may_act()
            tried = decision.told_before + told_now
            if tried:
                known = self.observations.get(self.key, uid=self.steps.desired.uid)
                self._keep(learning.write_failed(known, tried=tried, told=told))
            raise

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        token = _under_way.set(self)
        try:
            yield
        finally:
            _under_way.reset(token)

    def check(self) -> None:
        """Pass only while what was decided still stands.

        Raises:
            OutdatedError: the object has changed, or is gone.
            NotLeaderError: another replica may act, or did since the pass began.
        """
        self.may_act()
        if not self._is_current():
            raise OutdatedError

    def _is_current(self) -> bool:
        return self.steps.store.version(self.key) == version_of(self.steps.body)

    def _goes_on(self, decided_on: Document) -> bool:
        """Go on with what our own write made of the object; what others made of it is decided on from the beginning."""
        if not self._is_current():
            self.queue.add(self.key)
            return False
        written = None if self.steps.body is decided_on else self.steps.store.get(self.key)
        if written is not None:
            self.steps.desired = desired_of(written)
        return True

    def _keep(self, observed: Observed) -> None:
        self.observations.put(self.key, observed, uid=self.steps.desired.uid)

    def _end(self, decision: Decision) -> None:
        # What the poll showed during the last write came on top of what was kept before it.
        self._keep(learning.pass_ended(self.observations.get(self.key, uid=self.steps.desired.uid)))
        if decision.requeue_after is not None:
            self.queue.add_after(self.key, jittered(decision.requeue_after))

    def _follow(self, decision: Decision) -> None:
        if decision.follow is not None and self.steps.link is not None:
            self.connections.follow(self.key, decision.follow, self.steps.link)
        elif decision.step is None:
            self.connections.unfollow(self.key)

    async def _write(self, decision: Decision) -> None:
        """Store the status, then tell what it means: a status that was refused has no Events."""
        steps = self.steps
        if decision.status is not None:
            steps.took(
                await steps.seedjobs.patch_status(
                    self.key, precondition=precondition_of(steps.body), status=decision.status.dump()
                )
            )
        self._told = await self._tell(decision.told_before)

    async def _tell(self, events: Iterable[Event]) -> tuple[Event, ...]:
        tried = self.observations.get(self.key, uid=self.steps.desired.uid).tried
        body = self.steps.body
        return tuple([event for event in events if await tell(self.recorder, body, event, again=event in tried)])


async def tell(recorder: EventRecorder, body: Document, event: Event, *, again: bool = False) -> bool:
    """Tell of something, and whether it could be told; jobs that nobody follows any more are counted as well, once."""
    if event.reason is Reason.ORPHANED and not again:
        metrics.ORPHANED.inc()
    return await recorder.record(dict(body), event)


def before_write() -> None:
    """Let a write to the platform go only while the pass that sends it still stands: it may have waited for its turn.

    Raises:
        OutdatedError, NotLeaderError: it doesn't.
    """
    _under_way.get().check()


def jittered(seconds: float) -> float:
    """Spread what would come back together."""
    return seconds * random.uniform(0.9, 1.1)  # noqa: S311  # jitter, no secret
