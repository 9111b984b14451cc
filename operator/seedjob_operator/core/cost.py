"""What a job costs, in decimals."""

from decimal import ROUND_HALF_UP, Decimal

from seedjob_operator.resources import Cost
from seedjob_operator.seedapi.wire import Job

_CENT = Decimal("0.01")
_FINE = Decimal("0.0001")
_SMALL = Decimal("0.10")
_HOUR = Decimal(3600)
MOST = Decimal("999999999999.99")
"""More isn't money: the platform contradicts itself."""


def cost_of(job: Job, *, currency: str) -> Cost | None:
    """Give a job's cost: the platform's total where it gives one, else its price times its run time.

    None before the platform says a price. `cost_per_hour` is the whole job's, all nodes (contract: Create and List).
    """
    total = job.total_cost
    if total is None and job.cost_per_hour is not None and job.runtime_seconds is not None:
        total = job.cost_per_hour * max(job.runtime_seconds, 0) / _HOUR
    if total is None and job.cost_per_hour is None:
        return None
    return Cost(
        per_hour=None if job.cost_per_hour is None else money(job.cost_per_hour),
        total=None if total is None else money(total),
        currency=currency,
    )


def cost_text(cost: Cost | None) -> str | None:
    """Give the column's text: `12.80 USD`."""
    return None if cost is None or cost.total is None else f"{cost.total} {cost.currency}"


def money(amount: Decimal) -> Decimal:
    """Round an amount to two decimals; below ten cents to four, so that a short run doesn't read as free."""
    amount = min(amount, MOST)
    unit = _FINE if 0 < amount < _SMALL else _CENT
    return amount.quantize(unit, rounding=ROUND_HALF_UP)
