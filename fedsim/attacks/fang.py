"""The local model poisoning attacks on Krum and on the trimmed mean."""

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt

from fedsim.array_types import Array, Integers
from fedsim.attacks.contract import attack
from fedsim.attacks.moments import Vector, about, mean_and_deviation
from fedsim.kernels.rules.distances import squared_distances
from fedsim.randomness import Stream

NEAR, FAR = 3.0, 4.0
"""Standard deviations between which partial knowledge draws: the paper's."""


@attack("fang_krum", breaks={"address": "one attacker sends the row itself and the others send rows near it"})
def fang_krum(
    honest: Array,
    count: int,
    clients: Integers,
    stream: Stream,
    knowledge: str,
    *,
    radius: Annotated[float, Ge(0), "ε: greatest distance of the other attackers' rows from the first one's"] = 0.01,
    floor: Annotated[float, Gt(0), "λ at which the search gives up"] = 1e-5,
) -> Array:
    """A step against every coordinate's sign, as long as Krum would still choose it.

    Formula:
        row_1 = −λ·s, (d,); the other rows: row_1 plus a random direction of length ε·U(0, 1) each
        s = sign(u) per coordinate: u the row that Krum chooses of the honest ones (knowledge all), or the mean of the
        attackers' own honest rows (otherwise)
        λ is halved from Theorem 1's bound until Krum, with f = k, chooses −λ·s among the h known rows and k copies
        of it:
        λ₀ = min_i Σ ‖u_i − u_j‖ / ((h − k − 1)√d) + max_i ‖u_i‖ / √d
        with the sum over the h − 2 rows nearest to u_i
        k = b, the number of attackers (all); k = 1, and one more while no λ above the floor does, up to b (otherwise)
    Assumes:
        h ≥ 1 honest rows to know of, else ValueError. h − k − 1 is held at 1 or more.
    Cost:
        One h × h matrix of distances, two passes over the honest rows, and h² log h for each λ.
    Differs:
        The row is a step from the received model, as in the paper; some packages add it to the mean. Krum's choice is
        taken of the honest rows alone, where the paper has the attackers' unforged rows among them too. The random
        direction is the paper's "sampled within ε", uniform in length.
    Source:
        Fang, Cao, Jia and Gong, Local Model Poisoning Attacks to Byzantine-Robust Federated Learning, USENIX Security
        2020, section 4.2.
    Example:
        >>> honest = np.array([[0.1, 0.3], [0.4, -0.2], [-0.3, 0.2], [0.2, 0.5], [0.3, 0.1]])
        >>> attack("fang_krum", honest, count=2, radius=0.0).round(2).tolist()
        [[-0.04, -0.04], [-0.04, -0.04]]
    """
    everyone = knowledge == "all"
    distances = np.sqrt(squared_distances(honest))
    towards = honest[_krum(distances, count)] if everyone else mean_and_deviation(honest)[0]
    signs = np.sign(towards)
    length = _length(honest, signs, distances, (count,) if everyone else range(1, count + 1), floor)
    rows = np.empty((count, honest.shape[1]), honest.dtype)
    for place, client in enumerate(clients):
        rows[place] = -length * signs
        if place:
            generator = stream.at("client", int(client)).numpy()
            away = generator.standard_normal(honest.shape[1])
            rows[place] += away * (radius * generator.uniform() / np.linalg.norm(away))
    return rows


