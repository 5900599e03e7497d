"""Laws of availability: when clients are there to be asked; `contract.py` holds the contract."""

from fedsim.availabilities.contract import (
    SUPPLIES,
    Function,
    availabilities,
    availability,
)

__all__ = [
    "SUPPLIES",
    "Function",
    "availabilities",
    "availability",
]
