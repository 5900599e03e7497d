"""Rules made for servers that do not wait: they judge a row by when its client began, and by what came before it."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Lt
from numpy.typing import NDArray

from fedsim.aggregators._history import Memory, known, table
from fedsim.aggregators._scores import upper_of_three
from fedsim.aggregators._selection import average, clipped_mean
from fedsim.aggregators.averaging import fedavg
from fedsim.aggregators.contract import Aggregate, aggregator
from fedsim.array_types import Array, Integers
from fedsim.exact_fractions import portion
from fedsim.kernels import distances_to, weighted_sum

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]
Dampening = Literal["exponential", "inverse", "none"]

FEWEST = 3
"""Rows of a group that can be compared with each other."""


@aggregator(
    "kardam",
    breaks={
        "translation": "old rows are shortened towards zero",
        "unanimity": "equal rows of different ages are shortened differently",
    },
)
def kardam(
    updates: Array,
    staleness: Integers,
    clients: Integers,
    parameters: Array,
    memory: Memory,
    *,
    share: Annotated[float, Ge(0), Lt(1 / 3), "f/m, share of the clients that are assumed Byzantine"],
    dampening: Annotated[Dampening, "Λ(τ): exponential e^−ατ, inverse 1/(1 + τ), or none"] = "exponential",
    alpha: Annotated[float, Ge(0), "α, how fast rows lose by the exponential law"] = 0.2,
) -> Aggregate:
    """Dampened mean of the updates that changed no more than most clients' do, and of clients not heard just now.

    Formula:
        ū: the mean of the rows that the last step accepted, θ' the parameters before it; kᵢ = ‖uᵢ − ū‖ / ‖θ − θ'‖, the
        row's Lipschitz coefficient. Of the m clients met so far f = ⌊share·m⌋ are Byzantine; K is the greatest of the
        clients' latest coefficients but for f, the (m − f)/m quantile once all have one. Row i is accepted if kᵢ ≤ K
        and its client sent none of the last 2f rows that were accepted; rows of one step are taken in their order. The
        mean of Λ(τᵢ) uᵢ over them, zeros where there is none: (n, d), (n,) -> (d,).
    Assumes:
        The first rows are honest: where there is no step to compare with all of them pass. Clients' data are alike, so
        that rows differ by how far the model went and not by whose they are.
    Breakdown:
        f of the clients, fewer than a third: of 2f + 1 rows accepted in a row at least f + 1 are honest, and each of
        them changed no more than some honest row.
    Cost:
        Three passes over the matrix. Memory: two vectors, a number for each client that ever took part, and who sent
        the last rows.
    Differs:
        The paper's text could not be read beyond its abstract; this is made after the authors' template
        (LPD-EPFL/kardam). There the quantile is of what clients measure between their own last two gradients. Many
        steps lie between those and one step between the two that are compared, so that noisy gradients hardly ever
        pass, and it lets one through after as many refusals in a row as there are clients. Here both sides are measured
        in the same way. The template has no frequency filter; here it is the one by which at least f + 1 of 2f + 1 rows
        are honest. It takes a row a step, here a step is the mean of those that are in. It measures with m the number
        of all clients, here of those met so far. Running statistics are dampened with the row.
    Source:
        Damaskinos, El Mhamdi, Guerraoui, Patra, Taziki. Asynchronous Byzantine Machine Learning (the case of SGD). ICML
        2018. Laws of dampening and α = 0.2: its template.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> first = aggregate("kardam", rows[:3], share=0.2, details=True)
        >>> others = {"clients": [3, 4, 5, 6, 7], "parameters": [1.0], "memory": first.memory}
        >>> aggregate("kardam", rows, share=0.2, **others).round(2).tolist()
        [1.05]
    """
    everyone, places = known(memory, clients)
    byzantine = int(portion(share, len(everyone)))
    measured = _lipschitz(updates, parameters, memory)
    coefficients = table(memory, "coefficients", everyone, np.nan)
    coefficients[places] = np.where(np.isnan(measured), coefficients[places], measured)
    steady = ~(measured > _greatest(coefficients, byzantine))
    recent = [] if memory is None else memory["senders"].tolist()
    kept, senders = _seldom(clients, steady, recent, 2 * byzantine)
    tables: dict[str, Any] = {
        "clients": everyone,
        "coefficients": coefficients,
        "senders": senders[-2 * len(everyone) :],
    }
    verdict = clipped_mean(updates, kept, _dampened(np.asarray(staleness, np.float64), dampening, alpha))
    return verdict._replace(memory=tables | _last_step(updates, kept, parameters, memory))


def _lipschitz(updates: Array, parameters: Array, memory: Memory) -> Vector:
    """(n,) coefficients; NaN where no step was taken yet, or one that led nowhere."""
    if memory is None or "accepted" not in memory:
        return np.full(len(updates), np.nan)
    before = memory["parameters"].astype(updates.dtype)
    way = float(distances_to(before, np.asarray(parameters, updates.dtype)[None])[0])
    gaps = distances_to(memory["accepted"].astype(updates.dtype), updates)
    with np.errstate(over="ignore"):
        return gaps / way if way else np.full(len(updates), np.nan)


def _greatest(coefficients: Vector, byzantine: int) -> float:
    """The greatest of those that are known, but for so many; the least where there are no more."""
    some = np.sort(coefficients[~np.isnan(coefficients)])
    return float(some[max(len(some) - 1 - byzantine, 0)]) if len(some) else np.inf


def _seldom(clients: Integers, passed: Mask, recent: list[int], window: int) -> tuple[Mask, Integers]:
    """(n,) which rows that passed are of clients who sent none of the last accepted ones; then all their senders."""
    kept = passed.copy()
    for row in np.flatnonzero(passed):
        kept[row] = not window or clients[row] not in recent[-window:]
        recent += [int(clients[row])] * bool(kept[row])
    return kept, np.array(recent, np.int64)


def _dampened(age: Vector, law: Dampening, alpha: float) -> Vector:
    """(n,) Λ(τ)."""
    if law == "exponential":
        return np.asarray(np.exp(-alpha * age))
    return 1 / (1 + age) if law == "inverse" else np.ones(len(age))


def _last_step(updates: Array, kept: Mask, parameters: Array, memory: Memory) -> dict[str, Array]:
    """What the next rows are compared with: this step, or the last that accepted a row."""
    if kept.any():
        return {"accepted": average(updates, kept).update, "parameters": np.array(parameters)}
    return {name: memory[name] for name in ("accepted", "parameters") if memory is not None and name in memory}


@aggregator("async_filter")
def async_filter(
    updates: Array,
    counts: Integers,
    staleness: Integers,
    round: int,
    memory: Memory,
    *,
    window: Annotated[int, Ge(1), "steps for which the mean of those who began together is kept"] = 20,
) -> Aggregate:
    """Average of the updates, without those farthest from the mean of all that began with the same parameters.

    Formula:
        Rows whose clients began at one step form a group G; a group of fewer than 3 rows passes. Its moving average,
        over all rows from there that were ever judged: μ ← (c μ + Σ uᵢ)/(c + |G|), c ← c + |G|. dᵢ = ‖uᵢ − μ‖ / Σⱼ
        ‖uⱼ − μ‖, i and j in G; of the three clusters of least Σ (d − mean)² the one of greatest d is refused, and
        nobody where all are the same. Σ mᵢ uᵢ / Σ mᵢ over the others: (n, d), (n,) -> (d,).
    Assumes:
        A step takes several rows, three at least from one start (clients.buffer = 1 makes it the plain average), and
        most of a group are honest.
    Breakdown:
        Fewer than half of a group, and only those who stand out: of two kinds of attackers only the farther one is
        found. Somebody is refused in every group, also where nobody attacks.
    Cost:
        Three passes over the matrix. Memory: a vector for each of the last `window` steps.
    Differs:
        The paper's text could not be read; this is the authors' code. It compares models, which differ within a group
        as their updates do. Its clusters are k-means' from random starts, here the best there are. It has no groups
        beyond 20 steps of staleness; here their moving averages begin anew.
    Source:
        Kang, Li. AsyncFilter: Detecting Poisoning Attacks in Asynchronous Federated Learning. Middleware 2024; its code
        is an example of Plato (TL-System/plato, examples/detector).
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("async_filter", rows).round(2).tolist()
        [1.05]
    """
    begun = round - np.rint(np.asarray(staleness, np.float64)).astype(np.int64)
    past = _groups(memory, updates, round - window)
    kept = np.ones(len(updates), bool)
    for step in np.unique(begun).tolist():
        group = np.flatnonzero(begun == step)
        if len(group) < FEWEST:
            continue
        mean, number = past.get(step, (None, 0))
        total = number + len(group)
        mean = weighted_sum((begun == step) / total, updates, mean, number / total)
        past[step] = mean, total
        kept[group[_suspicious(mean, updates, group)]] = False
    verdict = fedavg(updates, np.where(kept, counts, 0))
    return verdict._replace(memory=_remembered(past, updates), finite=False)


def _suspicious(mean: Array, updates: Array, group: Sequence[int] | NDArray[np.intp]) -> Mask:
    """(|G|,) which rows of the group are in the upper of three clusters by their distance from its mean."""
    gaps = np.array([distances_to(mean, updates[row : row + 1])[0] for row in group])
    largest = gaps.max()
    return upper_of_three(gaps / largest) if 0 < largest < np.inf else gaps == np.inf


Groups = dict[int, tuple[Array | None, int]]


def _groups(memory: Memory, updates: Array, oldest: int) -> Groups:
    """The moving averages by the step at which their clients began, and how many rows went into each."""
    if memory is None:
        return {}
    kept = zip(memory["steps"].tolist(), memory["means"].astype(updates.dtype), memory["numbers"].tolist(), strict=True)
    return {step: (mean, number) for step, mean, number in kept if step > oldest}


def _remembered(groups: Groups, updates: Array) -> dict[str, Any]:
    steps = sorted(groups)
    means = np.array([groups[step][0] for step in steps], updates.dtype).reshape(-1, updates.shape[1])
    numbers = np.array([groups[step][1] for step in steps], np.int64)
    return {"steps": np.array(steps, np.int64), "means": means, "numbers": numbers}
