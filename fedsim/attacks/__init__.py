"""Attacks: forged rows and poisoned examples; `_family.py` holds their contracts."""
