"""Pre-aggregators, (n, d) -> (m, d), applied in order before the rule; `contract.py` holds their contract."""

from fedsim.preaggregators.contract import (
    Mixed,
    Mixer,
    preaggregator,
    preaggregators,
)

__all__ = [
    "Mixed",
    "Mixer",
    "preaggregator",
    "preaggregators",
]
