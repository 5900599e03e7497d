"""Rules that count the signs of each coordinate."""

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt

from fedsim.aggregators.contract import Aggregate, aggregator
from fedsim.array_types import Array
from fedsim.kernels import column_blocks, weighted_sum
from fedsim.kernels.rules.tallies import row_tally, surplus


@aggregator("rlr", breaks={"translation": "signs are those of the distance from zero"})
def rlr(
    updates: Array,
    *,
    threshold: Annotated[float, Ge(0), "θ, the least surplus of one sign over the other that is followed"],
) -> Aggregate:
    """Mean of the updates, turned round in the coordinates in which their signs do not agree.

    Formula:
        s[k] = |Σ sign(uᵢ[k])|; out[k] = mean of uᵢ[k] where s[k] ≥ θ, and minus it elsewhere: (n, d) -> (d,).
    Assumes:
        More than θ more honest clients than attackers agree on the sign of what matters. Fewer than θ rows turn
        everything round.
    Breakdown:
        0: one long row moves the mean without bound. What the rule turns round is what few clients want.
    Cost:
        Three passes over the matrix.
    Differs:
        The paper writes it as the server's learning rate of each coordinate, η or −η, on the average that the server
        uses; here that is the plain mean.
    Source:
        Özdayi, Kantarcioglu, Gel. Defending against Backdoors in Federated Learning with Robust Learning Rate. AAAI
        2021, equation 5.
    Example:
        >>> rows = np.array([[1.0, 1.0], [1.0, -1.0], [1.0, -1.0], [-2.0, 4.0]])
        >>> aggregate("rlr", rows, threshold=2).tolist()
        [0.25, -0.75]
    """
    weights = np.full(len(updates), 1 / len(updates))
    update = weighted_sum(weights, updates)
    for block in column_blocks(*updates.shape):
        disagreed = np.abs(surplus(updates[:, block])) < threshold
        np.negative(update[block], where=disagreed, out=update[block])
    return Aggregate(update, weights)


@aggregator(
    "sign_majority",
    breaks={
        "translation": "signs are those of the distance from zero",
        "scaling": "the step has a size of its own",
        "unanimity": "of what all agree on only the signs are kept",
    },
)
def sign_majority(
    updates: Array,
    *,
    lr: Annotated[float, Gt(0), "η, the size of the step in each coordinate"],
) -> Aggregate:
    """The sign that most updates have in each coordinate, as a step of fixed size.

    Formula:
        out[k] = η · sign(Σ sign(uᵢ[k])), 0 where as many are above as below zero: (n, d) -> (d,). Weights are each
        row's share of all signs that agree with the majority's.
    Assumes:
        Most clients are right about the sign of each coordinate.
    Breakdown:
        Fewer than half of the rows, where the honest ones agree.
    Cost:
        Two passes over the matrix.
    Differs:
        The paper's clients send nothing but signs of stochastic gradients; here they are taken of whatever is sent.
    Source:
        Bernstein, Zhao, Azizzadenesheli, Anandkumar. signSGD with Majority Vote is Communication Efficient and Fault
        Tolerant. ICLR 2019, algorithm 1.
    Example:
        >>> rows = np.array([[1.0, 1.0], [1.0, -1.0], [1.0, -1.0], [-2.0, 4.0]])
        >>> aggregate("sign_majority", rows, lr=0.1).tolist()
        [0.1, 0.0]
    """
    update, agreed = np.empty(updates.shape[1], updates.dtype), np.zeros(len(updates))
    for block in column_blocks(*updates.shape):
        part = updates[:, block]
        majority = np.sign(surplus(part)).astype(updates.dtype)
        agreed += row_tally(part * majority > 0)
        update[block] = updates.dtype.type(lr) * majority
    return Aggregate(update, agreed / agreed.sum() if agreed.any() else np.full(len(updates), 1 / len(updates)))
