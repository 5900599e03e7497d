"""Local algorithms: what a client does between receiving and sending; `contract.py` holds the contract."""

from fedsim.local_algorithms.contract import (
    SUPPLIES,
    Correction,
    Function,
    Momentum,
    local_algorithm,
    local_algorithms,
)

__all__ = [
    "SUPPLIES",
    "Correction",
    "Function",
    "Momentum",
    "local_algorithm",
    "local_algorithms",
]
