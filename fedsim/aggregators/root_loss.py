"""Rules that try updates out on the server's root data."""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from annotated_types import Ge

from fedsim.aggregators._selection import average, least, lengths_of
from fedsim.aggregators.contract import Aggregate, F, aggregator
from fedsim.array_types import Array, Integers
from fedsim.errors import RowsDoNotSuffice
from fedsim.kernels import weighted_sum


@aggregator(
    "zeno",
    needs="n > f",
    breaks={
        "translation": "the penalty is on norms, measured from zero",
        "scaling": "losses do not grow as the squared norms do",
    },
)
def zeno(
    updates: Array,
    root_losses: Array,
    *,
    f: F,
    penalty: Annotated[float, Ge(0), "ρ, how much a unit of squared norm counts against a loss"] = 0.0005,
) -> Aggregate:
    """Mean of the updates that lower the root loss most for their length.

    Formula:
        L the mean loss on the root data, θ the parameters; sᵢ = L(θ) − L(θ + uᵢ) − ρ‖uᵢ‖²; the mean of the n − f rows
        of greatest sᵢ, earlier rows first on exact ties: (n, d), (n,) -> (d,). Rows whose loss is not finite come last.
    Assumes:
        The root data resemble the clients'. ValueError unless n > f and n − f losses are finite.
    Breakdown:
        f rows, which may be more than half.
    Cost:
        n passes over the root data and two passes over the matrix.
    Differs:
        The paper draws a few new examples each round; here they are always the root set. Its score is of stochastic
        gradients at a learning rate, ours of updates as they are; L(θ) is the same for all and left out.
    Source:
        Xie, Koyejo, Gupta. Zeno: Distributed Stochastic Gradient Descent with Suspicion-based Fault-tolerance. ICML
        2019, definition 2.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("zeno", rows, root_losses=[0.4, 0.5, 0.4, 0.6, 8.0], f=2).round(2).tolist()
        [1.0]
    """
    kept = len(updates) - f
    finite = np.isfinite(root_losses)
    if finite.sum() < kept:
        raise RowsDoNotSuffice(f"zeno needs {kept} finite root losses: got {finite.sum()}")
    with np.errstate(over="ignore"):
        scores = np.asarray(root_losses, np.float64) + penalty * lengths_of(updates) ** 2
    return average(updates, least(np.where(finite, scores, np.inf), kept))


@aggregator(
    "fedgreed",
    breaks={
        "translation": "the root loss is that of the parameters with the update",
        "scaling": "the root loss is that of the parameters with the update",
    },
)
def fedgreed(updates: Array, counts: Integers, root_loss: Callable[[Array], Array]) -> Aggregate:
    """Average of the best updates on the root data, as many as lower the loss of their average.

    Formula:
        L the mean loss on the root data, θ the parameters; rows in ascending order of L(θ + uᵢ), earlier rows first on
        exact ties; aₖ = Σ mᵢ uᵢ / Σ mᵢ over the first k of them, k = 1, 2, …, until L(θ + aₖ) first rises; the
        one before: (n, d), (n,) -> (d,).
    Assumes:
        The root data resemble the clients'. ValueError when no row's loss is finite.
    Breakdown:
        n − 1 rows, as long as none of them lowers the root loss more than the honest one.
    Cost:
        n passes over the root data and one more for each row that is tried, and as many sums of rows.
    Source:
        Kritsiolis, Kotropoulos. FedGreed: A Byzantine-Robust Loss-Based Aggregation Method for Federated Learning. 2025
        (arXiv:2508.18060), algorithm 1.
    Example:
        >>> rows = np.array([[0.8], [1.3], [1.1], [1.2], [9.0]])
        >>> aggregate("fedgreed", rows, root_loss=lambda m: (m[:, 0] - 1) ** 2).round(2).tolist()
        [1.03]
    """
    losses = np.asarray(root_loss(updates), np.float64)
    order = np.argsort(np.where(np.isfinite(losses), losses, np.inf), kind="stable")
    if not np.isfinite(losses[order[0]]):
        raise RowsDoNotSuffice("fedgreed needs a row whose root loss is finite: there is none")
    best = np.inf
    verdict = None
    for k in range(1, len(order) + 1):
        amounts = np.zeros(len(updates))
        amounts[order[:k]] = counts[order[:k]]
        weights = amounts / amounts.sum()
        mean = weighted_sum(weights, updates)
        loss = float(root_loss(mean[None])[0])
        if not loss <= best:
            break
        best, verdict = loss, Aggregate(mean, weights)
    return verdict or Aggregate(mean, weights)
