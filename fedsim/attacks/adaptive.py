"""Attacks that try the defence itself, whatever it is, before they send.

`defence` is all that the server does with the rows of a round: pre-aggregators and rule with what they remember. With
less knowledge than all honest rows the attackers try it on the rows that they know. Where it cannot be applied to so
few, it answers zeros whatever they send, and the first candidate is sent: the greatest.
"""

from typing import Annotated

import numpy as np
from annotated_types import Gt

from fedsim.array_types import Array, Defence
from fedsim.attacks._search import Calls, Greatest, Trial, best_factor
from fedsim.attacks.contract import attack
from fedsim.attacks.moments import mean_and_deviation, repeated


@attack("optimal_ipm")
def optimal_ipm(honest: Array, count: int, defence: Defence, *, greatest: Greatest = 10.0, calls: Calls = 32) -> Array:
    """Inner product manipulation of the length that moves the defence furthest.

    Formula:
        row_i = −τ·μ, (d,), the same for all attackers; μ: mean of the h honest rows
        τ in [−greatest, greatest], not 0, maximises ‖defence(honest rows and b forged rows) − μ‖
    Assumes:
        h ≥ 1 honest rows to know of, else ValueError.
    Cost:
        `calls` runs of the defence: half of them at τ = ±greatest/2^k, the others by golden section about the best.
    Differs:
        byzfl's Optimal Inner Product Manipulation searches one sign, from a step that it doubles and halves.
    Source:
        Shejwalkar and Houmansadr, NDSS 2021 (the objective); Xie, Koyejo and Gupta, Fall of Empires, UAI 2019 (the
        row).
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("optimal_ipm", honest, count=1, defence=lambda rows: rows.mean(axis=0), greatest=2.0).tolist()
        [[-2.0, -4.0]]
    """
    mean, _ = mean_and_deviation(honest)
    trial = Trial(honest, count, defence)
    tau = best_factor(lambda tau: float(np.linalg.norm(trial(-tau * mean) - mean)), calls, greatest) if count else 0.0
    return repeated(-tau * mean, count, honest)


@attack("optimal_alie")
def optimal_alie(honest: Array, count: int, defence: Defence, *, greatest: Greatest = 10.0, calls: Calls = 32) -> Array:
    """A little is enough, with the shift that moves the defence furthest.

    Formula:
        row_i = μ − z·σ per coordinate, (d,), the same for all attackers; μ and σ: mean and standard deviation (h − 1 in
        the denominator) of the h honest rows
        z in [−greatest, greatest], not 0, maximises ‖defence(honest rows and b forged rows) − μ‖
    Assumes:
        h ≥ 1 honest rows to know of, else ValueError.
    Cost:
        `calls` runs of the defence: half of them at z = ±greatest/2^k, the others by golden section about the best.
    Differs:
        byzfl's Optimal A Little Is Enough searches one sign, from a step that it doubles and halves.
    Source:
        Shejwalkar and Houmansadr, NDSS 2021 (the objective); Baruch, Baruch and Goldberg, A Little Is Enough, NeurIPS
        2019 (the row).
    Example:
        >>> honest = np.array([[1.0], [1.1], [1.3], [1.6]])
        >>> lowest = lambda rows: rows.min(axis=0)
        >>> attack("optimal_alie", honest, count=1, defence=lowest, greatest=2.0).round(2).tolist()
        [[0.72]]
    """
    mean, deviation = mean_and_deviation(honest)
    trial = Trial(honest, count, defence)

    def moved(z: float) -> float:
        return float(np.linalg.norm(trial(mean - z * deviation) - mean))

    z = best_factor(moved, calls, greatest) if count else 0.0
    return repeated(mean - z * deviation, count, honest)


@attack("fang_any")
def fang_any(honest: Array, count: int, defence: Defence, *, greatest: Greatest = 10.0, calls: Calls = 32) -> Array:
    """A step against every coordinate's sign, of the length that turns the defence back most.

    Formula:
        row_i = −λ·a·s, (d,), the same for all attackers; s = sign(μ) per coordinate, μ the mean of the h honest rows
        and a = ‖μ‖₁ / d its mean size
        λ in [−greatest, greatest], not 0, maximises ⟨s, μ − defence(honest rows and b forged rows)⟩
    Assumes:
        h ≥ 1 honest rows to know of, else ValueError.
    Cost:
        `calls` runs of the defence: half of them at λ = ±greatest/2^k, the others by golden section about the best.
    Differs:
        The paper derives a forged row for Krum and for the trimmed mean (`fang_krum`, `fang_trim`); this is its
        objective for whatever rule there is.
    Source:
        Fang, Cao, Jia and Gong, Local Model Poisoning Attacks to Byzantine-Robust Federated Learning, USENIX Security
        2020, equation 1.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("fang_any", honest, count=1, defence=lambda rows: rows.mean(axis=0), greatest=2.0).tolist()
        [[-3.0, -3.0]]
    """
    mean, _ = mean_and_deviation(honest)
    signs, trial = np.sign(mean), Trial(honest, count, defence)
    step = np.abs(mean).mean() * signs

    def turned(length: float) -> float:
        return float(signs @ (mean - trial(-length * step)))

    length = best_factor(turned, calls, greatest) if count else 0.0
    return repeated(-length * step, count, honest)


