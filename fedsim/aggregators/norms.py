"""Rules that look at norms: of updates, or of the parameters they lead to."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge, Gt

from fedsim.aggregators._selection import average, clipped_mean, least, lengths_of
from fedsim.aggregators.averaging import fedavg
from fedsim.aggregators.clipping import within
from fedsim.aggregators.contract import Aggregate, F, aggregator
from fedsim.array_types import Array, Integers

if TYPE_CHECKING:
    from fedsim.randomness import Stream

Norm = Annotated[float, Gt(0), "c, the greatest norm an update keeps, in the unit of updates"]
ABSOLUTE = {
    "translation": "norms are measured from zero",
    "scaling": "the greatest norm does not grow with the updates",
    "unanimity": "updates beyond the greatest norm are shortened, all of them alike",
}


@aggregator("cge", needs="n > f", breaks={"translation": "norms are measured from zero"})
def cge(updates: Array, *, f: F) -> Aggregate:
    """Mean of the updates without those of greatest norm.

    Formula:
        The mean of the n − f rows of least ‖uᵢ‖, earlier rows first on exact ties: (n, d) -> (d,).
    Assumes:
        At most f rows are bad, and honest rows agree: a bad row no longer than the honest ones counts in full.
        ValueError unless n > f.
    Breakdown:
        f rows, each of which counts with at most the greatest honest norm.
    Cost:
        Two passes over the matrix.
    Differs:
        The paper sums the rows that are kept, and has the server's rate divide.
    Source:
        Gupta, Liu, Vaidya. Byzantine Fault-Tolerant Distributed Machine Learning with Norm-Based Comparative Gradient
        Elimination. DSN-W 2021.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("cge", rows, f=1).round(2).tolist()
        [1.05]
    """
    return average(updates, least(lengths_of(updates), len(updates) - f))


@aggregator("norm_bound", breaks=ABSOLUTE)
def norm_bound(updates: Array, *, norm: Norm) -> Aggregate:
    """Mean of the updates, those that are too long shortened to a given norm.

    Formula:
        (1/n) Σ uᵢ · min(1, c/‖uᵢ‖): (n, d) -> (d,). Weights are the factors min(1, c/‖uᵢ‖), normalised.
    Assumes:
        c fits the honest updates.
    Breakdown:
        f bad rows move the result by at most (f/n)·c.
    Cost:
        Two passes over the matrix.
    Source:
        Sun, Kairouz, Suresh, McMahan. Can You Really Backdoor Federated Learning? 2019 (arXiv:1911.07963), section 3.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("norm_bound", rows, norm=1.0).round(2).tolist()
        [0.98]
    """
    return clipped_mean(updates, np.ones(len(updates), bool), within(norm, lengths_of(updates)))


@aggregator("weak_dp", breaks=ABSOLUTE)
def weak_dp(
    updates: Array,
    stream: "Stream",
    *,
    norm: Norm,
    noise: Annotated[float, Ge(0), "σ, the standard deviation of the noise on each coordinate of the mean"] = 0.025,
) -> Aggregate:
    """Mean of the updates, shortened to a given norm, with Gaussian noise on it.

    Formula:
        (1/n) Σ uᵢ · min(1, c/‖uᵢ‖) + N(0, σ²) on each coordinate: (n, d) -> (d,). Weights as in norm_bound.
    Assumes:
        As norm_bound; σ is small beside what honest clients agree on.
    Breakdown:
        As norm_bound: f bad rows move the result by at most (f/n)·c.
    Cost:
        Two passes over the matrix and d draws.
    Differs:
        σ = 0.025 is the paper's for EMNIST under FedAvg. The noise is too weak for a guarantee of privacy, hence the
        name.
    Source:
        Sun, Kairouz, Suresh, McMahan. Can You Really Backdoor Federated Learning? 2019 (arXiv:1911.07963), section 3.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("weak_dp", rows, norm=1.0, noise=0.0).round(2).tolist()
        [0.98]
    """
    bounded = clipped_mean(updates, np.ones(len(updates), bool), within(norm, lengths_of(updates)))
    return bounded._replace(update=noisy(bounded.update, noise, stream))


@aggregator("crfl", breaks=ABSOLUTE)
def crfl(
    updates: Array,
    counts: Integers,
    parameters: Array,
    stream: "Stream",
    *,
    norm: Annotated[float, Gt(0), "ρ, the greatest norm the parameters keep"],
    noise: Annotated[float, Ge(0), "σ, the standard deviation of the noise on each parameter"] = 0.01,
) -> Aggregate:
    """Mean of the updates, after which the parameters are shortened to a given norm and made noisy.

    Formula:
        θ' = θ + Σ mᵢ uᵢ / Σ mᵢ; θ'' = θ' · min(1, ρ/‖θ'‖) + N(0, σ²) on each parameter; the update is θ'' − θ:
        (n, d), (n,), (d,) -> (d,).
    Assumes:
        A server that takes the step as it is (lr = 1, no momentum). ρ fits the trained model.
    Breakdown:
        0 in one round: a long bad row decides the direction of θ'. Over rounds the noise covers what a bounded backdoor
        leaves behind.
    Cost:
        That of fedavg and d draws.
    Differs:
        The paper also answers test inputs by the vote of many noisy copies of the last model, which certifies single
        answers; here the model is evaluated as it is. Its last round takes no noise, ours does.
    Source:
        Xie, Chen, Chen, Li. CRFL: Certifiably Robust Federated Learning against Backdoor Attacks. ICML 2021,
        algorithm 1.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("crfl", rows, norm=2.0, noise=0.0).round(2).tolist()
        [2.0]
    """
    averaged = fedavg(updates, counts)
    base = np.asarray(parameters, np.float64)
    moved = base + averaged.update
    step = moved * within(norm, lengths_of(moved[None]))[0] - base
    return Aggregate(noisy(step.astype(updates.dtype), noise, stream), averaged.weights)


def noisy(update: Array, deviation: float, stream: "Stream") -> Array:
    """The update with noise of this standard deviation on each coordinate."""
    if not deviation:
        return update
    noise = stream.numpy().standard_normal(len(update), np.float32 if update.dtype == np.float32 else np.float64)
    return np.asarray(update + update.dtype.type(deviation) * noise, update.dtype)
