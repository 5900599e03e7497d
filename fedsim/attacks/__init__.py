"""Attacks: forged rows and poisoned examples; `contract.py` holds their contracts."""

from fedsim.attacks.contract import (
    Forged,
    Function,
    Triggered,
    attack,
    attacks,
    data_attack,
    forged_rows,
)

__all__ = [
    "Forged",
    "Function",
    "Triggered",
    "attack",
    "attacks",
    "data_attack",
    "forged_rows",
]
