"""Rules that score clients by what their models say about the server's root data, not by their parameters."""

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from fedsim.aggregators._family import Aggregate, aggregator
from fedsim.aggregators._information import mean_information
from fedsim.aggregators._weiszfeld import Vector, automatic_weights
from fedsim.arrays import Array
from fedsim.kernels import weighted_sum


@aggregator("fedmi", needs="n ≥ 3")
def fedmi(
    updates: Array,
    root_logits: Array,
    previous: Array,
    *,
    k: Annotated[float, Gt(0), "median absolute deviations within which a client's score is kept"] = 2.0,
    beta: Annotated[float, Ge(0), Le(1), "share of the last aggregate in the new one"] = 0.0,
) -> Aggregate:
    """Mean of the clients whose outputs share the usual amount of information with the others'.

    Formula:
        Zᵢ (r, C), client i's logits on the r root examples, each example standardised over its C classes;
        ρᵢⱼ(e) = mean over classes of Zᵢ·Zⱼ; MIᵢⱼ = mean over e of −½ log(1 − ρ² + 10⁻¹⁰); sᵢ = mean over j ≠
        i of MIᵢⱼ. Mean of the rows with |sᵢ − median| ≤ k·MAD, MAD = median |sᵢ − median|; then (1 − β)·mean
        + β·(last aggregate): (n, d), (n, r, C) -> (d,).
    Assumes:
        n ≥ 3; honest clients agree with each other about as much as most do. Clients whose logits are not
        finite are set aside; ValueError when fewer than two remain.
    Breakdown:
        Fewer than half of the clients, and only those whose outputs differ.
    Cost:
        n forward passes over the root examples, then n²rC multiplications.
    Differs:
        The research code skips every client with identical outputs, not the client itself, and scores on the
        very test set whose accuracy it reports; here the root set is disjoint from the test set.
    Source:
        The project's own rule; mutual information of two Gaussians of correlation ρ.
    """
    scores = mean_information(root_logits, len(updates))
    gaps = np.abs(scores - np.nanmedian(scores))
    weights = _alike(gaps <= k * np.nanmedian(gaps))
    update = weighted_sum(weights, updates)
    if beta:
        update = (1 - beta) * update + beta * np.asarray(previous, updates.dtype)
    return Aggregate(np.asarray(update, updates.dtype), weights)


@aggregator("agmami", needs="n ≥ 3")
def agmami(
    updates: Array,
    root_logits: Array,
    *,
    penalty: Annotated[float, Gt(0), "λ, in nats of mutual information: the larger, the more clients count"] = 0.3,
    weighted: Annotated[bool, "whether kept clients weigh α instead of all alike"] = False,
) -> Aggregate:
    """Mean of the clients that an auto-weighted median of the mutual information scores keeps.

    Formula:
        sᵢ as in fedmi; AutoGM on the n scalar scores: in turn, z the median of s under the pulls α and
        αᵢ = max(η − |sᵢ − z|, 0)/(λn) with Σ αᵢ = 1, from α = 1/n until α moves no more; mean of the rows
        with αᵢ > 0, or Σ αᵢ uᵢ when weighted: (n, d), (n, r, C) -> (d,).
    Assumes:
        n ≥ 3; as fedmi.
    Breakdown:
        Fewer than half of the clients, and only those whose outputs differ.
    Cost:
        n forward passes over the root examples, then n²rC multiplications.
    Differs:
        The research code never empties its list of distances between turns, so that its α rests on the first
        turn's; this follows the algorithm.
    Source:
        The project's own rule; AutoGM by Li, Ngai, Voigt. Byzantine-Robust Aggregation in Federated Learning
        Empowered Industrial IoT. IEEE Transactions on Industrial Informatics 2023.
    """
    scores = mean_information(root_logits, len(updates))
    finite = np.isfinite(scores)
    alphas = np.zeros(len(updates))
    alphas[finite] = automatic_scores(scores[finite], penalty)
    weights = alphas if weighted else _alike(alphas > 0)
    return Aggregate(weighted_sum(weights, updates), weights)


def automatic_scores(scores: Vector, penalty: float) -> Vector:
    """AutoGM in one dimension: (n,) scores -> (n,) weights α."""
    alphas = np.full(len(scores), 1 / len(scores))
    for _ in range(len(scores) + 1):
        following = automatic_weights(np.abs(scores - weighted_median(scores, alphas)), penalty)
        if np.array_equal(following, alphas):
            break
        alphas = following
    return alphas


def weighted_median(values: Vector, amounts: Vector) -> float:
    """The point of least Σ amount·|value − point|; the middle where a whole stretch is."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(amounts[order])
    half = reached[-1] / 2
    lower = np.flatnonzero(reached >= half * (1 - 1e-12))[0]
    upper = np.flatnonzero(reached > half * (1 + 1e-12))[0]
    return float((values[order[lower]] + values[order[upper]]) / 2)


def _alike(kept: NDArray[np.bool_]) -> Vector:
    return np.asarray(kept / kept.sum(), np.float64)
