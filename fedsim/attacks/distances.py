"""Rows as far from the honest mean as the honest rows are from each other."""

from typing import Annotated, Literal

import numpy as np

from fedsim.array_types import Array
from fedsim.attacks.contract import attack
from fedsim.attacks.moments import Vector, about, mean_and_deviation, repeated
from fedsim.kernels.rules.distances import squared_distances

Direction = Annotated[
    Literal["unit", "std", "sign"],
    "p: unit: −μ / ‖μ‖; std: −σ per coordinate; sign: −sign(μ) per coordinate",
]


@attack("min_max")
def min_max(honest: Array, count: int, *, direction: Direction = "unit") -> Array:
    """As far against the honest mean as no honest row would be found to lie from another.

    Formula:
        row_i = μ + γ·p, (d,), the same for all attackers
        μ and σ: mean and standard deviation of the h honest rows
        γ: the greatest with max_j ‖row − honest_j‖ ≤ max_jk ‖honest_j − honest_k‖
    Assumes:
        h ≥ 1 honest rows to know of, else ValueError; with one of them, or where p = 0, the mean is sent.
    Breakdown:
        Rules that judge by the greatest distance cannot tell the row from an honest one.
    Cost:
        One h × h matrix of distances and three passes over the honest rows.
    Differs:
        The condition is one quadratic inequality for each honest row; its roots give γ exactly, where the authors
        halve steps until they are small. It is the paper's attack for a rule that is not known.
    Source:
        Shejwalkar and Houmansadr, Manipulating the Byzantine: Optimizing Model Poisoning Attacks and Defenses for
        Federated Learning, NDSS 2021, section IV-C.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("min_max", honest, count=1).round(3).tolist()
        [[0.817, 1.635]]
    """
    mean, push = _mean_and_push(honest, direction)
    gaps, along = about(mean, push, honest)
    square, room = float(push @ push), squared_distances(honest).max() - gaps
    if square == 0:
        return repeated(mean, count, honest)
    # γ²‖p‖² − 2γ⟨honest_j − μ, p⟩ ≤ room_j, and room_j ≥ 0: no row is further from the mean than from every other row
    roots = (along + np.sqrt(along**2 + square * np.maximum(room, 0))) / square
    return repeated(mean + max(roots.min(), 0.0) * push, count, honest)


@attack("min_sum")
def min_sum(honest: Array, count: int, *, direction: Direction = "unit") -> Array:
    """As far against the honest mean as the honest row that lies furthest from the others together.

    Formula:
        row_i = μ + γ·p, (d,), the same for all attackers
        μ and σ: mean and standard deviation of the h honest rows
        γ: the greatest with Σ_j ‖row − honest_j‖² ≤ max_j Σ_k ‖honest_j − honest_k‖²
    Assumes:
        h ≥ 1 honest rows to know of, else ValueError; with one of them, or where p = 0, the mean is sent.
    Cost:
        One h × h matrix of distances and three passes over the honest rows.
    Differs:
        γ² = (max_j Σ_k ‖honest_j − honest_k‖² − Σ_j ‖honest_j − μ‖²) / (h‖p‖²) in closed form, where the authors
        halve steps until they are small.
    Source:
        Shejwalkar and Houmansadr, Manipulating the Byzantine: Optimizing Model Poisoning Attacks and Defenses for
        Federated Learning, NDSS 2021, section IV-C.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("min_sum", honest, count=1).round(3).tolist()
        [[0.874, 1.747]]
    """
    mean, push = _mean_and_push(honest, direction)
    gaps, _ = about(mean, push, honest)
    square, room = float(push @ push), squared_distances(honest).sum(axis=1).max() - gaps.sum()
    gamma = np.sqrt(max(room, 0.0) / (len(honest) * square)) if square else 0.0
    return repeated(mean + gamma * push, count, honest)


def _mean_and_push(honest: Array, direction: str) -> tuple[Vector, Vector]:
    """μ and p; of a single honest row, from which nothing is far, p is zero."""
    mean, deviation = mean_and_deviation(honest)
    if len(honest) == 1:
        return mean, np.zeros_like(mean)
    if direction == "unit":
        length = np.linalg.norm(mean)
        return mean, -mean / length if length else np.zeros_like(mean)
    return mean, -deviation if direction == "std" else -np.sign(mean)
