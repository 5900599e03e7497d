"""Rules that look for the best set of n − f updates, exactly."""

import math

import numpy as np

from fedsim.aggregators._covers import TooManySteps, closest_together
from fedsim.aggregators._selection import average
from fedsim.aggregators._spreads import Search
from fedsim.aggregators.contract import Aggregate, F, aggregator
from fedsim.array_types import Array
from fedsim.errors import SearchGivenUp
from fedsim.kernels.rules.distances import central_row, products, squared_distances

COVER_STEPS, SPREAD_WORK = 300_000, 20_000_000
"""Steps of a search before it is given up, and their number times n²: some seconds each."""


@aggregator(
    "mda",
    needs="n > 2f",
    breaks={"permutation": "several sets may share the least diameter: the first in order is taken"},
)
def mda(updates: Array, *, f: F) -> Aggregate:
    """Mean of the n − f updates of least diameter.

    Formula:
        S: of all sets of n − f rows one of least max ‖uᵢ − uⱼ‖, i and j in S, the lexicographically first where there
        are several; (1/(n − f)) Σ uᵢ over S: (n, d) -> (d,).
    Assumes:
        At most f rows are bad. ValueError unless n > 2f, and where the search takes more than 300,000 steps.
    Breakdown:
        f rows: S contains n − 2f honest rows, and is no wider than the honest ones.
    Cost:
        One n × n matrix of distances. The search is exact without trying all sets: by bisection the least distance
        such that leaving out f rows leaves no pair beyond it, which takes at most about 1.47^f steps, and far fewer
        where attackers stand apart. It always ends for f ≤ 20.
    Differs:
        byzfl tries every set, which ends in practice near n = 25.
    Source:
        El Mhamdi, Guerraoui, Guirguis, Hoang, Rouault. Genuinely Distributed Byzantine Machine Learning. PODC 2020.
        Rousseeuw. Multivariate Estimation with High Breakdown Point. 1985.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("mda", rows, f=1).round(2).tolist()
        [1.05]
    """
    n = len(updates)
    try:
        return average(updates, closest_together(squared_distances(updates), n - f, COVER_STEPS))
    except TooManySteps:
        remedy = "f ≤ 20, or fewer rows as bucketing makes them, would do"
        raise SearchGivenUp(_given_up("mda", n, f, COVER_STEPS, remedy)) from None


@aggregator("smea", needs="n > 2f")
def smea(updates: Array, *, f: F) -> Aggregate:
    """Mean of the n − f updates that spread least in their widest direction.

    Formula:
        S: of all sets of n − f rows that of least λ_max of (1/(n − f)) Σ (uᵢ − μ)(uᵢ − μ)ᵀ, i in S, μ their mean;
        μ: (n, d) -> (d,).
    Assumes:
        At most f rows are bad. ValueError unless n > 2f, and where the search takes more than 20,000,000/n² steps.
    Breakdown:
        f rows.
    Cost:
        One n × n matrix of products; the search is exact without trying all sets, by branch and bound with the
        eigenvalues of n × n matrices. Attackers who stand apart cost little; honest rows that differ all alike can
        cost nearly as many steps as there are sets: n = 30, f = 9 takes seconds.
    Differs:
        The eigenvalue is exact. byzfl takes one step of the power method from a random vector for each set, so that its
        answer varies from call to call, and tries every set.
    Source:
        Allouah, Guerraoui, Gupta, Pinot, Stephan. On the Privacy-Robustness-Utility Trilemma in Distributed Learning.
        ICML 2023, section 5.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("smea", rows, f=1).round(2).tolist()
        [1.05]
    """
    n, kept = len(updates), np.zeros(len(updates), bool)
    matrix, steps = products(updates, central_row(updates), np.arange(n)).matrix, SPREAD_WORK // n**2
    try:
        kept[Search(matrix, n - f, steps).run()] = True
    except TooManySteps:
        remedy = (
            "a smaller f, fewer rows as bucketing makes them, or caf, which finds nearly as narrow a mean, would do"
        )
        raise SearchGivenUp(_given_up("smea", n, f, steps, remedy)) from None
    return average(updates, kept)


def _given_up(name: str, n: int, f: int, steps: int, remedy: str) -> str:
    return (
        f"{name} was given up after {steps:,} steps of its search: there are {math.comb(n, f):.3g} sets of {n - f} of "
        f"{n} rows; {remedy}"
    )
