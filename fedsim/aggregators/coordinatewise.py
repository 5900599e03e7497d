"""Rules that look at each coordinate on its own."""

import numpy as np
from numpy.typing import NDArray

from fedsim.aggregators._weighting import Weighting, amounts
from fedsim.aggregators.contract import Aggregate, F, aggregator
from fedsim.array_types import Array, Integers
from fedsim.kernels import surviving_mean
from fedsim.kernels.rules.finite_rows import screen
from fedsim.kernels.rules.nearest import mean_of_nearest
from fedsim.kernels.rules.weighted_ranks import trimmed_by_weight


@aggregator("median", screens=True)
def median(updates: Array, counts: Integers | None = None, *, weighting: Weighting = "rows") -> Aggregate:
    """Median of each coordinate.

    Formula:
        out[k] = median of u₁[k] … uₙ[k]: (n, d) -> (d,). For an even n, the mean of the two middle values.
        weighting="examples": the median of as many copies of each value as there are examples behind its row.
    Assumes:
        More than half of the rows, or of the examples, are honest. Its own f is never asked for: it tolerates the most
        there can be. Examples are counted as clients report them: one who claims more than all others together decides
        alone.
    Breakdown:
        ⌈n/2⌉ − 1 rows: with fewer than half of the rows bad, every coordinate stays between honest values. By examples:
        rows with fewer than half of them.
    Cost:
        One pass over the matrix. Weights are shares of survived coordinates, in which tied rows share alike; of more
        than 64 rows they are counted on half a million numbers, spread evenly. By examples numpy sorts every
        coordinate, which takes some fifty times as long.
    Differs:
        torch.median, and with it byzpy, takes the lower of the two middle values for an even n.
    Source:
        Yin, Chen, Ramchandran, Bartlett. Byzantine-Robust Distributed Learning: Towards Optimal Statistical
        Rates. ICML 2018, definition 1.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("median", rows).round(2).tolist()
        [1.1]
    """
    n = len(updates)
    if weighting == "examples":
        return _by_examples(updates, amounts("median", counts, n), 0.5)
    low, high = (n - 1) // 2, n // 2 + 1
    update, weights, finite = surviving_mean(updates, low, high)
    return Aggregate(update, weights, finite=finite)


@aggregator("trimmed_mean", needs="n > 2f", screens=True)
def trimmed_mean(updates: Array, counts: Integers | None = None, *, f: F, weighting: Weighting = "rows") -> Aggregate:
    """Mean of each coordinate without its f lowest and f highest values.

    Formula:
        out[k] = 1/(n − 2f) Σ of the values of ranks f+1 … n−f among u₁[k] … uₙ[k]: (n, d) -> (d,).
        weighting="examples": the mean of as many copies of each value as there are examples behind its row, without
        the lowest and the highest f/n of all copies.
    Assumes:
        At most f rows are bad. ValueError unless n > 2f. By examples: the bad rows hold at most f/n of them, counted as
        clients report them; a client who claims more is not trimmed away.
    Breakdown:
        f rows: with no more of them, every coordinate stays between honest values. By examples: rows with f/n of them.
    Cost:
        One pass over the matrix. Weights are shares of survived coordinates, in which tied rows share alike; of more
        than 64 rows they are counted on half a million numbers, spread evenly. By examples numpy sorts every
        coordinate, which takes some twenty times as long.
    Differs:
        The kept values are summed directly; total minus extremes, as some do, cancels when the extremes are
        huge.
    Source:
        Yin, Chen, Ramchandran, Bartlett. Byzantine-Robust Distributed Learning: Towards Optimal Statistical
        Rates. ICML 2018, definition 2.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("trimmed_mean", rows, f=1).round(2).tolist()
        [1.1]
    """
    n = len(updates)
    if weighting == "examples":
        return _by_examples(updates, amounts("trimmed_mean", counts, n), f / n)
    update, weights, finite = surviving_mean(updates, f, n - f)
    return Aggregate(update, weights, finite=finite)


def _by_examples(updates: Array, examples: NDArray[np.float64], cut: float) -> Aggregate:
    finite = bool(screen(updates).all())
    if not finite:  # it is called again without the rows that are not
        return Aggregate(np.zeros_like(updates[0]), examples / examples.sum(), finite=False)
    return Aggregate(*trimmed_by_weight(updates, examples, cut))


@aggregator("meamed", needs="n > 2f")
def meamed(updates: Array, *, f: F) -> Aggregate:
    """Mean of the values of each coordinate that lie nearest to its median.

    Formula:
        out[k] = 1/(n − f) Σ of the n − f values among u₁[k] … uₙ[k] nearest to their median, earlier rows first on
        exact ties: (n, d) -> (d,). For an even n the median is the mean of the two middle values.
    Assumes:
        At most f rows are bad. ValueError unless n > 2f.
    Breakdown:
        f rows: what is kept is no farther from the median than the farthest honest value.
    Cost:
        Two searches for an order statistic, about three times trimmed_mean. Weights are the exact shares of what was
        kept.
    Differs:
        Under PyTorch byzfl measures from the lower of the two middle values of an even n.
    Source:
        Xie, Koyejo, Gupta. Generalized Byzantine-tolerant SGD. 2018 (arXiv:1802.10116), definition 9.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("meamed", rows, f=1).round(2).tolist()
        [1.05]
    """
    n = len(updates)
    return Aggregate(*mean_of_nearest(updates, n - f, (n - 1) // 2, n // 2 + 1))


@aggregator("phocas", needs="n > 2f")
def phocas(updates: Array, *, f: F) -> Aggregate:
    """Mean of the values of each coordinate that lie nearest to its trimmed mean.

    Formula:
        out[k] = 1/(n − f) Σ of the n − f values among u₁[k] … uₙ[k] nearest to the mean of their ranks f+1 … n−f,
        earlier rows first on exact ties: (n, d) -> (d,).
    Assumes:
        At most f rows are bad. ValueError unless n > 2f.
    Breakdown:
        f rows: what is kept is no farther from the trimmed mean than the farthest honest value.
    Cost:
        That of meamed.
    Source:
        Xie, Koyejo, Gupta. Phocas: Dimensional Byzantine-resilient Stochastic Gradient Descent. 2018
        (arXiv:1805.09682), definition 8.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("phocas", rows, f=1).round(2).tolist()
        [1.05]
    """
    n = len(updates)
    return Aggregate(*mean_of_nearest(updates, n - f, f, n - f))
