"""What can go wrong between us and the Seed platform, as a tree.

    SeedError                       whether to retry, after how long, and what a user should do
    ├── UnavailableError            the platform didn't do its work; it may later
    │   ├── UnreachableError        no connection: refused, no such host, time-out while connecting
    │   ├── NoAnswerError           a connection, and then no whole answer: time-out, reset
    │   ├── UnreadableAnswerError   an answer that isn't the API's: HTML, broken, truncated or huge JSON
    │   ├── RedirectRefusedError    3xx: a redirect isn't followed, the credential goes to the endpoint alone
    │   └── OrchestrationError      5xx
    ├── RefusedError                the platform answered, and refuses us
    │   ├── UnauthorizedError       401
    │   ├── ForbiddenError          403
    │   └── RateLimitedError        429, or our own budget is held by an earlier one
    ├── NotFoundError               404
    ├── ConflictError               409
    ├── SpecRejectedError           400, 422: the job itself; `message` is the platform's own
    └── InvalidRequestError         ours, refused before it was sent

`outcome_unknown` of a write, by what happened to it:

    not sent (InvalidRequest, Unreachable, a held budget)    False   nothing was carried out
    refused (3xx, 4xx, 429)                                  False   the platform says that it did nothing
    sent, and no whole answer (NoAnswer)                     True
    5xx                                                      True    the platform may have failed after the work
    2xx that can't be read (UnreadableAnswer)                True    it was carried out, most likely

No text in here carries a credential, an environment value or a signed address.
"""

from typing import ClassVar


class SeedError(Exception):
    """The platform didn't do what was asked.

    Attributes:
        message: a sentence for a user.
        status: the answer's status; None where there was no answer.
        retry_after: seconds that the platform asked to wait; None where it didn't.
        outcome_unknown: whether a write may have been carried out all the same; always False for a read.
        retryable: whether the same request may succeed later without a change to it.
        user_action: a sentence that says what a user should do.
    """

    retryable: ClassVar[bool] = False
    user_action: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.outcome_unknown = outcome_unknown


class UnavailableError(SeedError):
    """The platform didn't do its work; it may later."""

    retryable = True
    user_action = "Nothing needs to be done: it is tried again."


class UnreachableError(UnavailableError):
    """There was no connection, so nothing was carried out."""

    user_action = "It is tried again; if this lasts, check the endpoint's address and the network's policies."


class NoAnswerError(UnavailableError):
    """There was a connection, and then no whole answer: the request may have been carried out."""


class UnreadableAnswerError(UnavailableError):
    """The answer isn't one of the API's."""

    user_action = "It is tried again; if this lasts, check that the endpoint is the Seed API and no proxy's page."


class RedirectRefusedError(UnavailableError):
    """The platform points to another address (3xx), where the credential must not go by itself."""

    user_action = "It is tried again; if this lasts, write the address that it points to as the endpoint."


class OrchestrationError(UnavailableError):
    """The platform failed (5xx)."""


class RefusedError(SeedError):
    """The platform answered, and refuses us."""

    retryable = True


class UnauthorizedError(RefusedError):
    """The credential isn't accepted (401)."""

    user_action = "Put a valid credential into the connection's Secret (or the operator's token file); it is read again by itself."


class ForbiddenError(RefusedError):
    """The credential may not do this (403)."""

    user_action = (
        "Use a credential that may work in this Seed namespace, or a connection to the namespace that is meant."
    )


class RateLimitedError(RefusedError):
    """The credential has used up its requests (429); `retry_after` is always told."""

    user_action = "It is tried again when the platform allows it; a larger plan allows more."


class NotFoundError(SeedError):
    """There is no such job, or no such Seed namespace (404)."""

    user_action = "Check the job's name and the name of the Seed namespace."


class ConflictError(SeedError):
    """The job's state doesn't allow this, or its name is taken (409)."""

    user_action = "Look at the job on the platform: its state or its name doesn't allow this."


class SpecRejectedError(SeedError):
    """The platform refuses the job itself, or a parameter (400, 422)."""

    user_action = "Change spec.job."


class InvalidRequestError(SeedError):
    """The request can't be sent as it is; it was not sent."""

    user_action = "Correct the connection's settings."
