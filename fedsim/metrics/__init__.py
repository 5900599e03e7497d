"""Metrics: what a model is scored by, each a plain function of its predictions; `contract.py` holds the contract.

What is trained on, and when a model is scored, is not decided here.
"""

from fedsim.metrics.contract import (
    STANDARD_SCORES,
    VALIDATION,
    Reading,
    metric,
    metrics,
    reading,
    reading_of,
)

__all__ = [
    "STANDARD_SCORES",
    "VALIDATION",
    "Reading",
    "metric",
    "metrics",
    "reading",
    "reading_of",
]
