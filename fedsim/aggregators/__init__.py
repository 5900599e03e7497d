"""Aggregation rules, (n, d) -> (d,), grouped by idea; `contract.py` holds their contract."""

from fedsim.aggregators.contract import (
    Aggregate,
    Condition,
    F,
    Rule,
    aggregator,
    aggregators,
    as_rows,
    check_condition,
)

__all__ = [
    "Aggregate",
    "Condition",
    "F",
    "Rule",
    "aggregator",
    "aggregators",
    "as_rows",
    "check_condition",
]
