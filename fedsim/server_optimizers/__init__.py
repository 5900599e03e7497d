"""The server's optimizers: from an aggregate to the direction of its step; `contract.py` holds the contract."""

from fedsim.server_optimizers.contract import (
    SUPPLIES,
    Direction,
    Function,
    server_optimizer,
    server_optimizers,
)

__all__ = [
    "SUPPLIES",
    "Direction",
    "Function",
    "server_optimizer",
    "server_optimizers",
]
