"""AlignIns: alignment with the model and with the majority's signs."""

from typing import Annotated

import numpy as np
from annotated_types import Gt, Le
from numpy.typing import NDArray

from fedsim.aggregators._scores import below, deviations
from fedsim.aggregators._selection import nobody, scaled_sum
from fedsim.aggregators.clipping import within
from fedsim.aggregators.contract import Aggregate, aggregator
from fedsim.array_types import Array, Integers
from fedsim.kernels import column_blocks
from fedsim.kernels.rules.directions import cosines_to
from fedsim.kernels.rules.tallies import surplus


@aggregator("alignins", breaks={"translation": "angles, norms and signs are measured from zero"})
def alignins(
    updates: Array,
    counts: Integers,
    parameters: Array,
    *,
    angle: Annotated[
        float, Gt(0), "λ_c, greatest deviation of the cosine with the model, in standard deviations"
    ] = 1.0,
    sign: Annotated[
        float, Gt(0), "λ_s, greatest deviation of the share of aligned signs, in standard deviations"
    ] = 1.0,
    share: Annotated[float, Gt(0), Le(1), "share of a row's coordinates, the greatest, whose signs count"] = 0.3,
) -> Aggregate:
    """Clipped average of the updates whose angle to the model and whose main signs are like the others'.

    Formula:
        cᵢ = cos(uᵢ, θ); pᵢ the share, among the ⌊share·d⌋ coordinates of greatest |uᵢ|, of those whose sign is that of
        Σⱼ sign(uⱼ). MZ(x) = |x − median|/std over the n rows, 0 where std = 0. Kept are rows with MZ(cᵢ) < λ_c and
        MZ(pᵢ) < λ_s; Σ mᵢ uᵢ min(1, S/‖uᵢ‖) / Σ mᵢ over them, S their median norm: (n, d), (n,), (d,) -> (d,). Where
        nobody is kept, zeros. Weights are mᵢ min(1, S/‖uᵢ‖), normalised.
    Assumes:
        More than half of the rows are honest. Examples are counted as the clients report them.
    Breakdown:
        Fewer than half of the rows, and only those that stand out. Even without attackers rows beyond one standard
        deviation are dropped.
    Cost:
        Three passes over the matrix, and a selection of the greatest coordinates of every row, which takes some ten
        times as long as a pass.
    Differs:
        The authors' code clips to the lower of the two middle norms of an even number of rows.
    Source:
        Xu, Zhang, Hu. Detecting Backdoor Attacks in Federated Learning via Direction Alignment Inspection. CVPR 2025
        (arXiv:2503.07978), algorithm 1.
    Example:
        >>> rows = np.array([[0.9, 1], [1.0, 1], [1.1, 1], [1.2, 1], [-9, -8]])
        >>> aggregate("alignins", rows, parameters=[1.0, 0.5]).round(2).tolist()
        [1.02, 0.98]
    """
    cosines, lengths, _ = cosines_to(np.asarray(parameters, updates.dtype), updates)
    aligned = _aligned(updates, max(int(share * updates.shape[1]), 1))
    kept = below(deviations(cosines), angle) & below(deviations(aligned), sign)
    amounts = np.where(kept, np.asarray(counts, np.float64), 0)
    if not amounts.any():
        return nobody(updates)
    factors = within(float(np.median(lengths[kept])), lengths)
    weights = amounts * factors if (amounts * factors).any() else amounts
    update = scaled_sum(amounts * factors / amounts.sum(), updates)
    return Aggregate(update, weights / weights.sum(), factors=factors)


def _aligned(updates: Array, main: int) -> NDArray[np.float64]:
    """(n,) the share of each row's `main` greatest coordinates that have the majority's sign; earlier ones on ties."""
    n, d = updates.shape
    majority = np.empty(d, np.int8)
    for block in column_blocks(n, d):
        majority[block] = np.sign(surplus(updates[:, block]))
    shares = np.empty(n)
    for row in range(n):
        sizes = np.abs(updates[row])
        limit = np.partition(sizes, d - main)[d - main]
        chosen = sizes > limit
        chosen[np.flatnonzero(sizes == limit)[: main - np.count_nonzero(chosen)]] = True
        shares[row] = np.count_nonzero(np.sign(updates[row, chosen]) == majority[chosen]) / main
    return shares
