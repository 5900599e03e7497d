"""Rules that look at the model's output layer, where flipped labels show."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from fedsim.aggregators._clusters import two_means
from fedsim.aggregators._history import Memory
from fedsim.aggregators._selection import average
from fedsim.aggregators.contract import Aggregate, aggregator
from fedsim.array_types import Array
from fedsim.kernels.rules.directions import directions
from fedsim.layers import Layer, output_layer

Matrix = NDArray[np.float64]

MOST_CLASSES_SHOWN = 2
"""Classes up to which all are looked at."""
DIGITS = 9
"""Decimals in which the weights of clusters differ if they do."""


@aggregator("lfighter", breaks={"translation": "norms and angles are measured from zero"})
def lfighter(updates: Array, layers: Sequence[Layer]) -> Aggregate:
    """Mean of the tighter-minded of two clusters by the weights of the two classes that changed most.

    Formula:
        ΔWᵢ (classes, inputs) and Δbᵢ (classes,) what row i changes in the output layer; the two classes c of greatest
        Σᵢ (‖ΔWᵢ[c]‖ + |Δbᵢ[c]|), all where there are no more; 2-means on their weights ΔWᵢ[c]. A cluster weighs
        (size/n)·(1 − mean of mᵢ), mᵢ the least of 0 and the cosines of row i with the others of its cluster; the mean
        of the rows of the heavier one, of the tighter where both weigh the same: (n, d) -> (d,).
    Assumes:
        Attackers flip the labels of one class to one other, and honest clients' data differ more than theirs.
    Breakdown:
        Fewer than half of the rows, and only against flipped labels.
    Cost:
        One pass over the output layer, 2-means, and one pass over the matrix.
    Differs:
        As the authors' code, which counts a row's cosine with itself as 0. Biases decide about the classes, and are no
        part of what is clustered.
    Source:
        Jebreel, Domingo-Ferrer, Sánchez, Blanco-Justicia. LFighter: Defending against the Label-flipping Attack in
        Federated Learning. Neural Networks 2024, algorithm 2.
    Example:
        >>> rows = np.array([[1.0, 0.1], [0.2, 1.0], [-0.7, 0.9], [-3.0, -3.0], [-3.0, -3.1]])
        >>> aggregate("lfighter", rows, layers=[("weight", (1, 2))]).round(2).tolist()
        [0.17, 0.67]
    """
    weight, bias = output_layer("lfighter", layers)
    n, (classes, inputs) = len(updates), weight.shape
    weights = updates[:, weight.stretch].reshape(n, classes, inputs).astype(np.float64)
    size = float(np.abs(weights).max(initial=0)) or 1.0
    changes = np.linalg.norm(weights / size, axis=2)
    if bias is not None:
        changes += np.abs(updates[:, bias.stretch].astype(np.float64) / size)
    most = (
        np.sort(np.argsort(-changes.sum(axis=0), kind="stable")[:MOST_CLASSES_SHOWN])
        if classes > MOST_CLASSES_SHOWN
        else np.arange(classes)
    )
    points = (weights / size)[:, most].reshape(n, -1)
    labels = two_means(points)
    cosines = directions(points).cosines()
    clusters = [labels == name for name in dict.fromkeys(labels.tolist())]
    return average(updates, min(clusters, key=lambda members: _order(cosines, points, members)))


def _order(cosines: Matrix, points: Matrix, members: NDArray[np.bool_]) -> tuple[float, float]:
    """Minus the weight of a cluster, and how far it spreads."""
    inside = cosines[np.ix_(members, members)] - np.eye(int(members.sum()))
    weight = float(members.mean() * (1 - inside.min(axis=1).mean()))
    return -round(weight, DIGITS), float(((points[members] - points[members].mean(axis=0)) ** 2).sum())


@aggregator(
    "auror",
    breaks={"scaling": "the distance at which a coordinate tells clients apart does not grow with the updates"},
)
def auror(
    updates: Array,
    layers: Sequence[Layer],
    memory: Memory,
    *,
    distance: Annotated[float, Gt(0), "α, between two clusters of a coordinate that tells clients apart"] = 0.002,
    rounds: Annotated[int, Ge(1), "first rounds, in each of which such coordinates are looked for anew"] = 10,
) -> Aggregate:
    """Mean without the clients who are in the smaller cluster of most coordinates that tell clients apart.

    Formula:
        For each coordinate k of the output layer the two clusters of u₁[k] … uₙ[k] of least Σ (x − mean)². Indicative
        are those whose means lie α apart or farther; after the first `rounds` rounds they are those of the last of
        these. A row is suspicious in k if it is in the smaller cluster there (equally large ones suspect nobody), and
        dropped if it is in more than half of the indicative coordinates; the mean of the others: (n, d) -> (d,).
    Assumes:
        Fewer than half of the clients are bad, and α fits the size of the updates.
    Breakdown:
        Fewer than half of the rows, and only those that stand out in the output layer.
    Cost:
        A sort of every coordinate of the output layer, and one pass over the matrix. Memory: the indicative
        coordinates.
    Differs:
        FLPoison clusters all indicative coordinates at once and keeps the larger cluster. 2-means is exact here, as it
        can be on a line. The paper leaves open when the coordinates are found; α = 0.002 is FLPoison's.
    Source:
        Shen, Tople, Saxena. Auror: Defending Against Poisoning Attacks in Collaborative Deep Learning Systems. ACSAC
        2016, section 4.
    Example:
        >>> rows = np.array([[0.9, 1.0], [1.0, 1.1], [1.1, 0.9], [1.2, 1.0], [-9.0, -9.0]])
        >>> aggregate("auror", rows, layers=[("weight", (1, 1)), ("bias", (1,))]).round(2).tolist()
        [1.05, 1.0]
    """
    weight, bias = output_layer("auror", layers)
    columns = np.concatenate([np.arange(layer.begin, layer.end) for layer in (weight, bias) if layer is not None])
    number = 1 if memory is None else int(memory["round"]) + 1
    if memory is None or number <= rounds:
        apart, _ = _divided(updates[:, columns].astype(np.float64))
        columns = columns[apart >= distance]
    else:
        columns = memory["columns"].astype(np.int64)
    _, smaller = _divided(updates[:, columns].astype(np.float64))
    suspicious = smaller.sum(axis=1) > len(columns) / 2
    return average(updates, ~suspicious)._replace(memory={"round": np.array(number), "columns": columns})


def _divided(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(n, m) -> (m,) distances of the means of each column's two clusters, (n, m) who is in the smaller one."""
    n, m = values.shape
    if n < 2 or not m:  # noqa: PLR2004 - one value has no second cluster
        return np.zeros(m), np.zeros((n, m), bool)
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    middle = ordered[n // 2]  # sums of what is near zero lose no digits
    sums = np.cumsum(ordered - middle, axis=0)
    below = np.arange(1, n)[:, None]
    lower, upper = sums[:-1] / below, (sums[-1] - sums[:-1]) / (n - below)
    gains = below * lower**2 + (n - below) * upper**2
    cut = gains.argmax(axis=0)
    apart = np.take_along_axis(upper - lower, cut[None], axis=0)[0]
    sizes = cut + 1
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(n)[:, None], axis=0)
    smaller = np.where(2 * sizes < n, ranks <= cut, ranks > cut) & (2 * sizes != n)
    return apart, smaller & (apart > 0)
