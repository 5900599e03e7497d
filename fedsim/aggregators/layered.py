"""Rules that work layer by layer."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray

from fedsim.aggregators._inner_rules import Settings, inner_rule
from fedsim.aggregators._scores import below, deviations
from fedsim.aggregators._selection import lengths_of, scaled_sum
from fedsim.aggregators.clipping import within
from fedsim.aggregators.contract import Aggregate, F, aggregator
from fedsim.array_types import Array, Integers
from fedsim.layers import Layer

if TYPE_CHECKING:
    from fedsim.randomness import Stream

Vector = NDArray[np.float64]
SPARSE_DIMENSIONS = 2, 4
"""Tensors of so many dimensions, those of linear and convolutional layers, are made sparse."""


@aggregator("lasa", breaks={"translation": "norms, magnitudes and signs are measured from zero"})
def lasa(
    updates: Array,
    layers: Sequence[Layer],
    *,
    sparsity: Annotated[float, Ge(0), Lt(1), "share of a row's weights, the smallest, that are not looked at"] = 0.3,
    norm: Annotated[float, Gt(0), "λ_n, greatest deviation of a layer's norm, in standard deviations"] = 2.0,
    sign: Annotated[float, Gt(0), "λ_s, greatest deviation of a layer's share of signs, in standard deviations"] = 1.0,
) -> Aggregate:
    """Clipped mean, in each layer of the updates whose norm and signs are usual there.

    Formula:
        vᵢ = uᵢ min(1, S/‖uᵢ‖), S the median norm; sᵢ is vᵢ with the ⌈sparsity·w⌉ smallest magnitudes of the w numbers
        of all tensors of 2 or 4 dimensions set to 0. In each tensor: aᵢ = ‖sᵢ‖ and pᵢ = ½(1 + Σ sign sᵢ / Σ |sign sᵢ|),
        ½ where all are 0; MZ(x) = |x − median|/std over the n rows, 0 where std = 0; the mean of vᵢ over the rows with
        MZ(aᵢ) < λ_n and MZ(pᵢ) < λ_s, or over all where there is none: (n, d) -> (d,). Weights are each row's share in
        these means, by the tensors' sizes.
    Assumes:
        More than half of the rows are honest in every layer.
    Breakdown:
        Fewer than half of the rows, and only those that stand out. No row counts with more than the median norm.
    Cost:
        Three passes over the matrix, and a selection of the smallest magnitudes of every row, which takes some ten
        times as long as a pass.
    Differs:
        The authors' code, whose clipped rows and sparse rows share their memory, averages the sparse ones; the paper
        the clipped ones, as here. λ_n = 2 and λ_s = 1 are its settings but for CIFAR (1 and 1).
    Source:
        Xu, Zhang, Hu. Achieving Byzantine-Resilient Federated Learning via Layer-Adaptive Sparsified Model Aggregation.
        WACV 2025, algorithm 1.
    Example:
        >>> rows = np.array([[0.9, 1.0], [1.0, 1.1], [1.1, 0.9], [1.2, 1.0], [-9.0, -9.0]])
        >>> aggregate("lasa", rows, layers=[("weight", (1, 1)), ("bias", (1,))], sparsity=0.0).round(2).tolist()
        [1.04, 0.99]
    """
    n, d = updates.shape
    lengths = lengths_of(updates)
    factors = within(float(np.median(lengths)), lengths)
    norms, purities = _by_tensor(updates, layers, sparsity)
    update, weights = np.empty(d, updates.dtype), np.zeros(n)
    for k, layer in enumerate(layers):
        kept = below(deviations(norms[k] * factors), norm) & below(deviations(purities[k]), sign)
        kept = kept if kept.any() else ~kept
        share = kept / kept.sum()
        update[layer.stretch] = scaled_sum(share * factors, updates[:, layer.stretch])
        weights += share * ((layer.end - layer.begin) / d)
    return Aggregate(update, weights, factors=factors)


def _by_tensor(updates: Array, layers: Sequence[Layer], sparsity: float) -> tuple[Vector, Vector]:
    """(layers, n) norms and purities of the rows without their smallest weights."""
    norms, purities = np.zeros((2, len(layers), len(updates)))
    for i, row in enumerate(updates):
        limit = _smallest(row, layers, sparsity)
        for k, layer in enumerate(layers):
            part = row[layer.stretch]
            if len(layer.shape) in SPARSE_DIMENSIONS:
                part = np.where(np.abs(part) > limit, part, 0)
            norms[k, i] = lengths_of(part[None])[0]
            above, under = int(np.count_nonzero(part > 0)), int(np.count_nonzero(part < 0))
            purities[k, i] = (1 + (above - under) / max(above + under, 1)) / 2
    return norms, purities


def _smallest(row: Array, layers: Sequence[Layer], sparsity: float) -> float:
    """The greatest of the magnitudes that are left out; −1 where none is."""
    parts = [np.abs(row[layer.stretch]) for layer in layers if len(layer.shape) in SPARSE_DIMENSIONS]
    sizes = np.concatenate(parts) if parts else np.zeros(0)
    left_out = int(np.ceil(sparsity * len(sizes)))
    return float(np.partition(sizes, left_out - 1)[left_out - 1]) if left_out else -1.0


@aggregator("layerwise", needs="n > 2f")
def layerwise(
    updates: Array,
    layers: Sequence[Layer],
    counts: Integers,
    previous: Array,
    parameters: Array,
    clients: Integers,
    memory: Mapping[str, Array] | None,
    stream: "Stream",
    *,
    rule: Annotated[str, "the rule that is applied to each layer"] = "one_mean",
    f: F = 0,
    settings: Settings = None,
) -> Aggregate:
    """Any rule, applied to each layer of the model on its own.

    Formula:
        For each part of the model (the weight and the bias of a layer together, its buffers on their own): the rule on
        these columns of the matrix, and of the last aggregate and the parameters: (n, d) -> (d,). Weights are the
        parts' weights, by their sizes.
    Assumes:
        What the rule assumes, in every layer. ValueError for a rule that wants what has no layers, such as outputs on
        root data, unless n > 2f, and where the rule's own condition does not hold.
    Breakdown:
        That of the rule, in each layer.
    Cost:
        That of the rule. Memory: the rule's for every layer.
    Source:
        García-Márquez, Rodríguez-Barroso, Luzón, Herrera. Improving (α, f)-Byzantine Resilience in Federated Learning
        via Layerwise Aggregation and Cosine Distance. 2025 (arXiv:2503.21244).
    Example:
        >>> rows = np.array([[0.9, 5.0], [1.0, 1.1], [1.1, 0.9], [1.2, 1.0], [-9.0, 1.2]])
        >>> layers = [("a.weight", (1, 1)), ("b.weight", (1, 1))]
        >>> aggregate("layerwise", rows, layers=layers, rule="krum", f=1).round(2).tolist()
        [1.1, 1.1]
    """
    entry, chosen = inner_rule("layerwise", rule, f, settings or {})
    given = {"counts": counts, "clients": clients}
    sliced = {"updates": updates, "previous": previous, "parameters": parameters}
    update, weights = np.empty_like(updates[0]), np.zeros(len(updates))
    kept: dict[str, Array] = {}
    factors: list[Array] = []
    scales = False
    for k, stretch in enumerate(_parts(layers)):
        here = {name: value[..., stretch] for name, value in sliced.items()}
        past = {name.partition("/")[2]: value for name, value in (memory or {}).items() if name.startswith(f"{k}/")}
        verdict: Aggregate = entry.call(given | here | {"memory": past or None, "stream": stream.at("part", k)}, chosen)
        update[stretch] = verdict.update
        part = (stretch.stop - stretch.start) / len(update)
        weights += verdict.weights * part
        factors.append(np.full(len(updates), part) if verdict.factors is None else verdict.factors * part)
        scales |= verdict.factors is not None
        kept |= {f"{k}/{name}": value for name, value in (verdict.memory or {}).items()}
    return Aggregate(update, weights, kept or None, factors=np.sum(factors, axis=0) if scales else None)


def _parts(layers: Sequence[Layer]) -> list[slice]:
    """Stretches of neighbouring tensors that belong to the same part of the model."""
    groups = [list(group) for _, group in groupby(layers, lambda layer: (layer.part, layer.buffer))]
    return [slice(group[0].begin, group[-1].end) for group in groups]
