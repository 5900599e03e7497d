"""Partitions: whose examples are whose; `_family.py` holds the contract."""
