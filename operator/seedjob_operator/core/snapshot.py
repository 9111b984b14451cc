"""What `decide` is told: what the user wants, and what was seen of the world."""

import dataclasses
import functools
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from seedjob_operator.core import naming
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.telling import Event
from seedjob_operator.resources import SeedJobSpec, SeedJobStatus, Unreadable
from seedjob_operator.seedapi.wire import Analytics, Job


@dataclasses.dataclass(frozen=True, kw_only=True)
class Desired:
    """A SeedJob as Kubernetes has it: the user's spec, what we recorded, and what metadata says.

    `intent` is None where there is none or where what stands there can't be read; `stray_intent` tells the two apart.
    `tracked` says that a GitOps tool would make the object again if it were deleted. `unreadable` says what was left out of
    `spec`; nothing is then submitted by it. `status_wiped` says that somebody else emptied the status.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    spec: SeedJobSpec
    status: SeedJobStatus
    created_at: datetime | None = None
    deleting: bool = False
    finalizer: bool = False
    intent: Intent | None = None
    stray_intent: bool = False
    paused: bool = False
    force_orphan: bool = False
    tracked: bool = False
    status_wiped: bool = False
    unreadable: Unreadable | None = None

    @property
    def connection_name(self) -> str:
        """The SeedConnection that the spec names; empty for the operator's own default connection."""
        return "" if self.spec.connection_ref is None else self.spec.connection_ref.name

    @functools.cached_property
    def spec_hash(self) -> str:
        """The hash of `spec.job` as it is now; the intent has the one that was sent. Empty where nobody can tell."""
        if self.unreadable is not None and "job" in self.unreadable.fields:
            return ""
        return naming.spec_hash(self.spec.job)


class Reach(Enum):
    """What a fault says about the platform."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """Why the platform didn't do what was asked. `retry_after` is in seconds, where the platform named a time."""

    reason: Reason
    message: str
    reach: Reach
    since: datetime
    retry_after: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hold:
    """Why nothing can be submitted, seen before anything was sent."""

    reason: Reason
    message: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Connection:
    """A usable way to the platform. `proven` says that a request got through since the operator started."""

    name: str
    endpoint: str
    seed_namespace: str
    proven: bool = True
    fault: Fault | None = None


class Unread(Enum):
    """Nothing was learnt of the remote job since the operator started."""

    UNREAD = "unread"


class Missing(Enum):
    """The platform didn't show the job: not among the active ones of a whole round, or a read said 404."""

    MISSING = "missing"


UNREAD = Unread.UNREAD
MISSING = Missing.MISSING


class Sent(Enum):
    """What this process knows of the create that the intent announces."""

    UNKNOWN = "unknown"
    """The intent was there before this process: a create may have been sent."""
    NOTHING = "nothing"
    """The intent was written here and nothing was sent, or each answer said that nothing was made."""
    UNANSWERED = "unanswered"
    """A create was sent, and whether it was carried out isn't known."""
    CREATED = "created"
    """A create of this process was answered with the job."""
    CONFLICT = "conflict"
    """The last create was refused because the name exists, and none before it went unanswered."""
    CONFLICT_AFTER_UNANSWERED = "conflict-after-unanswered"
    """The last create was refused because the name exists, and one before it may have made it."""
    REJECTED = "rejected"
    """The platform refused the spec itself (400, 422), and no create before it went unanswered."""
    REJECTED_AFTER_UNANSWERED = "rejected-after-unanswered"
    """The platform refused the spec itself, and a create before it may have made the job."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What was to be had of an ended job beside its record; each part may come later than the end."""

    analytics: Analytics | None = None
    log_tail: tuple[str, ...] | None = None


_NOTHING_READ = Result()
_NONE_MASKED: Mapping[str, str | None] = MappingProxyType({})


