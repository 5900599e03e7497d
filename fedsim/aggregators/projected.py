"""Any rule that weighs whole rows, applied to short random sketches of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from fedsim.aggregators._inner_rules import Settings, inner_rule
from fedsim.aggregators.contract import Aggregate, F, aggregator
from fedsim.array_types import Array, Integers
from fedsim.kernels import weighted_sum
from fedsim.kernels.rules.directions import row_units

if TYPE_CHECKING:
    from fedsim.randomness import Stream

PLAIN = 1e-100, 1e100
"""Numbers between these are projected as they are."""
MOST_MAGNITUDE = 1e150
"""What a number is cut to, in the unit of most rows: as far out as can be, and sums of it are still held."""
ANSWER_TOLERANCE = 1e-6
"""How far a rule's answer may be from its weighted mean, as a share of the greatest number."""


@aggregator("random_projection", needs="n > 2f")
def random_projection(
    updates: Array,
    counts: Integers,
    previous: Array,
    parameters: Array,
    clients: Integers,
    memory: Mapping[str, Array] | None,
    stream: "Stream",
    *,
    rule: Annotated[str, "the rule that judges the projected rows"] = "one_mean",
    f: F = 0,
    dimensions: Annotated[int, Ge(1), "k, numbers of a projected row; rows that have no more stay as they are"] = 256,
    settings: Settings = None,
) -> Aggregate:
    """Any rule that weighs whole updates, applied to random projections of them.

    Formula:
        With h(c) in 1 … k and σ(c) = ±1 drawn for each coordinate c: pᵢ[j] = Σ σ(c) uᵢ[c] over the c with h(c) = j, so
        that ‖pᵢ − pⱼ‖² is ‖uᵢ − uⱼ‖² in the mean; w the rule's weights for p₁ … pₙ; Σ wᵢ uᵢ: (n, d) -> (d,).
    Assumes:
        What the rule assumes, and k large enough: distances are right up to a share of about √(2/k). ValueError for a
        rule whose answer is no weighted mean of whole rows, as those by coordinates, and where its own condition does
        not hold. Attackers do not know the draw, which is a new one in each round.
    Breakdown:
        That of the rule, on distances that are a little wrong.
    Cost:
        One pass over the matrix, in float64; the rule on (n, k); and one pass over the chosen rows. Krum's n²d
        multiplications become n²k. Memory: the rule's, of which histories of projections mean nothing, since the next
        round's are others.
    Differs:
        A rule, not a step before one, since the rows that are averaged stay whole. Dense Gaussian projections cost k
        times as much and are no better in the mean.
    Source:
        Charikar, Chen, Farach-Colton. Finding Frequent Items in Data Streams. ICALP 2002 (the sketch). Random
        projection before robust aggregation: arXiv:2605.28335, 2026.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("random_projection", rows, rule="krum", f=1).round(2).tolist()
        [1.1]
    """
    entry, chosen = inner_rule("random_projection", rule, f, settings or {})
    vectors = {"updates": updates, "previous": previous[None], "parameters": parameters[None]}
    sketches = {name: value for name, value in vectors.items() if name in entry.supplied}
    if updates.shape[1] > dimensions:
        sketch = _Sketch.drawn(updates.shape[1], dimensions, stream.at("sketch").numpy())
        unit = float(np.median(row_units(updates)))
        unit = 1.0 if PLAIN[0] < unit < PLAIN[1] else unit
        sketches = {name: sketch.of(value, unit) for name, value in sketches.items()}
    given = {name: value if name == "updates" else value[0] for name, value in sketches.items()}
    passed = {"counts": counts, "clients": clients, "memory": memory, "stream": stream}
    verdict: Aggregate = entry.call({**passed, **given}, chosen)
    _check_mean(rule, verdict, given["updates"])
    return Aggregate(weighted_sum(verdict.weights, updates), verdict.weights, verdict.memory, factors=verdict.factors)


class _Sketch:
    """A bucket and a sign for each coordinate."""

    def __init__(self, buckets: NDArray[np.intp], signs: NDArray[np.int8], size: int) -> None:
        self.buckets, self.signs, self.size = buckets, signs, size

    @classmethod
    def drawn(cls, d: int, size: int, draw: "np.random.Generator") -> "_Sketch":
        """Of d coordinates."""
        return cls(draw.integers(0, size, d), (2 * draw.integers(0, 2, d) - 1).astype(np.int8), size)

    def of(self, rows: Array, unit: float = 1.0) -> Array:
        """(n, d) -> (n, k) in float64, in this unit."""
        found = np.empty((len(rows), self.size))
        for row, values in enumerate(rows):
            signed = np.clip(values.astype(np.float64) / unit, -MOST_MAGNITUDE, MOST_MAGNITUDE) * self.signs
            found[row] = np.bincount(self.buckets, signed, self.size)
        return found


def _check_mean(rule: str, verdict: Aggregate, rows: Array) -> None:
    """ValueError unless the verdict is the mean of the rows by its weights."""
    size = float(np.abs(rows).max(initial=0)) or 1.0
    mean = verdict.weights @ (rows / size)
    if np.abs(mean - verdict.update / size).max(initial=0) > ANSWER_TOLERANCE:
        raise ValueError(f"random_projection cannot apply {rule}: its answer is no weighted mean of whole rows")
