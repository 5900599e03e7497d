"""Latency laws: how long a client takes; `contract.py` holds the contract."""

from fedsim.latencies.contract import (
    SUPPLIES,
    Function,
    latencies,
    latency,
)

__all__ = [
    "SUPPLIES",
    "Function",
    "latencies",
    "latency",
]
