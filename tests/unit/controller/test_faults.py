"""What an answer of the platform, or none, reads as in `Synced`: unreachable is Unknown, a refusal is False."""

import pytest

from seedjob_operator.controller.faults import fault_of
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.verdicts import of_platform
from seedjob_operator.seedapi import errors
from unit.core.given import NOW


@pytest.mark.parametrize(
    ("kind", "reason", "synced"),
    [
        (errors.UnreachableError, Reason.PLATFORM_UNAVAILABLE, "Unknown"),
        (errors.NoAnswerError, Reason.PLATFORM_UNAVAILABLE, "Unknown"),
        (errors.UnreadableAnswerError, Reason.PLATFORM_UNAVAILABLE, "Unknown"),
        (errors.RedirectRefusedError, Reason.PLATFORM_UNAVAILABLE, "Unknown"),
        (errors.OrchestrationError, Reason.PLATFORM_UNAVAILABLE, "Unknown"),
        (errors.UnauthorizedError, Reason.UNAUTHORIZED, "False"),
        (errors.ForbiddenError, Reason.FORBIDDEN, "False"),
        (errors.RateLimitedError, Reason.RATE_LIMITED, "False"),
        (errors.NotFoundError, Reason.NAMESPACE_NOT_FOUND, "False"),
    ],
)
def test_what_a_list_says_of_the_platform(kind: type[errors.SeedError], reason: Reason, synced: str) -> None:
    fault = fault_of(kind("It failed."), now=NOW, listing=True)
    verdict = of_platform(fault)
    assert (verdict.reason, verdict.status, fault.since) == (reason, synced, NOW)
    assert verdict.message.endswith(".")
