"""Latency laws: how long a client takes; `_family.py` holds the contract."""