@attack("small_perturbation")
def small_perturbation(
    honest: Array, count: int, defence: Defence, *, greatest: Greatest = 8.0, calls: Calls = 32
) -> Array:
    """The honest mean with all that the defence lets pass put into one coordinate.

    Formula:
        row_i = μ + γ·r·e_j, (d,), the same for all attackers
        μ and σ: mean and standard deviation of the h honest rows
        j the coordinate of greatest σ_j, the first of them on ties; r = √(Σ_k σ_k²)
        γ in [−greatest, greatest], not 0, maximises |defence(honest rows and b forged rows)_j − μ_j|
    Assumes:
        h ≥ 1 honest rows to know of, else ValueError; with one of them the mean is sent.
    Breakdown:
        A rule that selects rows by their distances lets γ ≈ 1 pass: one coordinate moves as far as all d together
        differ between honest rows, √d times its own deviation.
    Cost:
        `calls` runs of the defence: half of them at γ = ±greatest/2^k, the others by golden section about the best.
    Differs:
        The paper asks for the greatest γ that the rule still selects. The answer of a rule that selects grows with γ up
        to there and falls back beyond, so that it is the same γ; for a rule that selects nothing it is still defined.
    Source:
        El Mhamdi, Guerraoui and Rouault, The Hidden Vulnerability of Distributed Learning in Byzantium, ICML 2018.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.4, 1.8], [0.6, 2.2]])
        >>> defence = lambda rows: rows.mean(axis=0)
        >>> attack("small_perturbation", honest, count=1, defence=defence, greatest=1.0).round(2).tolist()
        [[1.45, 2.0]]
    """
    mean, deviation = mean_and_deviation(honest)
    widest, trial = int(deviation.argmax()), Trial(honest, count, defence)
    spike = np.zeros_like(mean)
    spike[widest] = np.linalg.norm(deviation)

    def moved(gamma: float) -> float:
        return float(abs(trial(mean + gamma * spike)[widest] - mean[widest]))

    gamma = best_factor(moved, calls, greatest) if count else 0.0
    return repeated(mean + gamma * spike, count, honest)


@attack("sensitivity_curve")
def sensitivity_curve(
    honest: Array,
    count: int,
    defence: Defence,
    *,
    greatest: Annotated[float, Gt(0), "standard deviations to either side that are tried"] = 10.0,
    calls: Calls = 32,
) -> Array:
    """In each coordinate the value to which the defence is most sensitive.

    Formula:
        row_i = μ + κ∘σ, (d,), the same for all attackers
        μ and σ: mean and standard deviation of the h honest rows
        κ_j among ±greatest/2^(k/2), k = 0, 1, …, maximises |T(μ + κ_j·σ)_j − T(μ)_j|, the sensitivity curve up to a
        factor, T(x) = defence(honest rows and b rows x) being asked for all coordinates at once
        If one κ for all coordinates then moves the defence further, ‖T(row) − T(μ)‖, that one is sent.
    Assumes:
        h ≥ 1 honest rows to know of, else ValueError; with one of them the mean is sent.
    Cost:
        `calls` runs of the defence.
    Differs:
        The curve compares with the answer to the honest rows alone; here it is the answer to as many rows as the server
        awaits, the attackers' at the mean, since not every rule can do with fewer. Coordinates of a rule that is not
        coordinatewise influence each other, which the last comparison takes into account.
    Source:
        Schroth, Vlaski and Zoubir, Sensitivity Curve Maximization: Attacking Robust Aggregators in Distributed
        Learning, arXiv 2412.17740, 2024.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> defence = lambda rows: np.median(rows, axis=0)
        >>> attack("sensitivity_curve", honest, count=1, defence=defence, greatest=2.0).round(2).tolist()
        [[1.4, 2.4]]
    """
    if not count:
        return repeated(honest[0], 0, honest)
    mean, deviation = mean_and_deviation(honest)
    trial = Trial(honest, count, defence)
    start, chosen, most = trial(mean), np.zeros_like(mean), np.zeros_like(mean)
    uniform, length = 0.0, -1.0
    for k in range(calls - 2):
        kappa = greatest * 0.5 ** (k // 2 / 2) * (1 if k % 2 == 0 else -1)
        moved = np.abs(trial(mean + kappa * deviation) - start)
        better = moved > most
        chosen[better], most[better] = kappa, moved[better]
        if (total := float(np.linalg.norm(moved))) > length:
            uniform, length = kappa, total
    if not np.linalg.norm(trial(mean + chosen * deviation) - start) >= length:
        chosen[:] = uniform
    return repeated(mean + chosen * deviation, count, honest)
