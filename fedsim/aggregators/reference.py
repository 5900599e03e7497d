"""Rules that judge updates by a point of reference: one of the rows, their median, or the server's own update."""

from typing import Annotated

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from fedsim.aggregators._selection import average, least, nobody, scaled_sum
from fedsim.aggregators.contract import Aggregate, F, aggregator
from fedsim.array_types import Array
from fedsim.errors import RowsDoNotSuffice
from fedsim.kernels import distances_to, mean_of_ranks
from fedsim.kernels.rules.directions import cosines_to

Vector = NDArray[np.float64]


@aggregator("monna", needs="n > 2f", breaks={"permutation": "the trusted row is told by its place among the rows"})
def monna(
    updates: Array,
    *,
    f: F,
    index: Annotated[int, Ge(0), "place of the trusted row; in a run rows stand in the order of their clients"] = 0,
) -> Aggregate:
    """Mean of the updates nearest to a trusted one.

    Formula:
        The mean of the n − f rows nearest to row `index`, itself among them, earlier rows first on exact ties:
        (n, d) -> (d,).
    Assumes:
        The trusted row is honest, and at most f others are bad. ValueError unless n > 2f and index < n. Made for peers
        that trust themselves; on a server it suits runs in which all clients take part in every round, so that
        the place is always the same client's.
    Breakdown:
        f rows, as long as the trusted one is not among them.
    Cost:
        Two passes over the matrix.
    Source:
        Farhadkhani, Guerraoui, Gupta, Hoang, Pinot, Stephan. Robust Collaborative Learning with Linear Gradient
        Overhead. ICML 2023, section 3.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("monna", rows, f=2, index=1).round(2).tolist()
        [1.0]
    """
    n = len(updates)
    if index >= n:
        raise RowsDoNotSuffice(f"monna needs index < n: got index = {index}, n = {n}")
    gaps = distances_to(updates[index], updates)
    gaps[index] = -1  # itself before rows that equal it
    return average(updates, least(gaps, n - f))


@aggregator("aksel", needs="n > 2f")
def aksel(updates: Array, *, f: F) -> Aggregate:
    """Mean of the updates nearest to the coordinate-wise median.

    Formula:
        z[k] = median of u₁[k] … uₙ[k]; the mean of the n − f rows of least ‖uᵢ − z‖, earlier rows first on exact ties:
        (n, d) -> (d,).
    Assumes:
        At most f rows are bad. ValueError unless n > 2f.
    Breakdown:
        f rows: whatever is kept is no farther from the median than the farthest honest row.
    Cost:
        That of median and two passes over the matrix.
    Source:
        Boussetta, El Mhamdi, Guerraoui, Maurer, Rouault. AKSEL: Fast Byzantine SGD. OPODIS 2020.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("aksel", rows, f=2).round(2).tolist()
        [1.1]
    """
    n = len(updates)
    middle = mean_of_ranks(updates, (n - 1) // 2, n // 2 + 1)
    return average(updates, least(distances_to(middle, updates), n - f))


@aggregator(
    "fltrust",
    breaks={
        "translation": "angles and norms are measured from zero",
        "unanimity": "every row gets the norm of the server's own update",
    },
)
def fltrust(updates: Array, trusted: Array) -> Aggregate:
    """Mean of the updates, scaled to the server's own and weighted by their angle to it.

    Formula:
        g₀ (d,) the server's own update; tᵢ = max(0, cos(uᵢ, g₀)); Σ tᵢ (‖g₀‖/‖uᵢ‖) uᵢ / Σ tᵢ: (n, d), (d,) -> (d,).
        Weights are tᵢ / Σ tᵢ.
    Assumes:
        The root data resemble the clients'. ValueError when no row is within 90° of g₀, in which case the paper divides
        by zero.
    Breakdown:
        None: whatever the rows are, the answer is no longer than g₀ and within 90° of it.
    Cost:
        The server's own training, and two passes over the matrix.
    Source:
        Cao, Fang, Liu, Gong. FLTrust: Byzantine-robust Federated Learning via Trust Bootstrapping. NDSS 2021,
        equation 4.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [-9.0]])
        >>> aggregate("fltrust", rows, trusted=[1.0]).round(2).tolist()
        [1.0]
    """
    along, lengths, own = cosines_to(np.asarray(trusted, updates.dtype), updates)
    trust = np.maximum(along, 0)
    if not trust.any():
        raise RowsDoNotSuffice("fltrust trusts nobody: no update is within 90° of the server's own")
    return _of_length(own, lengths, trust / trust.sum(), updates)


@aggregator(
    "zeno_plus",
    breaks={
        "translation": "angles and norms are measured from zero",
        "unanimity": "every row gets the norm of the server's own update",
    },
)
def zeno_plus(
    updates: Array,
    trusted: Array,
    *,
    penalty: Annotated[
        float, Ge(0), Le(1), "ρ, the least cosine to the server's own update, where there is no slack"
    ] = 0.01,
    slack: Annotated[float, Ge(0), "ε, by how much a row may miss that, in the unit of updates squared"] = 0.0,
) -> Aggregate:
    """Zeno++: mean of the updates that go the way of the server's own, each scaled to its length.

    Formula:
        g₀ (d,) the server's own update; yᵢ = uᵢ ‖g₀‖/‖uᵢ‖; S = {i: ⟨g₀, yᵢ⟩ − ρ‖yᵢ‖² ≥ −ε}, without rows of zeros;
        (1/|S|) Σ yᵢ over S, zeros where S is empty: (n, d), (d,) -> (d,).
    Assumes:
        The root data resemble the clients'. Nothing of the clients, of how many they are or of how late they answer:
        made for servers that step at every update (clients.buffer = 1).
    Breakdown:
        None: whatever the rows are, the answer is no longer than g₀, and goes along it by (ρ − ε/‖g₀‖²)‖g₀‖ at least.
    Cost:
        The server's own training, and two passes over the matrix.
    Differs:
        The paper scores a gradient g of the norm of the validation gradient v by γ⟨v, g⟩ − ρ'‖g‖² ≥ −γε' at the rate
        γ. Updates are −γ times gradients, so that here ρ = ρ'/γ and ε = γ²ε'; the authors' script has ρ' = 0.001,
        γ = 0.1 and ε' = 0. Their code penalises the norm that the gradient had before it was scaled. The paper makes v
        anew every k steps, from a few examples; here g₀ is the local training on all root data, made in every step. A
        step takes one row in the paper, here the mean of those that are in.
    Source:
        Xie, Koyejo, Gupta. Zeno++: Robust Fully Asynchronous SGD. ICML 2020, algorithm 1.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [-9.0]])
        >>> aggregate("zeno_plus", rows, trusted=[2.0]).round(2).tolist()
        [2.0]
    """
    along, lengths, own = cosines_to(np.asarray(trusted, updates.dtype), updates)
    pardon = slack / own / own if own else np.inf
    kept = (lengths > 0) & (along >= penalty - pardon)
    return _of_length(own, lengths, kept / kept.sum(), updates) if kept.any() else nobody(updates)


def _of_length(own: float, lengths: Vector, weights: Vector, updates: Array) -> Aggregate:
    """The weighted mean of the rows, each scaled from its length to this one."""
    unit = scaled_sum(weights / np.where(lengths > 0, lengths, 1), updates)
    with np.errstate(over="ignore", invalid="ignore"):
        factors = np.nan_to_num(own / np.where(lengths > 0, lengths, 1), nan=1.0)
    return Aggregate(np.asarray(own * unit, updates.dtype), weights, factors=factors)
