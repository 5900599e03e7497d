"""Label skew by Dirichlet draws, the usual dial from one world to many."""

from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from fedsim.array_types import Integers
from fedsim.partitions.contract import Split, partition
from fedsim.partitions.dealing import fill_up, grouped, population
from fedsim.randomness import Stream

REDRAWS = 20  # whole draws before the smallest clients are filled up by hand


@partition("dirichlet", by_class=True)
def dirichlet(
    targets: Integers,
    classes: int,
    clients: int | None,
    stream: Stream,
    *,
    alpha: Annotated[float, Ge(1e-6), Le(1e9), "concentration: small gives a class to few clients, large nears iid"],
    min_size: Annotated[int, Ge(1), "examples that every client holds at least"] = 1,
) -> Split:
    """Each class is divided among the clients in Dirichlet proportions.

    Formula:
        For every class y: p_y ~ Dirichlet(alpha, …, alpha) over the clients; the shuffled examples of y are
        cut at the rounded cumulative sums of p_y. The whole is drawn again while a client holds fewer than
        min_size examples, 20 times at most; then each client in want takes random examples from the largest.
    Assumes:
        clients · min_size ≤ m, else ValueError.
    Differs:
        This is the per-class draw of Yurochkin et al. and Li et al., in which clients differ in size too.
        Hsu et al. draw label proportions per client and give all the same size; `virtual` with its `alpha`
        does that. Implementations that draw again without end never return for many clients and small alpha.
    Source:
        Yurochkin et al., Bayesian Nonparametric Federated Learning of Neural Networks, ICML 2019;
        Li et al., Federated Learning on Non-IID Data Silos, ICDE 2022.
    """
    clients = population(clients, len(targets), min_size)
    for attempt in range(REDRAWS):
        owner = _draw(targets, classes, clients, alpha, stream.at("draw", attempt))
        if np.bincount(owner, minlength=clients).min() >= min_size:
            break
    else:
        fill_up(owner, clients, min_size, stream.at("fill"))
    return grouped(owner, clients)


def _draw(targets: Integers, classes: int, clients: int, alpha: float, stream: Stream) -> Integers:
    """(m,) the client of each example, perhaps leaving some clients short."""
    owner = np.empty(len(targets), np.int64)
    for label in range(classes):
        generator = stream.at("class", label).numpy()
        members = generator.permutation(np.flatnonzero(targets == label))
        share = generator.dirichlet(np.full(clients, alpha))
        cuts = np.rint(np.cumsum(share)[:-1] * len(members)).astype(np.int64)
        owner[members] = np.searchsorted(cuts, np.arange(len(members)), side="right")
    return owner
