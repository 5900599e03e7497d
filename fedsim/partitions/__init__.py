"""Partitions: whose examples are whose; `contract.py` holds the contract."""

from fedsim.partitions.contract import (
    DEFAULT_CLIENTS,
    SUPPLIES,
    Function,
    Shares,
    Split,
    check_shares,
    partition,
    partitions,
)

__all__ = [
    "DEFAULT_CLIENTS",
    "SUPPLIES",
    "Function",
    "Shares",
    "Split",
    "check_shares",
    "partition",
    "partitions",
]
