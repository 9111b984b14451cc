"""One question put to `decide`, and what its object, status and connection say by themselves, whichever attempt it is about."""

import dataclasses
from datetime import datetime, timedelta

from seedjob_operator.core import attempts, naming, verdicts
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Connection, Desired, Fault, Hold, Observed
from seedjob_operator.resources import ConditionType

FIRST_RETRY = 1.0
LONGEST_RETRY = 60.0
LONGEST_RETRY_AFTER = 3600.0
CLOCKS_DIFFER = timedelta(minutes=1)
"""How far Kubernetes' clock and ours may be apart."""


@dataclasses.dataclass(frozen=True)
class Question:
    """What is desired, what was observed, and the time at which to decide."""

    desired: Desired
    observed: Observed
    now: datetime

    @property
    def next_attempt(self) -> int:
        """The number of the attempt to submit, or that was submitted."""
        return attempts.next_number(self.desired.status)

    @property
    def next_name(self) -> str:
        """The remote name that the spec gives that attempt."""
        chosen = self.desired.spec.job_name
        return self._generated_name if chosen is None else naming.chosen_name(chosen, attempt=self.next_attempt)

    @property
    def _generated_name(self) -> str:
        return self.generated_name(self.next_attempt)

    def generated_name(self, attempt: int) -> str:
        """Give the remote name by which an attempt's job proves to be this object's."""
        desired = self.desired
        return naming.generated_name(namespace=desired.namespace, name=desired.name, uid=desired.uid, attempt=attempt)

    def new_intent(self, connection: Connection, *, job_name: str, attempt: int) -> Intent:
        """Give the intent to run what the spec says now."""
        desired = self.desired
        return Intent(
            uid=desired.uid,
            namespace=desired.namespace,
            name=desired.name,
            attempt=attempt,
            run_id=desired.spec.run_id,
            job_name=job_name,
            endpoint=connection.endpoint,
            seed_namespace=connection.seed_namespace,
            connection=connection.name,
            spec_hash=desired.spec_hash,
            time=self.intent_time,
        )

    @property
    def intent_time(self) -> datetime:
        """The time of an intent that is written now: by the platform's clock, in whole seconds."""
        return self.platform_now.replace(microsecond=0)

    @property
    def platform_now(self) -> datetime:
        """The time by the platform's clock, as far as it is known."""
        return self.now + self.observed.clock_offset

    def not_before(self, intent: Intent) -> datetime:
        """The earliest time at which the job of an intent can have been made, by the platform's clock.

        Users can write the intent's own time, but not when their object was made.
        """
        created_at = self.desired.created_at
        if created_at is None:
            return intent.time
        return max(intent.time, created_at + self.observed.clock_offset - CLOCKS_DIFFER)

    @property
    def over(self) -> bool:
        """Whether the attempt's end is recorded: for good, or because it was cancelled to be held."""
        return attempts.ended_at_all(self.desired.status)

    @property
    def ended(self) -> bool:
        """Whether the attempt's end is recorded. It is absorbing."""
        phase = self.desired.status.phase
        return phase is not None and phase.is_terminal

    @property
    def submitted(self) -> bool:
        """Whether the attempt's remote job is recorded."""
        return self.desired.status.job_id is not None

    @property
    def fault(self) -> Fault | None:
        """Why the platform can't be asked at present."""
        connection = self.observed.connection
        return self.observed.fault or (connection.fault if isinstance(connection, Connection) else None)

    @property
    def out_of_reach(self) -> bool:
        """Whether there is no way to the platform at present."""
        return self.fault is not None or isinstance(self.observed.connection, Hold)

    def retry_delay(self) -> float:
        """Give the seconds to wait after failed steps: doubling from 1 s to 60 s, or as long as the platform asked for.

        Where it's the connection that failed, its recovery is told; a look without cause can wait.
        """
        if self.observed.fault is None:
            return LONGEST_RETRY
        doubled = FIRST_RETRY * 2.0 ** min(max(self.observed.failures - 1, 0), 10)
        asked = (self.fault.retry_after if self.fault else None) or 0.0
        return max(min(doubled, LONGEST_RETRY), min(asked, LONGEST_RETRY_AFTER))

    def recorded_verdict(self, kind: ConditionType) -> tuple[Reason, str]:
        """Give the reason and message that a recorded condition has; what its phase says where it was edited away."""
        return verdicts.recorded(self.desired.status, kind)
