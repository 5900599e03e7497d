"""Rules that score clients by what their models say about the server's root data, not by their parameters."""

from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from fedsim.aggregators._autogm import ROUNDING, published_alphas, research_alphas
from fedsim.aggregators._information import mean_information
from fedsim.aggregators._weiszfeld import Vector
from fedsim.aggregators.contract import Aggregate, aggregator
from fedsim.array_types import Array
from fedsim.errors import RowsDoNotSuffice
from fedsim.kernels import weighted_sum

PENALTY = 0.2
"""λ in spreads of the scores, chosen by validation accuracy (docs/agmami.md)."""
RESEARCH_PENALTY = 0.3
"""λ in nats, as in the method's study."""


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
        i of MIᵢⱼ. Mean of the rows with |sᵢ − median| ≤ k·MAD, MAD = median |sᵢ − median|, scores within
        10⁻⁶ nats of the median always; then (1 − β)·mean + β·(last aggregate): (n, d), (n, r, C) -> (d,).
    Assumes:
        n ≥ 3; honest clients agree with each other about as much as most do. Clients whose logits are not
        finite are set aside; ValueError when fewer than two remain. With two classes every pair of clients has
        |ρ| = ½, so that all scores are equal and the rule is the plain mean.
    Breakdown:
        Fewer than half of the clients, and only those whose outputs differ.
    Cost:
        n forward passes over the root examples, then n²rC multiplications.
    Differs:
        The research code skips every client with identical outputs, not the client itself, and scores on the
        very test set whose accuracy it reports; here the root set is disjoint from the test set. Its β weighs the
        new update, ours the last aggregate; the average that it calls FedAvg is unweighted (our `mean`).
    Source:
        The project's own rule; mutual information of two Gaussians of correlation ρ.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> logits = np.array([[[2.0, 0, 1]], [[2.1, 0, 1]], [[1.9, 0.1, 1]], [[2.0, 0.1, 1.1]], [[0, 1, 2.0]]])
        >>> aggregate("fedmi", rows, root_logits=logits).round(2).tolist()
        [1.05]
    """
    scores = mean_information(root_logits, len(updates))
    gaps = np.abs(scores - np.nanmedian(scores))
    weights = _alike(gaps <= max(k * np.nanmedian(gaps), ROUNDING))
    update = weighted_sum(weights, updates)
    if beta:
        update = (1 - beta) * update + beta * np.asarray(previous, updates.dtype)
    return Aggregate(np.asarray(update, updates.dtype), weights)


@aggregator("agmami", needs="n ≥ 3")
def agmami(
    updates: Array,
    root_logits: Array,
    *,
    variant: Annotated[
        Literal["published", "research"], "the algorithm as published, or as the code of the method's study runs it"
    ] = "published",
    penalty: Annotated[
        float | None,
        Gt(0),
        "λ, the larger, the more clients count: in spreads of the scores (published) or in nats of mutual "
        "information (research); when not given 0.2 and 0.3",
    ] = None,
    weighted: Annotated[bool, "whether kept clients weigh α instead of all alike"] = False,
) -> Aggregate:
    """Mean of the clients that an auto-weighted median of the mutual information scores keeps.

    Formula:
        sᵢ as in fedmi; AutoGM on the n scalar scores with Λ = λ·Q: in turn, z the median of s under the pulls α
        and αᵢ = max(η − |sᵢ − z|, 0)/(Λn) with Σ αᵢ = 1, from α = 1/n until α moves no more; mean of the rows with
        αᵢ > 0, or Σ αᵢ uᵢ when weighted: (n, d), (n, r, C) -> (d,). Q, the spread of the scores, is the C(h, 2)-th
        smallest of their pairwise distances, h = ⌊n/2⌋ + 1; where Q is 0 up to rounding, those at the median are
        kept.
    Assumes:
        n ≥ 3; as fedmi. With two classes every pair of clients has |ρ| = ½ and the rule is the plain mean.
    Breakdown:
        Fewer than half of the clients, and only those whose scores differ: a client is dropped when its score is
        farther from z than the kept ones' mean distance and Λ times n over their number. So λ decides between
        dropping attackers and keeping honest clients; at λ = 0.2 about half of the honest ones are dropped, and
        attackers whose outputs resemble the others' stay. From λ = 5 on hardly anybody is dropped.
    Cost:
        n forward passes over the root examples, then n²rC multiplications.
    Differs:
        `variant="research"` repeats the code of the method's study: Λ = λ = 0.3 nats; its list of distances is
        never emptied, so that η is made from the distances of all turns and α from those of the first; its test
        for stopping is never met, so that it always takes 100 turns; Σ αᵢ ends near 0.01 and it keeps about whom λ
        = 0.003 would keep; where every α becomes 0 it keeps nobody and the round changes nothing. Under the
        algorithm as published λ = 0.3 nats is more than the scores differ by, and keeps everybody.
    Source:
        The project's own rule; AutoGM by Li, Ngai, Voigt. Byzantine-Robust Aggregation in Federated Learning
        Empowered Industrial IoT. IEEE Transactions on Industrial Informatics 2023.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> logits = np.array([[[2.0, 0, 1]], [[2.1, 0, 1]], [[1.9, 0.1, 1]], [[2.0, 0.1, 1.1]], [[0, 1, 2.0]]])
        >>> aggregate("agmami", rows, root_logits=logits).round(2).tolist()
        [1.0]
    """
    scores = mean_information(root_logits, len(updates))
    finite = np.isfinite(scores)
    alphas = np.zeros(len(updates))
    if variant == "research":
        alphas[finite] = research_alphas(scores[finite], RESEARCH_PENALTY if penalty is None else penalty)
    else:
        alphas[finite] = published_alphas(scores[finite], PENALTY if penalty is None else penalty)
    if not alphas.any():
        raise RowsDoNotSuffice("agmami keeps nobody: every α is 0")
    weights = alphas / alphas.sum() if weighted else _alike(alphas > 0)
    return Aggregate(weighted_sum(weights, updates), weights)


def _alike(kept: NDArray[np.bool_]) -> Vector:
    return np.asarray(kept / kept.sum(), np.float64)
