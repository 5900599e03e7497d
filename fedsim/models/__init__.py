"""Models: (shape, classes) -> torch module; `contract.py` holds the contract."""

from fedsim.models.contract import (
    SUPPLIES,
    Function,
    model,
    models,
)

__all__ = [
    "SUPPLIES",
    "Function",
    "model",
    "models",
]
