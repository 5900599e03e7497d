"""Rows forged from what the attackers know: their own honest work, or the honest rows."""

from statistics import NormalDist
from typing import Annotated

import numpy as np
from annotated_types import Gt

from fedsim.array_types import Array
from fedsim.attacks.contract import attack
from fedsim.attacks.moments import honest_mean, repeated, shifted_mean


@attack("sign_flip")
def sign_flip(
    own: Array, *, scale: Annotated[float, Gt(0), "length of the row sent over the honest one's"] = 1.0
) -> Array:
    """Send one's own honest update backwards.

    Formula:
        row_i = −scale · own_i, (d,)
    Differs:
        byzfl's SignFlipping sends −mean of the honest rows; that is `ipm` with scale = 1.
    Source:
        Li et al., RSA: Byzantine-Robust Stochastic Aggregation Methods for Distributed Learning from
        Heterogeneous Datasets, AAAI 2019.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("sign_flip", honest, count=1, own=[[1.0, 2.0]]).tolist()
        [[-1.0, -2.0]]
    """
    return np.asarray(own * -scale, dtype=own.dtype)


@attack("scale", aliases=("model_replacement",))
def scale(
    own: Array, *, factor: Annotated[float, Gt(0), "length of the row sent over the honest one's"] = 10.0
) -> Array:
    """Send one's own honest update, enlarged.

    Formula:
        row_i = factor · own_i, (d,)
        with factor = n / (server's learning rate) a plain mean over n rows moves to the attacker's own model,
        which is model replacement
    Source:
        Bagdasaryan et al., How To Backdoor Federated Learning, AISTATS 2020.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("scale", honest, count=1, own=[[1.0, 2.0]]).tolist()
        [[10.0, 20.0]]
    """
    return np.asarray(own * factor, dtype=own.dtype)


@attack("ipm")
def ipm(
    honest: Array,
    count: int,
    *,
    scale: Annotated[float, Gt(0), "length of the row sent over the honest mean's"] = 0.5,
) -> Array:
    """Inner product manipulation: a step against the honest mean.

    Formula:
        row_i = −scale · (1/h) Σ_j honest_j, (d,), the same for all attackers
    Assumes:
        h ≥ 1 honest rows to know of, else ValueError.
    Breakdown:
        A plain mean over h honest and b forged rows turns round once scale > h / b.
    Cost:
        One pass over the honest rows.
    Source:
        Xie, Koyejo and Gupta, Fall of Empires: Breaking Byzantine-tolerant SGD by Inner Product Manipulation,
        UAI 2019.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("ipm", honest, count=2).round(2).tolist()
        [[-0.5, -1.0], [-0.5, -1.0]]
    """
    return repeated(honest_mean(honest) * -scale, count, honest)


@attack("alie")
def alie(
    honest: Array,
    count: int,
    *,
    z: Annotated[
        float | None, "standard deviations of the shift, negative for the other side; left out: the paper's"
    ] = None,
) -> Array:
    """A little is enough: a shift small enough to hide among the honest rows.

    Formula:
        row_i = μ − z·σ per coordinate, (d,), the same for all attackers
        μ and σ: mean and standard deviation (h − 1 in the denominator) of the h honest rows
        z = Φ⁻¹((h − s) / h), s = ⌊n/2⌋ + 1 − b honest rows to win over, n = h + b, b the number of attackers
    Assumes:
        h ≥ 1 honest rows to know of, else ValueError; with one honest row σ = 0 and that row is sent.
        The share (h − s) / h is held between 1/(2h) and 1 − 1/(2h), so that z is finite also where attackers
        are a majority (s ≤ 0). With few attackers the share is under one half and z under zero.
    Cost:
        Two passes over the honest rows.
    Differs:
        Some packages apply Φ where the paper has its inverse, and others take σ with h in the denominator.
    Source:
        Baruch, Baruch and Goldberg, A Little Is Enough: Circumventing Defenses For Distributed Learning,
        NeurIPS 2019.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("alie", honest, count=2, z=1.0).round(2).tolist()
        [[0.8, 1.8], [0.8, 1.8]]
    """
    shift = paper_z(len(honest), count) if z is None else z
    return repeated(shifted_mean(honest, shift), count, honest)


def paper_z(honest: int, attackers: int) -> float:
    """The greatest shift, in standard deviations, that still has enough honest rows beyond it."""
    needed = (honest + attackers) // 2 + 1 - attackers
    margin = 0.5 / max(honest, 1)
    share = min(max(1 - needed / max(honest, 1), margin), 1 - margin)
    return NormalDist().inv_cdf(share)