class Observed(NamedTuple):
    """What was seen of the world for one SeedJob, and what this process did about it.

    A pass is one reconcile, from its cause to its last step. All of this is lost in a crash, and nothing relies on it.
    There is one for each SeedJob, and each look makes a new one of it, hence a tuple: a fifth of the memory and a third of
    the time that a dataclass of so many fields takes.

    Attributes:
        connection: the way to the platform, or why there is none.
        about: the remote job's name that what follows is about; empty: no job yet; None: the stored intent's.
        look_now: whether somebody asked for a look, and none was taken yet.
        reconcile_at: the last such wish, None before the first pass.
        environment_hold: why the job's environment can't be built; None where it can, or wasn't looked at.
        environment_read: whether the environment was looked at in this pass.
        secrets: the stamp of the Secrets that it was built from.
        connection_held: whether the SeedConnection was found in this pass to be held by our finalizer.
        remote: the remote job of the intent's name.
        fresh: whether the job was read by name in this pass.
        read_at: when the job was last read by name.
        end_listed: whether the end is known from a list alone, which says less than a read by name.
        seen_at: when the platform last told of the job, in a list or by name.
        unlisted_active_at: when a read by name last found the job active though the lists hadn't shown it.
        absences: when reads by name said 404, in a row, oldest first.
        sent: what is known of the create.
        posted_at: when the last create that may have made the job was answered, or wasn't.
        conflicts: how often a create was refused because the name exists, without the job having been seen since.
        rejection: the platform's own words for `Sent.REJECTED`.
        rejected_hash: which `spec.job` they are about.
        cancel_asked_at: when the platform last answered a cancel of this process.
        cancels: how often it did.
        delete_answered: whether the platform took, or had taken, the delete of the record.
        deletes: how often it did.
        undeleted_since: since when the record is shown though it was removed; None where it isn't.
        delete_refused: whether the platform refused to delete the record because of the job's state.
        masked: the job's own words, as the platform gave them, and without the secrets of its environment; None for
            words in which nobody can tell what is secret.
        unmasked_at: when the Secrets for that last couldn't be read just now; None where they could, or never will.
        result: what was read after the end.
        result_reads: how often the result was read.
        result_read_at: when it was last read.
        sample: the summary of the analytics that was last read while the job ran.
        sampled_at: when it was last asked for.
        fault: why the last step of this pass failed; None after one that didn't.
        failures: failed steps in a row, for the back-off.
        failing_since: since when passes end with a fault.
        currency: of the platform's prices.
        clock_offset: how far the platform's clock is ahead of ours.
        rivals: ids of remote jobs of this name that other living SeedJobs have recorded as their own.
        claimed: remote names that the intents of other living SeedJobs announce.
        contenders: other living SeedJobs whose intents may announce the same remote name.
        gone: names of attempts that a deletion has nothing more to clean up of.
        tried: the Events that went with a write to Kubernetes which then failed, and is tried again.
        told: those of them that could be told: they aren't told again.
    """

    connection: Connection | Hold
    about: str | None = None
    look_now: bool = False
    reconcile_at: str | None = None
    environment_hold: Hold | None = None
    environment_read: bool = False
    secrets: str | None = None
    connection_held: bool = False
    fresh: bool = False
    remote: Job | Unread | Missing = UNREAD
    read_at: datetime | None = None
    end_listed: bool = False
    seen_at: datetime | None = None
    unlisted_active_at: datetime | None = None
    absences: tuple[datetime, ...] = ()
    sent: Sent = Sent.UNKNOWN
    posted_at: datetime | None = None
    conflicts: int = 0
    rejection: str = ""
    rejected_hash: str | None = None
    cancel_asked_at: datetime | None = None
    cancels: int = 0
    delete_answered: bool = False
    deletes: int = 0
    undeleted_since: datetime | None = None
    delete_refused: bool = False
    masked: Mapping[str, str | None] = _NONE_MASKED
    unmasked_at: datetime | None = None
    result: Result = _NOTHING_READ
    result_reads: int = 0
    result_read_at: datetime | None = None
    sample: Analytics | None = None
    sampled_at: datetime | None = None
    fault: Fault | None = None
    failures: int = 0
    failing_since: datetime | None = None
    currency: str = "USD"
    clock_offset: timedelta = timedelta(0)
    rivals: frozenset[str] = frozenset()
    claimed: frozenset[str] = frozenset()
    contenders: tuple[Desired, ...] = ()
    gone: frozenset[str] = frozenset()
    tried: tuple[Event, ...] = ()
    told: tuple[Event, ...] = ()

    def __repr__(self) -> str:
        """Leave out the job's own words: they may have secrets in them."""
        shown = (f"{name}={value!r}" for name, value in self._asdict().items() if name != "masked")
        return f"Observed({', '.join(shown)})"