@attack("fang_trim")
def fang_trim(
    honest: Array,
    clients: Integers,
    stream: Stream,
    knowledge: str,
    *,
    spread: Annotated[float, Gt(1), "b: how far beyond the outermost honest value is drawn, as a factor"] = 2.0,
) -> Array:
    """In every coordinate values beyond the honest ones, on the side against which they go together.

    Formula:
        per coordinate, s = sign of Σ_j honest_j; row_i ~ U between base and base / b where base has the sign of s, and
        between base and base · b otherwise; base = min_j honest_j if s > 0, else max_j honest_j: (d,)
        With less knowledge than all honest rows: row_i ~ U(μ − 4σ, μ − 3σ) if s > 0, else U(μ + 3σ, μ + 4σ), μ and σ
        the mean and the standard deviation (h − 1 in the denominator) of the attackers' own honest rows.
    Assumes:
        h ≥ 1 honest rows to know of, else ValueError.
    Breakdown:
        The trimmed mean drops these values as long as f is large enough, and with them the honest ones of the opposite
        side: what is left leans against the honest direction.
    Cost:
        Three passes over the honest rows and d uniform draws an attacker.
    Differs:
        On updates, where the paper speaks of weights; its own code does the same.
    Source:
        Fang, Cao, Jia and Gong, Local Model Poisoning Attacks to Byzantine-Robust Federated Learning, USENIX Security
        2020, section 4.3.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> forged = attack("fang_trim", honest, count=4)
        >>> bool((forged >= [0.4, 0.9]).all() and (forged <= [0.8, 1.8]).all())
        True
    """
    begin, end = _outside(honest, spread) if knowledge == "all" else _beyond_deviations(honest)
    rows = np.empty((len(clients), honest.shape[1]), honest.dtype)
    for row, client in zip(rows, clients, strict=True):
        row[:] = begin + (end - begin) * stream.at("client", int(client)).numpy().random(len(row))
    return rows


def _outside(honest: Array, spread: float) -> tuple[Vector, Vector]:
    signs = np.sign(mean_and_deviation(honest)[0])
    base = np.where(signs > 0, honest.min(axis=0), honest.max(axis=0)).astype(np.float64)
    inwards = base * np.where(signs > 0, 1, -1) > 0  # dividing a value of the direction's own sign goes against it
    return base, np.where(inwards, base / spread, base * spread)


def _beyond_deviations(honest: Array) -> tuple[Vector, Vector]:
    mean, deviation = mean_and_deviation(honest)
    against = np.where(mean > 0, -1.0, 1.0) * deviation
    return mean + NEAR * against, mean + FAR * against


def _krum(distances: Array, f: int) -> int:
    """The row that Krum chooses; with too few rows for its f it sums the nearest one."""
    n = len(distances)
    nearest = np.sort(distances**2, axis=1)[:, 1 : 1 + max(n - f - 2, 1)]
    return int(nearest.sum(axis=1).argmin())


def _length(honest: Array, signs: Array, distances: Array, copies: "range | tuple[int, ...]", floor: float) -> float:
    """The greatest λ, of a bound halved again and again, at which Krum chooses a forged row."""
    squares, along = about(np.zeros(honest.shape[1]), signs, honest)
    extent = float(signs @ signs)
    for k in copies:
        length = _bound(distances, squares, honest.shape[1], k)
        while length > floor:
            away = np.maximum(squares + 2 * length * along + length**2 * extent, 0)  # ‖u_i + λs‖²
            if _chosen(distances**2, away, k):
                return length
            length /= 2
    return floor


def _bound(distances: Array, squares: Vector, d: int, k: int) -> float:
    h = len(distances)
    nearest = np.sort(distances, axis=1)[:, 1 : 1 + max(h - 2, 1)].sum(axis=1).min()
    return float((nearest / max(h - k - 1, 1) + np.sqrt(squares.max())) / np.sqrt(d))


def _chosen(distances: Array, away: Vector, k: int) -> bool:
    """Whether Krum with f = k chooses one of k equal rows rather than an honest one, given squared distances."""
    neighbours = max(len(away) - 2, 1)
    forged = np.sort(away)[: max(neighbours - (k - 1), 0)].sum()
    others = distances + np.diag(np.full(len(away), np.inf))
    seen = np.sort(np.concatenate([others, np.repeat(away[:, np.newaxis], k, axis=1)], axis=1), axis=1)
    return bool(forged < seen[:, :neighbours].sum(axis=1).min())
