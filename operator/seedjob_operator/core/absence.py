"""When a remote job that isn't shown counts as gone: not by one answer, and not before it can have become visible."""

from datetime import datetime, timedelta

from seedjob_operator.core import conditions
from seedjob_operator.core.case import Case
from seedjob_operator.core.intent import Intent
from seedjob_operator.resources import ConditionStatus, ConditionType

VISIBLE_AFTER = timedelta(minutes=5)
"""How long a job that the platform accepted may not show up yet."""
ABSENCES_NEEDED = 3
ABSENT_FOR = timedelta(minutes=2)
BETWEEN_ABSENCES = timedelta(minutes=1)
_REREAD_UNLISTED = timedelta(seconds=10)


def seconds_to_next_look(case: Case) -> float:
    """Give the seconds until a job that wasn't shown is to be read by name again; 0 for now."""
    observed = case.observed
    if observed.absences:
        due = observed.absences[-1] + BETWEEN_ABSENCES
    elif observed.unlisted_active_at is not None:
        due = observed.unlisted_active_at + _REREAD_UNLISTED  # in no list and yet active: a status we don't know
    else:
        return 0.0
    return max((due - case.now).total_seconds(), 0.0)


def is_gone(case: Case, intent: Intent) -> bool:
    """Tell whether enough reads, late and long enough after the create, found nothing."""
    grace = timedelta(0) if case.taken_over else VISIBLE_AFTER
    visible_from = _last_sent(case, intent) + grace
    absences = [seen for seen in case.observed.absences if seen >= visible_from]
    return len(absences) >= ABSENCES_NEEDED and absences[-1] - absences[0] >= ABSENT_FOR


def _last_sent(case: Case, intent: Intent) -> datetime:
    """Give the latest time at which a create of the job may have been accepted, by our clock.

    The intent alone doesn't tell: it's stored before, and the platform may have refused us for hours in between. Another
    process may have sent one up to the moment at which this one looked for the first time.
    """
    known = [intent.time - case.observed.clock_offset]
    if case.may_have_been_sent and case.observed.posted_at is None and not (case.made or case.taken_over):
        known.extend(case.observed.absences[:1])
    submitted = conditions.find(case.desired.status.conditions, ConditionType.SUBMITTED)
    if (
        submitted is not None
        and submitted.status is ConditionStatus.TRUE
        and submitted.last_transition_time <= case.now
    ):
        known.append(submitted.last_transition_time)
    if case.observed.posted_at is not None:
        known.append(case.observed.posted_at)
    return max(known)
