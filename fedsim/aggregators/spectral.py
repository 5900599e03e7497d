"""Rules that look where the updates spread most: the first principal direction."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from fedsim.aggregators._selection import average, least
from fedsim.aggregators.contract import Aggregate, F, aggregator
from fedsim.array_types import Array
from fedsim.kernels import weighted_sum
from fedsim.kernels.rules.distances import central_row, products

if TYPE_CHECKING:
    from fedsim.randomness import Stream

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


@aggregator("caf", needs="n > 2f")
def caf(updates: Array, *, f: F) -> Aggregate:
    """Weighted mean whose updates spread least in any direction, found by taking weight from those far out.

    Formula:
        c = 1 for every row. While Σ c > n − 2f: μ = Σ cᵢ uᵢ / Σ c; (λ, v) the first eigenpair of Σ cᵢ (uᵢ −
        μ)(uᵢ − μ)ᵀ / Σ c; τᵢ = ⟨v, uᵢ − μ⟩²; cᵢ ← cᵢ (1 − τᵢ/τ_max), τ_max the greatest τ of a row with cᵢ > 0. The μ
        of least λ: (n, d) -> (d,). With f = 0 it is the mean, and where τ_max = 0 the loop ends.
    Assumes:
        At most f rows are bad; ValueError unless n > 2f. It is not told how far honest rows spread.
    Breakdown:
        f rows.
    Cost:
        One n × n matrix of products; every turn takes at least one row out and solves for the eigenpairs of an n × n
        matrix, at most 2f times.
    Differs:
        The eigenpair is exact. byzfl takes one step of the power method from a random vector, so that its answer varies
        from call to call, and its τ_max may be that of a row without weight: beside a row very far away it then
        hardly moves.
    Source:
        Allouah, Guerraoui, Stephan. Towards Trustworthy Federated Learning with Untrusted Participants. ICML 2025,
        algorithm 2.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("caf", rows, f=1).round(2).tolist()
        [1.05]
    """
    n, smallest = len(updates), np.inf
    c = weights = np.full(n, 1.0)
    matrix = products(updates, central_row(updates), np.arange(n)).matrix if f else np.zeros((n, n))
    while c.sum() > n - 2 * f:
        spread, squares = first_direction(matrix, c / c.sum())
        if spread < smallest:
            smallest, weights = spread, c
        worst = squares[c > 0].max()
        if not worst > 0:
            break
        c = c * np.maximum(1 - squares / worst, 0)
    weights = weights / weights.sum()
    return Aggregate(weighted_sum(weights, updates), weights)


@aggregator("dnc", needs="n > 2f")
def dnc(
    updates: Array,
    stream: "Stream",
    *,
    f: F,
    iterations: Annotated[int, Ge(1), "choices of coordinates, each of which has a vote"] = 5,
    coordinates: Annotated[int, Ge(1), "b, coordinates looked at in an iteration; all where there are fewer"] = 10_000,
    filtering: Annotated[float, Gt(0), "c: c·f rows are dropped in each iteration"] = 1.0,
) -> Aggregate:
    """Mean of the updates that no random choice of coordinates shows to be far out along its main direction.

    Formula:
        Each time: b coordinates drawn without replacement; their columns centred by their means; v the first right
        singular vector; the ⌊c·f⌋ rows of greatest ⟨v, uᵢ − μ⟩² are dropped, later rows first on exact ties. The mean
        of the rows kept every time, or, where there is none, of those kept most often: (n, d) -> (d,).
    Assumes:
        At most f rows are bad, and they are far out together. ValueError unless n > 2f.
    Breakdown:
        f rows.
    Cost:
        For each iteration one n × n matrix of products of b coordinates.
    Differs:
        The singular vector is exact, through the n × n products. Published code takes 1 to 5 iterations and averages
        an empty set where no row is kept every time.
    Source:
        Shejwalkar, Houmansadr. Manipulating the Byzantine: Optimizing Model Poisoning Attacks and Defenses for
        Federated Learning. NDSS 2021, algorithm 2.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("dnc", rows, f=1).round(2).tolist()
        [1.05]
    """
    n, d = updates.shape
    draw, votes = stream.numpy(), np.zeros(n, int)
    kept = n - min(int(filtering * f), n - 1)
    for _ in range(iterations):
        columns = np.sort(draw.choice(d, coordinates, replace=False)) if coordinates < d else slice(None)
        sample = updates[:, columns]
        matrix = products(sample, central_row(sample), np.arange(n)).matrix
        votes += least(first_direction(matrix, np.full(n, 1 / n))[1], kept)
    return average(updates, votes == votes.max())


def first_direction(matrix: Matrix, weights: Vector) -> tuple[float, Vector]:
    """(n, n) products, (n,) weights summing to 1 -> the greatest eigenvalue of the weighted covariance, and (n,) the
    squared projections of the rows' gaps to the weighted mean on its eigenvector.
    """
    along = matrix @ weights
    centred = matrix - along - along[:, None] + weights @ along
    roots = np.sqrt(weights)
    values, vectors = np.linalg.eigh(roots[:, None] * centred * roots)
    if not values[-1] > 0:
        return 0.0, np.zeros(len(weights))
    return float(values[-1]), (centred @ (roots * vectors[:, -1])) ** 2 / values[-1]
