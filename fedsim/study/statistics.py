"""What numbers over seeds say: means with intervals, paired differences, the worst case, and ranks.

Every interval is two-sided at 95 %. One seed has none, and none is made up. Differences are paired by seed, as cells
of one seed see the same data, cohorts and batches where their settings allow it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fedsim.randomness import Stream
from fedsim.study.questions import Interval

LEVEL = 0.95
RESAMPLES = 9_999
FEWEST = 2
FEWEST_FRIEDMAN = 3


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, and where it may lie."""

    mean: float
    low: float | None  # None where there are too few seeds to say
    high: float | None
    deviation: float | None  # of the values, with n − 1
    count: int


def estimate(values: Sequence[float], interval: Interval = "t") -> Estimate | None:
    """The mean with its 95 % interval; None of no values, and no interval of one or of what is not finite.

    Formula:
        t: mean ± t(0.975, n − 1) · s / √n. bootstrap: the 2.5 % and 97.5 % quantiles of the means of 9,999 samples
        drawn with replacement.
    """
    if not values:
        return None
    mean = math.fsum(values) / len(values)
    if len(values) < FEWEST or not np.isfinite(values).all():
        return Estimate(mean, None, None, None, len(values))
    deviation = float(np.std(values, ddof=1))
    low, high = _bootstrap(values) if interval == "bootstrap" else _t_interval(mean, deviation, len(values))
    return Estimate(mean, low, high, deviation, len(values))


def _t_interval(mean: float, deviation: float, count: int) -> tuple[float, float]:
    from scipy.stats import t

    half = float(t.ppf((1 + LEVEL) / 2, count - 1)) * deviation / math.sqrt(count)
    return mean - half, mean + half


def _bootstrap(values: Sequence[float]) -> tuple[float, float]:
    from scipy.stats import bootstrap

    if len(set(values)) == 1:
        return values[0], values[0]
    found = bootstrap(
        (np.asarray(values),), np.mean, confidence_level=LEVEL, n_resamples=RESAMPLES, method="percentile",
        rng=Stream.root(0).at("bootstrap").numpy(),
    )  # fmt: skip
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


ROUNDING = 1e-13
"""Differences that vary by less than this part of the scores are the same number, rounded in different ways."""


@dataclass(frozen=True)
class Difference:
    """How much better one variant is than another, over the seeds that both have."""

    estimate: Estimate
    effect: float | None  # Cohen's d of paired differences: their mean over their deviation
    p: float | None  # of the paired t test; None where the differences do not vary
    holm: float | None = None  # the same, corrected for the number of comparisons


def paired(these: Sequence[float], those: Sequence[float], interval: Interval = "t") -> Difference | None:
    """The mean of these − those, pair by pair, with effect size and the p of the paired t test."""
    differences = [one - other for one, other in zip(these, those, strict=True)]
    found = estimate(differences, interval)
    if found is None:
        return None
    size = max(map(abs, (*these, *those)))
    if found.deviation is None or found.deviation <= ROUNDING * size:
        return Difference(found, None, None)
    from scipy.stats import ttest_rel

    return Difference(found, found.mean / found.deviation, float(ttest_rel(these, those).pvalue))


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction: the k-th smallest of m is multiplied by m − k + 1, never falling below one before.

    Source:
        Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 1979.
    """
    order = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    largest = 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, p * (len(order) - rank)))
        corrected[place] = largest
    return corrected


@dataclass(frozen=True)
class Ranks:
    """Mean ranks over conditions, 1 being the best."""

    mean: tuple[float, ...]
    conditions: int
    critical_difference: float | None  # ranks nearer than this are not told apart; None of a single condition
    p: float | None  # of Friedman's test that all are alike; None of fewer than three variants


def ranks(rows: Sequence[Sequence[float]]) -> Ranks | None:
    """Ranks of the columns within each row, greater being better, ties sharing their mean rank.

    Formula:
        Nemenyi: CD = q(0.95, k, ∞) / √2 · √(k (k + 1) / (6 N)), k variants, N conditions.
    Source:
        Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 2006.
    """
    if not rows or len(rows[0]) < FEWEST:
        return None
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    matrix = np.asarray(rows, np.float64)
    ranked = rankdata(-matrix, axis=1)
    conditions, k = matrix.shape
    mean = tuple(ranked.mean(axis=0).tolist())
    if conditions < FEWEST:
        return Ranks(mean, conditions, None, None)
    q = float(studentized_range.ppf(LEVEL, k, np.inf)) / math.sqrt(2)
    varied = bool((ranked != ranked[:, :1]).any())
    p = float(friedmanchisquare(*matrix.T).pvalue) if k >= FEWEST_FRIEDMAN and varied else None
    return Ranks(mean, conditions, q * math.sqrt(k * (k + 1) / (6 * conditions)), p)
