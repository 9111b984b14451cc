"""Which connection leads to the attempt that a pass is about: an attempt is bound to its own until it's gone."""

from seedjob_operator.core import deletion
from seedjob_operator.core.case import Case
from seedjob_operator.resources import DeletionPolicy


def connection_name(case: Case) -> str | None:
    """Name the SeedConnection to use now; None for the operator's own default connection."""
    desired, intent = case.desired, case.intent
    if desired.deleting and desired.spec.deletion_policy is not DeletionPolicy.ORPHAN:
        left = deletion.left(case)
        if left:
            return left[0].connection or None
    if intent is not None and not deletion.nothing_was_made(case):
        return intent.connection or None
    return desired.connection_name or None
