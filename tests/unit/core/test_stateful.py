"""Random lives of a SeedJob: what users, the platform and crashes do in any order, never breaks an invariant.

I1 to I6 are those of the reliability page. The model's ledger says what really happened; the rules see only what a
controller sees, which may be late, lost or old.
"""

import itertools
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from seedjob_operator.core import naming
from seedjob_operator.core.snapshot import Desired
from seedjob_operator.resources import (
    AdoptionPolicy,
    ConditionType,
    DeletionPolicy,
    Phase,
    UpdatePolicy,
)
from seedjob_operator.seedapi.wire import Job, JobStatus
from unit.core import given
from unit.core.given import CHANGED, CHOSEN, spec
from unit.core.world import World

ENDS = {
    JobStatus.SUCCEEDED: {Phase.SUCCEEDED},
    JobStatus.FAILED: {Phase.FAILED},
    JobStatus.TIMED_OUT: {Phase.TIMED_OUT},
    JobStatus.CANCELLED: {Phase.FAILED, Phase.CANCELLED, Phase.SUSPENDED},
}
SECRET_VARIABLE = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}
STRANGER = "job_00000000beef"


class Life(RuleBasedStateMachine):
    """One SeedJob from its making to its end."""

    world: World
    old: tuple[Desired, int] | None
    listed: dict[str, Job] | None

    @initialize(
        chosen=st.booleans(),
        adopts=st.booleans(),
        stranger=st.booleans(),
        policy=st.sampled_from(sorted(DeletionPolicy)),
        replaces=st.booleans(),
        secret=st.booleans(),
    )
    def make(
        self, *, chosen: bool, adopts: bool, stranger: bool, policy: DeletionPolicy, replaces: bool, secret: bool
    ) -> None:
        variables = {"env": [SECRET_VARIABLE] if secret else []}
        self.job, self.changed = (spec(job=known | variables).job for known in (given.JOB, CHANGED["job"]))
        self.world = World(
            spec(
                job=given.JOB | variables,
                jobName=CHOSEN if chosen else None,
                adoptionPolicy="IfMatching" if adopts else "Never",
                updatePolicy="Replace" if replaces else "Immutable",
                deletionPolicy=policy,
            )
        )
        self.old, self.listed = None, None
        self.wiped = 0
        self.seen: dict[int, tuple[str | None, str | None]] = {}
        self.read_up_to = 0
        if stranger:
            self.world.platform.jobs[CHOSEN] = given.job(JobStatus.RUNNING, name=CHOSEN, id=STRANGER)

    # What users do.

    @rule(run=st.sampled_from(["1", "2", "3"]), changes=st.booleans())
    def rerun(self, *, run: str, changes: bool) -> None:
        fields: dict[str, Any] = {"run_id": run}
        if changes and run != self.world.spec.run_id:
            fields["job"] = self._other_job()
        self.world.edit(**fields)

    def _other_job(self) -> Any:
        return self.changed if self.world.spec.job != self.changed else self.job

    @rule()
    def change_job(self) -> None:
        """As CEL lets it: before the submission, or to have it replaced."""
        if self.world.status.job_id is None or self.world.spec.update_policy is UpdatePolicy.REPLACE:
            self.world.edit(job=self._other_job())

    @rule(value=st.booleans())
    def cancel(self, *, value: bool) -> None:
        self.world.edit(cancel=value)

    @rule(value=st.booleans())
    def suspend(self, *, value: bool) -> None:
        self.world.edit(suspend=value)

    @rule()
    def remove_job_name(self) -> None:
        if self.world.status.job_id is None:
            self.world.edit(job_name=None)

    @rule(value=st.sampled_from([None, 60]))
    def expire_record(self, *, value: int | None) -> None:
        self.world.edit(remote_ttl_seconds_after_finished=value)

    @rule(value=st.booleans())
    def pause(self, *, value: bool) -> None:
        self.world.paused = value
        self.world.version += 1

    @rule(version=st.integers(0, 2))
    def rotate_the_secret(self, *, version: int) -> None:
        self.world.secrets = f"secrets-{version}"

    @rule()
    def wipe_status(self) -> None:
        self.world.wipe_status()
        self.seen, self.wiped = {}, self.wiped + 1
        self.read_up_to = len(self.world.statuses)

    @precondition(lambda self: self.world.exists)
    @rule()
    def delete(self) -> None:
        self.world.delete()

    # What the platform does.

    @rule(
        index=st.integers(0, 3),
        status=st.sampled_from([JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED]),
    )
    def go_on(self, *, index: int, status: JobStatus) -> None:
        active = self.world.platform.active()
        if index < len(active):
            self.world.platform.turn(active[index], status, self.world.now)

    @rule()
    def forget_a_record(self) -> None:
        ended = [name for name, job in self.world.platform.jobs.items() if job.status.terminal]
        current = self.world.status.job_name if self.world.status.job_id is not None else None
        wiped = self.world.intent.job_name if self.world.intent is not None and self.world.status_wiped else None
        told = [name for name in ended if name in {current, wiped, *self._recorded()}]
        if told:
            del self.world.platform.jobs[told[0]]

    def _recorded(self) -> set[str | None]:
        return {one.job_name for one in self.world.status.attempts}

    @rule(value=st.booleans())
    def go_away(self, *, value: bool) -> None:
        self.world.down = value

    @rule(what=st.sampled_from(["request", "answer"]))
    def lose(self, *, what: str) -> None:
        self.world.fault = what

    # What the controller does.

    @precondition(lambda self: self.world.exists)
    @rule()
    def look(self) -> None:
        self.world.look()

    @precondition(lambda self: self.world.exists)
    @rule(steps=st.integers(1, 12))
    def look_and_crash(self, *, steps: int) -> None:
        self.world.crash_in = steps
        self.world.look()
        self.world.crash_in = None

    @rule()
    def fall_behind(self) -> None:
        """From here on the watch is late: the next stale look knows no more than this."""
        self.old = (self.world.desired(), self.world.version)
        self.listed = dict(self.world.platform.jobs)

    @precondition(lambda self: self.world.exists and self.old is not None)
    @rule()
    def look_at_old_news(self) -> None:
        self.world.look(self.old)

    @rule(stale=st.booleans())
    def poll(self, *, stale: bool) -> None:
        self.world.poll(self.listed if stale else None)

    @rule(seconds=st.sampled_from([5.0, 70.0, 400.0]))
    def wait(self, *, seconds: float) -> None:
        self.world.wait(seconds)

    # What never may be.

    @invariant()
    def one_job_an_attempt(self) -> None:
        """I1."""
        accepted = self.world.platform.accepted
        assert len(accepted) == len(set(accepted)), accepted

    @invariant()
    def one_job_at_a_time(self) -> None:
        """A new attempt waits until the old one has really ended."""
        active = [name for name in self.world.platform.active() if name in self.world.platform.accepted]
        assert len(set(active) - self.world.orphaned) <= 1, active

    @invariant()
    def nobody_outlives_its_owner_unseen(self) -> None:
        """I2, I5."""
        world = self.world
        if world.exists:
            return
        left = set(world.platform.accepted) & set(world.platform.jobs) - world.orphaned
        if world.spec.deletion_policy is DeletionPolicy.DELETE and not self.wiped and world.spec.job_name is None:
            assert not left
        assert not left & set(world.platform.active())

    @invariant()
    def strangers_are_left_alone(self) -> None:
        jobs = self.world.platform.jobs
        stranger = jobs.get(CHOSEN)
        if stranger is not None and stranger.id == STRANGER and self.world.spec.adoption_policy is AdoptionPolicy.NEVER:
            assert self.world.status.job_id != STRANGER

    @invariant()
    def names_are_written_once(self) -> None:
        """I3."""
        for status in self.world.statuses[self.read_up_to :]:
            records = [(one.attempt, one.job_name, one.job_id) for one in status.attempts]
            if status.job_id is not None:
                records.append((status.attempt or 0, status.job_name, status.job_id))
            for attempt, name, job_id in records:
                known = self.seen.setdefault(attempt, (name, job_id))
                assert known == (name, job_id), f"attempt {attempt} was {known}"

    @invariant()
    def ends_stay(self) -> None:
        """I4."""
        statuses = self.world.statuses[self.read_up_to :]
        for before, after in itertools.pairwise(statuses):
            said = {one.type: one.status == "True" for one in after.conditions}
            assert not (said.get(ConditionType.COMPLETE) and said.get(ConditionType.FAILED))
            if before.phase is None or not before.phase.is_terminal:
                continue
            if before.attempts == after.attempts and before.job_id is not None:
                assert (before.phase, before.completion_time) == (after.phase, after.completion_time)
            elif before.job_id is not None:
                assert (after.attempts[0].phase, after.attempts[0].job_id) == (before.phase, before.job_id)
        self.read_up_to = max(len(self.world.statuses) - 1, self.read_up_to)

    def teardown(self) -> None:
        """I6: when nothing disturbs any more, the status comes to say what the platform says."""
        if not hasattr(self, "world") or not self.world.exists:
            return
        world = self.world
        world.down, world.fault, world.paused = False, None, False
        world.version += 1
        for _ in range(30):
            if not world.exists:
                break
            if world.status.phase is Phase.CANCELLING:
                self._end_what_is_cancelled()
            world.poll()
            world.look()
            world.wait(75)
        if world.exists:
            self._told_truly()
        self.nobody_outlives_its_owner_unseen()
        self.one_job_an_attempt()
        self.one_job_at_a_time()

    def _end_what_is_cancelled(self) -> None:
        for name in self.world.platform.active():
            if name in self.world.platform.accepted or self.world.status.job_name == name:
                self.world.platform.turn(name, JobStatus.CANCELLED, self.world.now)

    def _told_truly(self) -> None:
        world, status = self.world, self.world.status
        assert not world.deleting, f"stays: {status.phase}"
        job = world.platform.jobs.get(status.job_name or "")
        if job is not None and job.id == status.job_id and job.status.terminal and not self.wiped:
            assert status.phase in ENDS[job.status], status.phase
        over = naming.run_hash(world.spec.run_id) in status.past_runs
        unprovable = self.wiped and world.spec.job_name is not None  # by then it looks like a stranger's
        if world.spec.cancel or world.spec.suspend:
            assert unprovable or not set(world.platform.active()) & set(world.platform.accepted)
        elif status.phase not in {Phase.PENDING, Phase.CANCELLED} and not over:
            assert status.run_id == world.spec.run_id, (status.run_id, status.phase)


Life.TestCase.settings = settings(
    max_examples=300,
    stateful_step_count=40,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLife = Life.TestCase
