"""One question put to `decide`, with what all rules ask of the attempt in force."""

import dataclasses
from decimal import Decimal
from functools import cached_property

from seedjob_operator.core import attempts, conditions, naming, writing
from seedjob_operator.core.decision import Decision, Step
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.question import Question
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.situation import Situation, compose
from seedjob_operator.core.snapshot import Connection, Hold, Sent
from seedjob_operator.resources import ConditionType, Phase, SeedJobStatus
from seedjob_operator.seedapi.wire import Job

AFTER_THE_END = 1.0
"""Seconds until a recorded end is looked at again: its TTLs, and what of its result comes late, run from there."""

_UNSETTLED = frozenset({Sent.UNKNOWN, Sent.UNANSWERED, Sent.CONFLICT_AFTER_UNANSWERED, Sent.REJECTED_AFTER_UNANSWERED})
_SURELY_NOTHING = frozenset({Sent.NOTHING, Sent.REJECTED, Sent.CONFLICT})
_ONLY_WITH_A_JOB = frozenset({Phase.QUEUED, Phase.RUNNING, Phase.UNKNOWN, Phase.CANCELLING})


@dataclasses.dataclass(frozen=True)
class Case(Question):
    """A question, and the attempt that it is about: which intent counts, and what is known of its job."""

    @cached_property
    def intent(self) -> Intent | None:
        """The attempt in force: the stored intent where it counts, else what is known of a job that exists.

        What the status recorded of the attempt was written once, and wins over what a user may have made of the intent.
        Where an earlier create was open, and none was answered since, a job that is found is that one's.
        """
        intent, status = self.stored_intent or self._rebuilt_intent, self.desired.status
        if intent is None:
            return None
        if not self.submitted:
            return intent.earliest if self.may_have_been_sent else intent
        return dataclasses.replace(
            intent,
            attempt=status.attempt or intent.attempt,
            run_id=status.run_id or intent.run_id,
            spec_hash=status.spec_hash or intent.spec_hash,
            cancel_reason=intent.cancel_reason or status.cancel_reason,
        )

    @cached_property
    def stored_intent(self) -> Intent | None:
        """The stored intent, where it counts. Users can write annotations, so its job's name must be one of ours."""
        intent, desired = self.desired.intent, self.desired
        if intent is None or self.superseded or (intent.namespace, intent.name) != (desired.namespace, desired.name):
            return None
        recorded = desired.status.job_name if self.submitted else None
        if recorded is not None and intent.job_name != recorded:
            return None  # a recorded job has that name and no other
        known = recorded is not None and intent.uid == desired.uid
        return intent if known or intent.has_generated_name or self._may_be_chosen(intent) else None

    @property
    def superseded(self) -> bool:
        """Whether the stored intent is that of an attempt which is over, and stands in the records."""
        intent = self.desired.intent
        return intent is not None and attempts.is_archived(self.desired.status, intent)

    def _may_be_chosen(self, intent: Intent) -> bool:
        """Tell whether an intent's name may have been chosen by the spec.

        A chosen name proves nothing, so its job counts as ours only after `ownership` compared it. The name may have been
        changed or removed since: while a create under it may be open, it is what has to be looked for.
        """
        chosen = self.desired.spec.job_name
        if intent.job_name == self._generated_name:
            return False  # nobody chooses that, and the attempt isn't the one that has it
        if intent.uid == self.desired.uid:
            return chosen is not None or not (self.submitted or self.observed.sent in _SURELY_NOTHING)
        return chosen is not None and intent.job_name == naming.chosen_name(chosen, attempt=intent.attempt)

    @cached_property
    def _rebuilt_intent(self) -> Intent | None:
        """Without a usable connection it has no endpoint: enough to name the job, not to store it."""
        status, connection, seen = self.desired.status, self.observed.connection, self.observed.remote
        created = self.observed.sent is Sent.CREATED and not self.superseded  # else that was the last attempt's create
        seen_ours = isinstance(seen, Job) and (created or seen.name == self._generated_name)
        if not self.submitted and not seen_ours and not created:
            return None
        seen_name = seen.name if isinstance(seen, Job) and seen_ours else None
        name = status.job_name if self.submitted else seen_name
        if isinstance(connection, Hold):
            connection = Connection(name=status.connection or "", endpoint="", seed_namespace="")
        rebuilt = self.new_intent(connection, job_name=name or self.next_name, attempt=self.next_attempt)
        if not self.submitted:
            return rebuilt
        return dataclasses.replace(
            rebuilt,
            seed_namespace=status.seed_namespace or rebuilt.seed_namespace,
            connection=status.connection or "",
            time=self.desired.created_at or rebuilt.time,
        )

    @property
    def run_id(self) -> str | None:
        """The run of the attempt in force, or the one that goes on with the next attempt."""
        status, intent = self.desired.status, self.intent
        if status.run_id is not None and (self.submitted or self.ended):
            return status.run_id
        return intent.run_id if intent is not None else status.run_id

    @property
    def sent_hash(self) -> str | None:
        """The `spec.job` of the attempt in force."""
        status, intent = self.desired.status, self.intent
        if status.spec_hash is not None and (self.submitted or self.ended):
            return status.spec_hash
        return intent.spec_hash if intent is not None else None

    @property
    def earlier_cost(self) -> Decimal | None:
        """What earlier attempts of that run cost; nothing where the next attempt is another run's."""
        status = self.desired.status
        same_run = self.submitted or self.ended or status.run_id == self.desired.spec.run_id
        return status.earlier_cost if same_run else None

    def with_status(self, status: SeedJobStatus) -> "Case":
        """Give the same question for another recorded status."""
        return Case(dataclasses.replace(self.desired, status=status), self.observed, self.now)

    @property
    def inherited(self) -> bool:
        """Whether the job was submitted by this object's predecessor, whose backup was restored."""
        intent = self.stored_intent
        return intent is not None and (intent.uid != self.desired.uid or intent.origin_uid is not None)

    @property
    def taken_over(self) -> bool:
        """Whether the job was there before this object: a predecessor's, or an adopted one."""
        intent = self.intent
        return self.inherited or (intent is not None and intent.adopted_id is not None)

    @property
    def made(self) -> bool:
        """Whether the attempt is known to have, or to have had, its remote job: it is never submitted again."""
        return self.created or self.inherited or self._was_recorded

    @property
    def _was_recorded(self) -> bool:
        """Whether the status once said, or may have said before somebody emptied or edited it, that the job is there."""
        intent = self.stored_intent
        if intent is None:
            return False
        return intent.status_wiped is not None or self.desired.status.phase in _ONLY_WITH_A_JOB

    @property
    def status_was_wiped(self) -> bool:
        """Whether the status was emptied, and nobody knows any more what it said of the stored intent's job."""
        intent, desired = self.stored_intent, self.desired
        known = self.over or self.created or self.observed.sent is not Sent.UNKNOWN
        if intent is None or known or not desired.status_wiped:
            return False
        return intent.uid == desired.uid and intent.status_wiped is None

    @property
    def created(self) -> bool:
        """Whether the platform is known to have taken the attempt's create."""
        return self.submitted or self.observed.sent is Sent.CREATED

    @property
    def may_have_been_sent(self) -> bool:
        """Whether a create under the stored intent may yet be, or have been, carried out."""
        return self.sent in _UNSETTLED

    @property
    def sent(self) -> Sent:
        """What is known of the create, where a recorded refusal tells more than this process saw."""
        if self.observed.sent is not Sent.UNKNOWN:
            return self.observed.sent
        return self._recorded_refusal or Sent.UNKNOWN

    @property
    def _recorded_refusal(self) -> Sent | None:
        """A refusal counts for the intent that it answered: a later one's create may have been carried out."""
        status, intent = self.desired.status, self.stored_intent
        recorded = conditions.find(status.conditions, ConditionType.SUBMITTED)
        if recorded is None or intent is None or status.last_sync_time is None:
            return None
        of_this = (status.job_name, status.spec_hash) == (intent.job_name, intent.spec_hash)
        if not of_this or status.last_sync_time < intent.time:
            return None
        if recorded.reason == Reason.NAME_TAKEN:
            return Sent.CONFLICT if intent.spec_hash == self.desired.spec_hash else None
        return Sent.REJECTED if recorded.reason == Reason.SPEC_REJECTED else None

    @property
    def elsewhere(self) -> bool:
        """Whether the attempt is bound to another endpoint or Seed namespace than the connection has now."""
        intent, connection = self.intent, self.observed.connection
        if intent is None or not isinstance(connection, Connection):
            return False
        return (intent.endpoint, intent.seed_namespace) != (connection.endpoint, connection.seed_namespace)

    def is_ours(self, job: Job) -> bool:
        """Whether a job that was seen is the one that is recorded or, where none is, has the attempt's name."""
        recorded = self.desired.status.job_id
        if recorded is not None:
            return job.id == recorded
        return self.intent is not None and job.name == self.intent.job_name

    def situation(self, phase: Phase, reason: Reason, message: str) -> Situation:
        """Start a situation of the attempt in force."""
        return Situation(
            phase=phase, reason=reason, message=message, intent=self.intent, currency=self.observed.currency
        )

    def settle(
        self,
        situation: Situation,
        *,
        step: Step | None = None,
        requeue_after: float | None = None,
        follow: str | None = None,
    ) -> Decision:
        """Give the decision that records a situation, if recording it is due, and goes on with a step."""
        status = compose(self.desired, situation, self.now)
        due, wait = writing.due(self.desired.status, status, now=self.now)
        stops = situation.phase.is_terminal or situation.phase is Phase.SUSPENDED
        after_the_end = AFTER_THE_END if stops and situation.phase is not self.desired.status.phase else None
        waits = [seconds for seconds in (wait, requeue_after, after_the_end) if seconds is not None]
        return Decision(
            status=status if due else None, step=step, requeue_after=min(waits, default=None), follow=follow
        )
