"""Laws of local work: how many epochs a client trains; `contract.py` holds the contract."""

from fedsim.workloads.contract import (
    SUPPLIES,
    Function,
    workload,
    workloads,
)

__all__ = [
    "SUPPLIES",
    "Function",
    "workload",
    "workloads",
]
