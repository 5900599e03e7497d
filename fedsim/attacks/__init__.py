"""Attacks: forged rows (`updates.py`) and poisoned examples (`data.py`); `_family.py` holds their contracts."""
