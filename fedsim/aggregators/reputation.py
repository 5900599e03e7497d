"""Rules that remember how clients behaved: the sum of what they sent, or how often they were judged good."""

from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray

from fedsim.aggregators._history import Memory, known, table
from fedsim.aggregators._selection import nobody
from fedsim.aggregators.contract import Aggregate, aggregator
from fedsim.array_types import Array, Integers
from fedsim.errors import RowsDoNotSuffice
from fedsim.kernels import weighted_sum
from fedsim.kernels.rules.directions import Directions, directions

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

COSINE_TOLERANCE = 1e-6
"""Histories whose cosine is this near to 1 are the same up to rounding."""
ROUNDING = 1e-7
"""Cosines whose standard deviation is less are all the same."""
MOST_WEIGHT = 0.99
"""What a weight of 1 is set to before its logit is taken, which would be infinite."""


@aggregator(
    "foolsgold",
    breaks={
        "translation": "angles are measured from zero",
        "unanimity": "clients who all send the same are taken for one client's copies, and nobody is kept",
    },
)
def foolsgold(
    updates: Array,
    clients: Integers,
    memory: Memory,
    *,
    confidence: Annotated[float, Gt(0), "κ, how sharply weights are drawn to 0 and 1"] = 1.0,
) -> Aggregate:
    """Weighted mean in which clients count less the more alike all that they ever sent is.

    Formula:
        Hᵢ: the sum of all updates of the client behind row i; sᵢⱼ = cos(Hᵢ, Hⱼ) of different clients, else 0;
        vᵢ = max(0, maxⱼ sᵢⱼ); where vⱼ > vᵢ, sᵢⱼ ← sᵢⱼ vᵢ/vⱼ; αᵢ = 1 − max(0, maxⱼ sᵢⱼ); αᵢ ← αᵢ / max α, 1 becomes
        0.99; αᵢ ← κ (ln(αᵢ/(1 − αᵢ)) + ½), cut to 0 … 1; Σ αᵢ uᵢ / Σ αᵢ: (n, d) -> (d,). Where every α is 0, zeros.
    Assumes:
        Honest clients' data differ, and attackers pull the same way. More than one attacker: one alone is not like
        anybody. Honest clients with alike data are taken for attackers.
    Breakdown:
        No number of attackers whose histories are alike; a single one counts in full.
    Cost:
        One n × n matrix of products of the histories and three passes over the matrix. Memory: a row for each client
        that ever took part.
    Differs:
        The authors' code looks at the output layer or at features weighted by the model, and does not divide by Σ α.
        Here all coordinates count alike.
    Source:
        Fung, Yoon, Beschastnikh. The Limitations of Federated Learning in Sybil Settings. RAID 2020, algorithm 1.
    Example:
        >>> rows = np.array([[1.0, 0.1], [0.1, 1.0], [-5.0, -5.0], [-5.0, -5.1]])
        >>> aggregate("foolsgold", rows).round(2).tolist()
        [0.55, 0.55]
    """
    everyone, places = known(memory, clients)
    history = table(memory, "history", everyone, np.zeros(updates.shape[1], updates.dtype))
    with np.errstate(over="ignore"):
        for row, place in enumerate(places):
            history[place] += updates[row]
    kept = {"clients": everyone, "history": history}
    here, own = np.unique(places, return_inverse=True)
    alphas = _unalike(directions(history, here).cosines(), confidence)[own.reshape(-1)]
    if not alphas.any():
        return nobody(updates)._replace(memory=kept)
    weights = alphas / alphas.sum()
    return Aggregate(weighted_sum(weights, updates), weights, kept)


def _unalike(cosines: Matrix, confidence: float) -> Vector:
    """(m, m) cosines of the histories of different clients -> (m,) α of each."""
    likeness = cosines.copy()
    np.fill_diagonal(likeness, 0)
    most = likeness.max(axis=1)
    pardoned: Matrix = np.where(most > most[:, None], likeness * most[:, None] / np.where(most > 0, most, 1), likeness)
    alphas = np.clip(1 - pardoned.max(axis=1), 0, 1)
    alphas[alphas < COSINE_TOLERANCE] = 0
    if not alphas.any():
        return np.asarray(alphas)
    alphas = np.minimum(alphas / alphas.max(), 1)
    alphas[alphas == 1] = MOST_WEIGHT
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(confidence * (np.log(alphas / (1 - alphas)) + 0.5), 0, 1))


