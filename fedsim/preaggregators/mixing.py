"""Pre-aggregators that replace rows by means of several rows."""

from typing import Annotated

import numpy as np
from annotated_types import Ge

from fedsim.aggregators.contract import F
from fedsim.array_types import Array, Integers
from fedsim.kernels import weighted_sums
from fedsim.kernels.rules.distances import squared_distances
from fedsim.preaggregators.contract import Mixed, preaggregator
from fedsim.randomness import Stream


@preaggregator("nnm", needs="n > f")
def nnm(updates: Array, *, f: F) -> Mixed:
    """Nearest-neighbour mixing: each row becomes the mean of the rows nearest to it.

    Formula:
        yᵢ = 1/(n − f) Σ of the n − f rows nearest to uᵢ, itself included, earlier rows first on exact ties:
        (n, d) -> (n, d).
    Assumes:
        At most f rows are bad. ValueError unless n > f.
    Breakdown:
        That of the rule behind it; with n > 2f, mixing brings honest rows of different clients closer
        together.
    Cost:
        One n × n matrix of distances, and n means of n − f rows each, in about n·(n − f)·d multiplications.
    Source:
        Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan. Fixing by Mixing: A Recipe for Optimal
        Byzantine ML under Heterogeneity. AISTATS 2023, algorithm 2.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> preaggregate("nnm", rows, f=2).round(2).tolist()
        [[1.0], [1.0], [1.1], [1.1], [3.77]]
    """
    n = len(updates)
    distances = squared_distances(updates)
    np.fill_diagonal(distances, -1)
    nearest = distances.argsort(axis=1, kind="stable")[:, : n - f]
    shares = np.zeros((n, n))
    shares[np.arange(n)[:, None], nearest] = 1 / (n - f)
    return Mixed(weighted_sums(shares, updates), shares)


@preaggregator(
    "bucketing",
    breaks={"permutation": "buckets are drawn by position: other rows meet when rows change places"},
)
def bucketing(
    updates: Array, stream: Stream, *, s: Annotated[int, Ge(1), "rows averaged into one bucket"] = 2
) -> Mixed:
    """Means of random buckets of s rows.

    Formula:
        With a random permutation π, y_b = the mean of u_{π(b·s+1)} … u_{π(b·s+s)}, for b = 0 … ⌈n/s⌉ − 1; the last
        bucket holds what is left and is averaged over as many: (n, d) -> (⌈n/s⌉, d).
    Assumes:
        f bad rows spoil at most f buckets, so the rule behind it sees f bad among ⌈n/s⌉ rows.
    Breakdown:
        That of the rule behind it on ⌈n/s⌉ rows.
    Cost:
        One pass over the matrix.
    Source:
        Karimireddy, He, Jaggi. Byzantine-Robust Learning on Heterogeneous Datasets via Bucketing. ICLR 2022,
        algorithm 1.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> preaggregate("bucketing", rows, s=2, seed=1).round(2).tolist()
        [[1.05], [1.05], [9.0]]
    """
    n = len(updates)
    order = stream.numpy().permutation(n)
    buckets = np.arange(n) // s
    shares = np.zeros((buckets[-1] + 1, n))
    shares[buckets, order] = 1 / np.bincount(buckets)[buckets]
    return Mixed(weighted_sums(shares, updates), shares)


@preaggregator(
    "basgd",
    breaks={"permutation": "rows become the means of buckets, in the order of the buckets"},
)
def basgd(
    updates: Array,
    clients: Integers,
    *,
    buckets: Annotated[int, Ge(1), "B, buckets; a client's rows always fall into the same one"],
) -> Mixed:
    """Means of buckets of clients, each client in a bucket of its own number for good.

    Formula:
        y_b = the mean of the rows whose client c has c mod B = b, for b = 0 … B − 1 without the buckets that are empty:
        (n, d), (n,) -> (m, d), m ≤ B.
    Assumes:
        f Byzantine clients spoil at most f buckets, however often they answer, so that the rule behind it sees f bad
        among m rows. Fast honest clients count for less than their rows in the same way.
    Breakdown:
        That of the rule behind it on m rows.
    Cost:
        One pass over the matrix.
    Differs:
        The paper's server steps once every bucket holds a row, ours when clients.buffer rows are in, with the buckets
        that are filled: a buffer of several times B fills nearly all. It takes gradients, momenta in BASGDm
        (training.worker_momentum).
    Source:
        Yang, Li. Buffered Asynchronous SGD for Byzantine Learning. JMLR 24, 2023, algorithm 1.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> preaggregate("basgd", rows, clients=[0, 1, 2, 3, 6], buckets=3).round(2).tolist()
        [[3.7], [1.0], [1.1]]
    """
    found, own = np.unique(np.asarray(clients) % buckets, return_inverse=True)
    shares = (own.reshape(-1) == np.arange(len(found))[:, None]).astype(np.float64)
    shares /= shares.sum(axis=1, keepdims=True)
    return Mixed(weighted_sums(shares, updates), shares)
