"""Pre-aggregators that shorten rows: those that are long, and those that are old."""

from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt

from fedsim.aggregators.contract import F
from fedsim.array_types import Array, Integers
from fedsim.kernels import column_blocks, distances_to
from fedsim.preaggregators.contract import Mixed, preaggregator

Law = Literal["polynomial", "hinge"]


@preaggregator(
    "clip",
    breaks={
        "translation": "norms are measured from zero",
        "scaling": "the greatest norm does not grow with the rows",
        "unanimity": "rows longer than the greatest norm are shortened, all of them alike",
    },
)
def clip(
    updates: Array, *, norm: Annotated[float, Gt(0), "greatest norm a row keeps, in the unit of updates"]
) -> Mixed:
    """Rows longer than a given norm are shortened to it.

    Formula:
        yᵢ = uᵢ · min(1, c/‖uᵢ‖): (n, d) -> (n, d).
    Assumes:
        The norm fits the honest updates.
    Breakdown:
        A bad row still counts, with at most the norm c.
    Cost:
        Two passes over the matrix.
    Differs:
        byzfl's writes to the caller's matrix.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> preaggregate("clip", rows, norm=1.0).round(2).tolist()
        [[0.9], [1.0], [1.0], [1.0], [1.0]]
    """
    origin = np.zeros(updates.shape[1], updates.dtype)
    lengths = distances_to(origin, updates)
    return _scaled(updates, norm / np.maximum(lengths, norm))


@preaggregator("arc", needs="n > f", breaks={"translation": "norms are measured from zero"})
def arc(updates: Array, *, f: F) -> Mixed:
    """Adaptive clipping: the longest rows are shortened to the longest of the others.

    Formula:
        k = ⌊2f(n − f)/n⌋; the k rows of greatest norm are shortened to the greatest norm of the other n − k; the later
        of equally long rows are among the k: (n, d) -> (n, d).
    Assumes:
        At most f rows are bad. ValueError unless n > f.
    Breakdown:
        That of the rule behind it; no row stays longer than the n − k shortest.
    Cost:
        Two passes over the matrix.
    Differs:
        byzfl writes to the caller's matrix and computes k in floating point, which is one too few at n = 242, f = 33.
    Source:
        Allouah, Guerraoui, Gupta, Jellouli, Rizk, Stephan. Adaptive Gradient Clipping for Robust Federated Learning.
        ICLR 2025, algorithm 1.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> preaggregate("arc", rows, f=1).round(2).tolist()
        [[0.9], [1.0], [1.1], [1.2], [1.2]]
    """
    n = len(updates)
    lengths = distances_to(np.zeros(updates.shape[1], updates.dtype), updates)
    order = np.argsort(lengths, kind="stable")
    longest, others = np.split(order[::-1], [2 * f * (n - f) // n])
    factors, limit = np.ones(n), lengths[others[0]]
    longer = longest[lengths[longest] > limit]
    factors[longer] = limit / lengths[longer]
    return _scaled(updates, factors)


@preaggregator(
    "staleness_scaling",
    aliases=("fedbuff_scaling",),
    breaks={
        "translation": "rows are shortened towards zero",
        "unanimity": "equal rows of different ages are shortened differently",
    },
)
def staleness_scaling(
    updates: Array,
    staleness: Integers,
    *,
    law: Annotated[Law, "polynomial: (1 + τ)^−a; hinge: 1 up to τ = b, then 1/(a(τ − b) + 1)"] = "polynomial",
    a: Annotated[float, Ge(0), "how fast old rows lose; 0: not at all"] = 0.5,
    b: Annotated[float, Ge(0), "of a hinge: steps of the server up to which a row is as good as new"] = 4.0,
) -> Mixed:
    """Each row is shortened by the server's steps that went by while it was on its way.

    Formula:
        yᵢ = s(τᵢ) · uᵢ with τᵢ = `staleness`; s(τ) = (1 + τ)^−a, or of a hinge 1 for τ ≤ b and 1/(a(τ − b) + 1) beyond:
        (n, d), (n,) -> (n, d).
    Assumes:
        Nothing; rows of this step keep their length. Running statistics that travel in a row are shortened with it:
        their change was measured from statistics that have moved on, and several such changes, taken whole, lead past
        what any client saw.
    Breakdown:
        That of the rule behind it: an attacker who answers fast is never shortened.
    Cost:
        One pass over the matrix.
    Differs:
        With a = 1/2 and the mean behind it, it is FedBuff's server, and with clients.buffer = 1 FedAsync's, which mixes
        whole models instead: x ← x + s(τ)·η·(w − x) with the client's w, here x ← x + s(τ)·η·(w − x_then), without the
        pull back to where the client began.
    Source:
        Xie, Koyejo, Gupta. Asynchronous Federated Optimization. OPT 2020, section 5.2, for the laws; Nguyen et al.
        Federated Learning with Buffered Asynchronous Aggregation. AISTATS 2022.
    Example:
        >>> rows = np.array([[1.0], [1.0], [1.0]])
        >>> preaggregate("staleness_scaling", rows, staleness=np.array([0, 3, 8])).round(2).tolist()
        [[1.0], [0.5], [0.33]]
    """
    age = np.asarray(staleness, np.float64)
    factors = (1 + age) ** -a if law == "polynomial" else 1 / (a * np.maximum(age - b, 0) + 1)
    return _scaled(updates, factors)


def _scaled(rows: Array, factors: Array) -> Mixed:
    """In the rows' precision, unless a factor is too small to be held in it with all its digits."""
    held = factors.astype(rows.dtype) if factors.min() >= np.finfo(rows.dtype).tiny else factors
    scaled = np.empty(rows.shape, rows.dtype)
    for block in column_blocks(*rows.shape):
        scaled[:, block] = rows[:, block] * held[:, None]
    return Mixed(scaled, np.eye(len(rows)), factors=factors)
