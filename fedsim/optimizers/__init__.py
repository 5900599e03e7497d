"""The clients' optimizers; `contract.py` holds the contract."""

from fedsim.optimizers.contract import (
    SUPPLIES,
    Function,
    optimizer,
    optimizers,
)

__all__ = [
    "SUPPLIES",
    "Function",
    "optimizer",
    "optimizers",
]
