"""Rules built on the geometric median: the point of least total distance to the rows."""

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt

from fedsim.aggregators._weighting import amounts
from fedsim.aggregators._weiszfeld import Vector, automatic_weights, distances_to_mix, weiszfeld
from fedsim.aggregators.contract import Aggregate, aggregator
from fedsim.array_types import Array, Integers
from fedsim.kernels import weighted_sum
from fedsim.kernels.rules.distances import Products, central_row, products

Tolerance = Annotated[float, Gt(0), "movement that counts as none, as a share of the mean distance to the rows"]

TURNS = 1_000
"""Turns of AutoGM after which α is taken to rest; each lowers the objective, and a handful is the rule."""
TOUCHING = 0.01
"""A median this near to a row, in squares about the centre, is measured again from that row."""


@aggregator("geometric_median")
def geometric_median(
    updates: Array,
    counts: Integers,
    *,
    tolerance: Tolerance = 1e-6,
    steps: Annotated[int | None, Ge(1), "Weiszfeld steps from the mean; left out: until converged"] = None,
    weighting: Annotated[Literal["rows", "examples"], "what pulls alike: every row, or every example"] = "rows",
) -> Aggregate:
    """The point of least total distance to the updates.

    Formula:
        argmin_z Σ aᵢ ‖uᵢ − z‖, with aᵢ = 1 or the examples behind row i: (n, d) -> (d,). Weiszfeld's steps z ← Σ wᵢ uᵢ,
        wᵢ ∝ aᵢ / max(‖uᵢ − z‖, ν), start from the mean; ν is the tolerance times the least median distance from one
        row to the others. A row that is itself the minimiser is recognised and returned.
    Assumes:
        More than half of the pull is honest.
    Breakdown:
        Less than half of the total aᵢ.
    Cost:
        One n × n matrix of products and one pass over the matrix; the steps run on the n × n matrix alone.
    Differs:
        byzfl stops after 3 steps from zero with ν = 0.1, which is not converged. RFA takes a few steps from
        the mean weighted by examples: steps=3, weighting="examples".
    Source:
        Weiszfeld. Sur le point pour lequel la somme des distances de n points donnés est minimum. Tohoku
        1937. Chen, Su, Xu. Distributed Statistical Machine Learning in Adversarial Settings. SIGMETRICS 2018.
        Pillutla, Kakade, Harchaoui. Robust Aggregation for Federated Learning. IEEE TSP 2022 (RFA).
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("geometric_median", rows).round(2).tolist()
        [1.1]
    """
    pulls = np.ones(len(updates)) if weighting == "rows" else amounts("geometric_median", counts, len(updates))

    def solve(found: Products) -> Vector:
        return weiszfeld(found.matrix, pulls, tolerance, steps)

    weights = _solved(updates, solve)
    return Aggregate(weighted_sum(weights, updates), weights)


@aggregator(
    "autogm",
    breaks={"scaling": "λ is a distance: larger updates at the same λ are trusted less evenly"},
)
def autogm(
    updates: Array,
    *,
    penalty: Annotated[float, Gt(0), "λ, in the unit of distances: the larger, the more evenly rows weigh"],
    tolerance: Tolerance = 1e-6,
) -> Aggregate:
    """Geometric median that also learns how much each update should pull.

    Formula:
        argmin_{z, α} Σ αᵢ ‖uᵢ − z‖ + (λn/2) ‖α‖², α in the simplex: (n, d) -> (d,). From α = 1/n, in turn: z is the
        geometric median under the pulls α, and αᵢ = max(η − ‖uᵢ − z‖, 0)/(λn) with η such that Σ αᵢ = 1; until α moves
        no more.
    Assumes:
        More than half of the rows are honest and λ fits the size of the updates.
    Breakdown:
        Less than half of the rows; rows farther than η from the median count nothing.
    Cost:
        One n × n matrix of products and one pass over the matrix.
    Source:
        Li, Ngai, Voigt. Byzantine-Robust Aggregation in Federated Learning Empowered Industrial IoT. IEEE
        Transactions on Industrial Informatics 2023, algorithm 1.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("autogm", rows, penalty=0.1).round(2).tolist()
        [1.1]
    """

    def solve(found: Products) -> Vector:
        return _alternate(found, penalty, tolerance)

    weights = _solved(updates, solve)
    return Aggregate(weighted_sum(weights, updates), weights)


def _alternate(found: Products, penalty: float, tolerance: float) -> Vector:
    n = len(found.matrix)
    alphas = np.full(n, 1 / n)
    for _ in range(TURNS):
        weights = weiszfeld(found.matrix, alphas, tolerance)
        with np.errstate(over="ignore"):
            distances = distances_to_mix(found.matrix, weights) / found.shrunk
        following = automatic_weights(distances, penalty / found.unit)
        if np.abs(following - alphas).max() <= tolerance:
            break
        alphas = following
    return weights


def _solved(updates: Array, solve: Callable[[Products], Vector]) -> Vector:
    """The weights that `solve` finds; measured again from the nearest row when they all but meet it."""
    everyone = np.arange(len(updates))
    found = products(updates, central_row(updates), everyone)
    weights = solve(found)
    distances = distances_to_mix(found.matrix, weights)
    nearest = int(distances.argmin())
    if distances[nearest] ** 2 < TOUCHING * found.matrix[nearest, nearest]:
        found = products(updates, nearest, everyone)
        weights = solve(found)
    return _of_the_rows(weights, found.shrunk)


def _of_the_rows(weights: Vector, shrunk: Vector) -> Vector:
    """Weights of the rows themselves, from those of rows of which the farthest were drawn nearer."""
    if (shrunk == 1).all():
        return weights
    true = weights * shrunk
    return np.asarray(true / true.sum())