@aggregator("afa", breaks={"translation": "angles are measured from zero"})
def afa(
    updates: Array,
    counts: Integers,
    clients: Integers,
    memory: Memory,
    *,
    slack: Annotated[
        float, Gt(0), "ξ, standard deviations from the median within which a cosine is good at first"
    ] = 2.0,
    step: Annotated[float, Ge(0), "by how much ξ grows with each pass"] = 0.5,
    good: Annotated[float, Gt(0), "α₀, good verdicts that a client has on its first day"] = 3.0,
    bad: Annotated[float, Gt(0), "β₀, bad verdicts that a client has on its first day"] = 3.0,
    block: Annotated[
        float, Gt(0), Lt(1), "how sure it must be that most verdicts are bad before a client is blocked"
    ] = (0.95),
) -> Aggregate:
    """Adaptive federated averaging: a mean by reputation without those whose angle to it stands out.

    Formula:
        pᵢ = αᵢ/(αᵢ + βᵢ). Pass after pass over the rows not yet dropped: ū = Σ pᵢ mᵢ uᵢ / Σ pᵢ mᵢ, sᵢ = cos(uᵢ, ū),
        with mean, median and standard deviation σ of s; if mean < median, rows with sᵢ < median − ξσ are dropped, else
        those with sᵢ > median + ξσ; ξ grows by `step`; until nobody is dropped. The last ū: (n, d), (n,) -> (d,). Then
        α + 1 for each kept row's client and β + 1 for each dropped one's. A client with BetaCDF(½; α, β) > `block` is
        blocked for good: its rows are no longer looked at.
    Assumes:
        More than half of the weight is honest. ValueError when every client of a round is blocked.
    Breakdown:
        Fewer than half of the rows, and only those whose angle stands out.
    Cost:
        One n × n matrix of products and one pass over the matrix; passes run on the n × n matrix. Memory: two numbers
        for each client that ever took part.
    Source:
        Muñoz-González, Co, Lupu. Byzantine-Robust Federated Machine Learning through Adaptive Model Averaging. 2019
        (arXiv:1909.05125), algorithm 1.
    Example:
        >>> rows = np.array([[0.9, 1], [1.0, 1], [1.1, 1], [1.2, 1], [1.0, 1], [-1, 1]])
        >>> aggregate("afa", rows).round(2).tolist()
        [1.04, 1.0]
    """
    everyone, places = known(memory, clients)
    alphas, betas = table(memory, "good", everyone, good), table(memory, "bad", everyone, bad)
    sought = ~_blocked(alphas, betas, block)[places]
    if not sought.any():
        raise RowsDoNotSuffice("afa has blocked every client of this round")
    amounts = np.where(sought, (alphas / (alphas + betas))[places] * counts, 0)
    weights = _agreeing(directions(updates), amounts, slack, step)
    np.add.at(alphas, places[weights > 0], 1)
    np.add.at(betas, places[sought & (weights == 0)], 1)
    kept: dict[str, Any] = {"clients": everyone, "good": alphas, "bad": betas}
    return Aggregate(weighted_sum(weights, updates), weights, kept)


def _blocked(alphas: Vector, betas: Vector, limit: float) -> NDArray[np.bool_]:
    from scipy.special import betainc

    return np.asarray(betainc(alphas, betas, 0.5) > limit)


def _agreeing(found: Directions, amounts: Vector, slack: float, step: float) -> Vector:
    """(n,) weights, summing to 1, of the rows that are left when nobody stands out any more."""
    units = found.units / found.units.max()  # a mean is one of rows of their true sizes
    lengths = np.sqrt(found.products.diagonal())
    lengths = np.where(lengths > 0, lengths, 1)
    while True:
        weights = amounts / amounts.sum()
        along = found.products @ (weights * units)
        norm = np.sqrt(max(float((weights * units) @ along), 0)) or 1.0
        kept = amounts > 0
        scores = (along / lengths / norm)[kept]
        middle, spread = np.median(scores), scores.std()
        out = scores < middle - slack * spread if scores.mean() < middle else scores > middle + slack * spread
        if spread <= ROUNDING or not out.any():
            return np.asarray(weights)
        amounts = amounts.copy()
        amounts[np.flatnonzero(kept)[out]] = 0
        slack += step
