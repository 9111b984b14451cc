"""What `decide` answers: what to write, which step to take next, and when to look again."""

import dataclasses

from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Sent
from seedjob_operator.core.telling import Event
from seedjob_operator.resources import SeedJobStatus


@dataclasses.dataclass(frozen=True, kw_only=True)
class WriteIntent:
    """Store the intent and the finalizer in one metadata write.

    `sent` is what is known of the create before, where the status tells more than this process saw.
    """

    intent: Intent
    sent: Sent | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DropIntent:
    """Remove an intent that doesn't count, with its finalizer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadEnvironment:
    """Read what `spec.job.env` and `envFrom` refer to, and add what an attempt is told of itself and the one before."""

    attempt: int
    previous_artifacts: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadJob:
    """Get the remote job by name. `urgent` reads go before all others (they settle a create or a deletion)."""

    name: str
    urgent: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class HoldConnection:
    """Have our finalizer hold the SeedConnection, before the first job that uses it."""

    name: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class CreateJob:
    """Send the create that the intent announced."""

    intent: Intent


@dataclasses.dataclass(frozen=True, kw_only=True)
class CancelJob:
    """Ask the platform to cancel the remote job."""

    name: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeleteJob:
    """Remove the remote record of an ended job, and its artifacts where asked."""

    name: str
    delete_artifacts: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadResult:
    """Read the analytics of an ended job and, where `tail_lines` isn't 0, the last lines of its log.

    `secrets` is the stamp of the Secrets whose values have to be masked in them; None where nobody knows which. After the
    `last` look nobody waits for Secrets any more that can't be read.
    """

    name: str
    tail_lines: int
    secrets: str | None = None
    last: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskTexts:
    """Mask the job's secrets in texts of the platform's; `secrets` as for `ReadResult`."""

    texts: tuple[str, ...]
    secrets: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class BeginAttempt:
    """Turn to the next attempt: what was seen of the last one's job, and sent for it, says nothing of the next."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoteGone:
    """Remember that one attempt's job needs no more cleaning up, and turn to the next."""

    name: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeleteObject:
    """Delete the SeedJob itself, as its user would."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReleaseFinalizer:
    """Let Kubernetes remove the object: our finalizer goes, and the intent, which says that we let go."""


Step = (
    WriteIntent
    | DropIntent
    | ReadEnvironment
    | ReadJob
    | HoldConnection
    | CreateJob
    | CancelJob
    | DeleteJob
    | ReadResult
    | MaskTexts
    | BeginAttempt
    | NoteGone
    | DeleteObject
    | ReleaseFinalizer
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do now: first the status, then the Events, then the step; a failed write ends it there.

    Attributes:
        status: the whole status to store; None where what is stored is good enough.
        step: the next thing to do; its outcome is observed and decided on again. None: nothing until something changes.
        events: `told_before` the step, but for those `told_after` it.
        requeue_after: seconds until a look without any cause; None: only when something changes.
        follow: the remote job's name, where the list poll should keep watching it.
    """

    status: SeedJobStatus | None = None
    step: Step | None = None
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None
    follow: str | None = None

    @property
    def told_before(self) -> tuple[Event, ...]:
        """The Events that no crash may lose, so that they may come twice; and those that the status is worth."""
        return tuple(event for event in self.events if event not in self.told_after)

    @property
    def told_after(self) -> tuple[Event, ...]:
        """The Events that say that an intent is gone, once it is, or may be: a refused write is decided anew, and tells again."""
        if not isinstance(self.step, DropIntent):
            return ()
        return tuple(event for event in self.events if event.reason is Reason.INTENT_DROPPED)
