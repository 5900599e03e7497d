"""Attacks: forged rows and poisoned examples; `_family.py` holds their contracts."""

from fedsim.attacks.contract import (
    Function,
    attack,
    attacks,
    data_attack,
    forged_rows,
)

__all__ = [
    "Function",
    "attack",
    "attacks",
    "data_attack",
    "forged_rows",
]
