"""When an intent is written anew before a create is sent again, and what it keeps of the one before."""

import dataclasses
from datetime import timedelta

from seedjob_operator.core.case import Case
from seedjob_operator.core.intent import Intent

_INTENT_TIME_HOLDS = timedelta(minutes=1)
_MOST_DOUBLINGS = 4


def remembering(case: Case, renewed: Intent) -> Intent:
    """Keep what a renewed intent has to say of an earlier create under the same name that may yet be carried out."""
    before = case.stored_intent
    if before is None or before.job_name != renewed.job_name or not case.may_have_been_sent:
        return renewed
    earlier = (before.earlier_spec or before.spec_hash, before.earlier_run or before.run_id)
    if earlier != (renewed.spec_hash, renewed.run_id):
        renewed = dataclasses.replace(renewed, earlier_spec=earlier[0], earlier_run=earlier[1])
    return renewed if may_be_redated(case, before) else dataclasses.replace(renewed, time=before.time)


def is_old(case: Case, intent: Intent) -> bool:
    """Tell whether an intent is so old that it would claim jobs which others made since: only a chosen name can.

    Where creates are refused again and again it's renewed more and more rarely.
    """
    holds = _INTENT_TIME_HOLDS * 2.0 ** min(case.observed.failures, _MOST_DOUBLINGS)
    claims = not intent.has_generated_name and may_be_redated(case, intent)
    return claims and case.platform_now - intent.time > holds


def may_be_redated(case: Case, intent: Intent) -> bool:
    """Under a chosen name the intent's time tells which job is ours, as long as an earlier create may have made it."""
    return intent.has_generated_name or not case.may_have_been_sent
