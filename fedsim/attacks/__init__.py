"""Attacks: forged rows, poisoned examples and other training; `contract.py` holds their contracts."""

from fedsim.attacks.contract import (
    Forged,
    Function,
    Triggered,
    attack,
    attacks,
    data_attack,
    forged_rows,
    training_attack,
)

__all__ = [
    "Forged",
    "Function",
    "Triggered",
    "attack",
    "attacks",
    "data_attack",
    "forged_rows",
    "training_attack",
]
