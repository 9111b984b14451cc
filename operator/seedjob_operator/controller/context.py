"""What those have in common who look after the jobs of one account each."""

import dataclasses

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.leadership import Leadership
from seedjob_operator.controller.observations import Observations
from seedjob_operator.controller.queue import KeyQueue
from seedjob_operator.seedapi.budget import Budget


@dataclasses.dataclass(frozen=True, kw_only=True)
class ControllerContext:
    """Where what the platform shows goes, who may act, and what a request may cost."""

    observations: Observations
    queue: KeyQueue
    leadership: Leadership
    clock: Clock
    budget: Budget
