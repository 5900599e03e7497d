"""What a rule made of a round's rows, seen from outside."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedsim.array_types import Array

if TYPE_CHECKING:
    from fedsim.aggregators.contract import Aggregate
    from fedsim.simulation.arrivals import Received


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a rule makes of the rows."""

    rule: str
    update: Array | None  # (d,) the aggregate; None where the rule could not be applied
    weights: Array  # (n,) how much each row counted
    norm: float  # of the aggregate
    distance: float  # from it to the mean of the honest rows
    cosine: float  # of the angle between the two
    byzantine_weight: float  # share of the weights on Byzantine rows
    byzantine_kept: int  # Byzantine rows with any weight
    honest_kept: int  # honest rows with any weight
    begun: int  # the round in which it was first asked: before the one in question where it has a past
    skipped: str = ""  # why it could not be applied


def outcome_of(rule: str, received: "Received", verdict: "Aggregate | None", begun: int, skipped: str) -> Outcome:
    """The measures that a run would have had on record, and how many rows of each kind counted at all."""
    from fedsim.simulation.arrivals import honest_mean, measure

    byzantine, norm, distance = measure(received, verdict)
    if verdict is None:
        return Outcome(rule, None, np.zeros(0), norm, distance, math.nan, byzantine, 0, 0, begun, skipped)
    counted, mean = verdict.weights > 0, honest_mean(received)
    kept = int(counted[received.byzantine].sum()), int(counted[~received.byzantine].sum())
    cosine = math.nan if mean is None else _cosine(verdict.update, mean)
    return Outcome(
        rule, np.array(verdict.update), np.array(verdict.weights), norm, distance, cosine, byzantine, *kept, begun
    )


def _cosine(update: Array, mean: Array) -> float:
    """Of the angle between the two; NaN where one of them has no direction."""
    one, other = (row.astype(np.float64) / (np.abs(row).max(initial=0) or 1) for row in (update, mean))
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else math.nan
