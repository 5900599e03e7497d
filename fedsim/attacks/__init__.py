"""Attacks: forged rows and poisoned examples; `_family.py` holds their contracts."""

from fedsim.attacks.contract import (
    DATA_SUPPLIES,
    UPDATE_SUPPLIES,
    Function,
    attack,
    attacks,
    data_attack,
    forged_rows,
)

__all__ = [
    "DATA_SUPPLIES",
    "UPDATE_SUPPLIES",
    "Function",
    "attack",
    "attacks",
    "data_attack",
    "forged_rows",
]
