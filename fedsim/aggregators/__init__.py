"""Aggregation rules, (n, d) -> (d,), grouped by idea; `_family.py` holds their contract."""
