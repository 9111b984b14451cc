"""What an outage left in the status of a SeedJob that nobody polls: it is taken back once the platform answers again."""

from seedjob_operator.core import conditions
from seedjob_operator.core.case import Case
from seedjob_operator.core.conditions import Verdict
from seedjob_operator.core.snapshot import Connection
from seedjob_operator.core.verdicts import SYNCED
from seedjob_operator.resources import ConditionStatus, ConditionType


def synced_again(case: Case) -> Verdict | None:
    """Give what `Synced` says from now on; None where what it says may stand."""
    connection = case.observed.connection
    usable = isinstance(connection, Connection) and _answers(case, connection) and not case.elsewhere
    return SYNCED if usable and _said_stale(case) else None


def seconds_to_look(case: Case) -> float | None:
    """Look again until the platform answers: no poll follows the job, and nobody else would tell."""
    connection = case.observed.connection
    awaited = isinstance(connection, Connection) and not _answers(case, connection) and not case.elsewhere
    return case.retry_delay() if awaited and _said_stale(case) else None


def _answers(case: Case, connection: Connection) -> bool:
    return connection.proven and case.fault is None


def _said_stale(case: Case) -> bool:
    recorded = conditions.find(case.desired.status.conditions, ConditionType.SYNCED)
    return recorded is not None and recorded.status is not ConditionStatus.TRUE
