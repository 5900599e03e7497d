"""DeepSight: clusters of clients by what their output layers and their answers say of their training data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from fedsim.aggregators._clusters import between, by_density
from fedsim.aggregators._selection import clipped_mean, lengths_of
from fedsim.aggregators.clipping import within
from fedsim.aggregators.contract import Aggregate, aggregator
from fedsim.array_types import Array
from fedsim.kernels.rules.directions import directions
from fedsim.layers import Layer, output_layer

if TYPE_CHECKING:
    from fedsim.randomness import Stream

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]
LEAST_NEUP_SHARE = 0.01
"""Least share of the greatest NEUP that a class must exceed to count, where there are more than a hundred classes."""
MOST_LOG_RATIO = 300.0
"""Logarithm beyond which a ratio of two probabilities is cut."""
INPUTS_AT_ONCE = 500


@aggregator("deepsight", breaks={"translation": "norms and angles are measured from zero"})
def deepsight(
    updates: Array,
    layers: Sequence[Layer],
    outputs: Any,
    stream: "Stream",
    *,
    inputs: Annotated[int, Ge(1), "N, random inputs of each of the three sets"] = 20_000,
    sets: Annotated[int, Ge(1), "sets of random inputs"] = 3,
    tau: Annotated[float, Gt(0), Le(1), "τ, share of suspicious members from which a cluster is dropped"] = 1 / 3,
    least: Annotated[int, Ge(2), "fewest rows of a cluster"] = 5,
    neighbours: Annotated[int, Ge(1), "neighbours that make a row a core of its cluster"] = 3,
) -> Aggregate:
    """Clipped mean of the clusters of clients in which few seem to have trained on few classes.

    Formula:
        In the output layer Eᵢ[c] = |Δbᵢ[c]| + Σ |ΔWᵢ[c, ·]|; NEUPᵢ = Eᵢ²/Σ Eᵢ²;
        TEᵢ = #{c : NEUPᵢ[c] > max(0.01, 1/C)·max NEUPᵢ}; row i is suspicious iff TEᵢ ≤ median(TE)/2.
        DDifᵢ[c]: the mean over N uniform random inputs of the probability that θ + uᵢ gives class c by that which θ
        gives it; one for each set. HDBSCAN on the NEUPs, on each set's DDifs and on 1 − cos of the rows' Δb; two rows
        are at distance 0 where they share a cluster, else 1; the sets' mean, then the mean of the three; HDBSCAN on
        that. A cluster is kept iff its share of suspicious rows is below τ. The mean over the kept of uᵢ
        min(1, S/‖uᵢ‖), S the median norm of all: (n, d) -> (d,). Where nobody is kept, zeros. Rows that HDBSCAN takes
        for noise are clusters of one.
    Assumes:
        Attackers train on fewer classes than most, and alike.
    Breakdown:
        Fewer than half of the rows; no row counts with more than the median norm.
    Cost:
        sets·N answers of n + 1 models, far more than anything else; HDBSCAN five times; three passes over the matrix.
        The random inputs of a set are held at once.
    Differs:
        FLPoison divides logits where we divide probabilities, takes all noise for one cluster in the distances and
        drops it in the end. Another public code keeps a cluster where it should drop it. Of a layer without a bias the
        angles of the weights are taken, and with a single class nobody is suspicious.
    Source:
        Rieger, Nguyen, Miettinen, Sadeghi. DeepSight: Mitigating Backdoor Attacks in Federated Learning Through Deep
        Model Inspection. NDSS 2022, algorithms 1 to 3.
    Example:
        >>> from fedsim.stand_ins import Linear
        >>> rows = np.array([[0.9, 1.0], [1.0, 1.1], [1.1, 0.9], [1.2, 1.0], [9.0, 9.0]])
        >>> layers = [("weight", (2, 1))]
        >>> aggregate("deepsight", rows, layers=layers, outputs=Linear(), inputs=100).round(2).tolist()
        [1.04, 1.0]
    """
    weight, bias = output_layer("deepsight", layers)
    energy = _energy(updates, weight, bias)
    exceeding = (energy > max(LEAST_NEUP_SHARE, 1 / energy.shape[1]) * energy.max(axis=1, keepdims=True)).sum(axis=1)
    suspicious = (exceeding <= np.median(exceeding) / 2) & (energy.shape[1] > 1)

    def apart(distances: Matrix) -> Matrix:
        return _apart(by_density(distances, least, neighbours, one=False))

    answers = [apart(between(_ratios(updates, outputs, stream.at("set", k).numpy(), inputs))) for k in range(sets)]
    angles = 1 - directions(updates[:, (bias or weight).stretch]).cosines()
    merged = (np.mean(answers, axis=0) + apart(between(energy)) + apart(angles)) / 3
    clusters = _alone(by_density(merged, least, neighbours))
    shares = np.array([suspicious[clusters == name].mean() for name in clusters])
    lengths = lengths_of(updates)
    return clipped_mean(updates, shares < tau, within(float(np.median(lengths)), lengths))


def _energy(updates: Array, weight: Layer, bias: Layer | None) -> Matrix:
    """(n, C) normalised energy of each class's neuron."""
    n = len(updates)
    changes = np.abs(updates[:, weight.stretch]).reshape(n, *weight.shape)
    size = np.maximum(changes.max(axis=(1, 2)), 0 if bias is None else np.abs(updates[:, bias.stretch]).max(axis=1))
    unit = np.where(size > 0, size, 1).astype(np.float64)[:, None]
    energy = (changes / unit[:, :, None]).sum(axis=2)
    if bias is not None:
        energy = energy + np.abs(updates[:, bias.stretch]) / unit
    total = (energy**2).sum(axis=1, keepdims=True)
    return np.asarray(energy**2 / np.where(total > 0, total, 1))


def _ratios(updates: Array, outputs: Any, draw: "np.random.Generator", count: int) -> Matrix:
    """(n, C) mean over random inputs of a row's probabilities by those of the global model."""
    drawn = outputs.draw(draw, count)
    parts = [drawn[begin : begin + INPUTS_AT_ONCE] for begin in range(0, count, INPUTS_AT_ONCE)]
    own = [_log_probabilities(outputs(np.zeros_like(updates[0])), part) for part in parts]

    def mean(row: Array) -> NDArray[np.float64]:
        run, total = outputs(row), np.zeros(len(own[0]))
        for part, before in zip(parts, own, strict=True):
            ratios = np.clip(_log_probabilities(run, part) - before, -MOST_LOG_RATIO, MOST_LOG_RATIO)
            total += np.exp(ratios, out=ratios).sum(axis=1)
        return np.asarray(total / count)

    return np.array([mean(row) for row in updates])


def _log_probabilities(run: Any, inputs: Array) -> Matrix:
    """(C, k): an example a column, since sums over few classes are slow along rows."""
    logits = np.array(np.asarray(run(inputs)).T, np.float64, order="C")
    if not np.isfinite(logits).all():
        logits = np.nan_to_num(logits)
    logits = np.clip(logits - logits.max(axis=0), -2 * MOST_LOG_RATIO, 0)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=0)))


def _alone(labels: Labels) -> Labels:
    """Labels in which each row of noise is a cluster of its own."""
    found = labels.copy()
    noise = np.flatnonzero(labels < 0)
    found[noise] = labels.max(initial=0) + 1 + np.arange(len(noise))
    return found


def _apart(labels: Labels) -> Matrix:
    alone = _alone(labels)
    return np.asarray(alone[:, None] != alone, np.float64)
