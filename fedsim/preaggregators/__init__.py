"""Pre-aggregators, (n, d) -> (m, d), applied in order before the rule; `_family.py` holds their contract."""
