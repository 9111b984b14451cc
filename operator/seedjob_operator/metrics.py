"""What the operator counts; the only user of prometheus_client.

Names follow Prometheus' conventions: a unit and `_total` at the end, no user's text in a label but phases, reasons and
operations, which are closed sets.
"""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
_REGISTRY = CollectorRegistry()

REMOTE_REQUESTS = Counter(
    "seedjob_remote_requests_total", "Requests to the Seed platform.", ["operation", "outcome"], registry=_REGISTRY
)
REMOTE_SECONDS = Histogram(
    "seedjob_remote_request_duration_seconds",
    "How long the Seed platform took to answer.",
    ["operation"],
    registry=_REGISTRY,
)
KUBERNETES_WRITES = Counter(
    "seedjob_kubernetes_writes_total", "Writes to the Kubernetes API.", ["kind", "outcome"], registry=_REGISTRY
)
RECONCILES = Counter("seedjob_reconciles_total", "Passes over a SeedJob.", ["outcome"], registry=_REGISTRY)
RECONCILE_SECONDS = Histogram(
    "seedjob_reconcile_duration_seconds", "How long a pass over a SeedJob took.", registry=_REGISTRY
)
SEEDJOBS = Gauge("seedjob_seedjobs", "SeedJobs by phase.", ["phase"], registry=_REGISTRY)
ORPHANED = Counter("seedjob_orphaned_total", "Remote jobs that were left without their SeedJob.", registry=_REGISTRY)
LEADER = Gauge("seedjob_leader", "1 while this replica is the one that acts.", registry=_REGISTRY)
QUEUE_LENGTH = Gauge("seedjob_queue_length", "SeedJobs that wait for a pass.", registry=_REGISTRY)
POLL_SECONDS = Histogram("seedjob_poll_duration_seconds", "How long a round of lists took.", registry=_REGISTRY)


def render() -> bytes:
    """Give all figures in Prometheus' text format."""
    return generate_latest(_REGISTRY)
