"""Schedules of a learning rate, round by round; `contract.py` holds the contract."""

from fedsim.schedules.contract import (
    SUPPLIES,
    Function,
    factor_of,
    schedule,
    schedules,
)

__all__ = [
    "SUPPLIES",
    "Function",
    "factor_of",
    "schedule",
    "schedules",
]
