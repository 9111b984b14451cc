"""What a job costs an hour. Prices are this platform's own, in US dollars, and never floats."""

from decimal import Decimal
from types import MappingProxyType

GPU_HOUR = MappingProxyType(
    {
        "A100-40GB": Decimal("2.10"),
        "A100-80GB": Decimal("3.20"),
        "H100-80GB": Decimal("4.90"),
        "L4": Decimal("0.80"),
        "T4": Decimal("0.40"),
    }
)
"""Price of one GPU for an hour, with the vCPUs, memory and disk beside it."""
VCPU_HOUR = Decimal("0.05")
"""Price of one vCPU for an hour in a job without GPUs."""
SPOT_FACTOR = Decimal("0.40")
_CENT = Decimal("0.01")


def cost_per_hour(*, gpu: str, gpu_count: int, cpu: int, num_nodes: int, spot: bool) -> Decimal:
    """Give the price of the whole job, all nodes, for an hour."""
    node = VCPU_HOUR * cpu if gpu == "none" else GPU_HOUR[gpu] * gpu_count
    return (node * num_nodes * (SPOT_FACTOR if spot else 1)).quantize(_CENT)
