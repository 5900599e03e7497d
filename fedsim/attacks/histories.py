"""Attacks that go over many rounds: they remember."""

from collections.abc import Mapping
from math import cos, radians, sin
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from fedsim.array_types import Array, Integers
from fedsim.attacks.contract import Forged, attack
from fedsim.attacks.moments import Vector, about, honest_mean, mean_and_deviation, repeated
from fedsim.randomness import Stream

Memory = Mapping[str, Array]

SIGNIFICANT = 0.01
"""Chance at which the authors take a coincidence of signs for no chance."""


@attack("mimic")
def mimic(
    honest: Array,
    honest_clients: Integers,
    count: int,
    memory: Memory | None,
    stream: Stream,
    *,
    warmup: Annotated[int, Ge(1), "rounds in which the direction is learnt and the client chosen anew"] = 10,
) -> Forged:
    """Copy one honest client, so that its data count too much.

    Formula:
        row_i = honest_k, (d,), the same for all attackers
        in the t-th round of the warm-up, t from 0: μ ← (t·μ + mean of the honest rows) / (1 + t)
        c = Σ_j ⟨honest_j − μ, z⟩ (honest_j − μ)
        z ← t·z + c / ‖c‖, divided by its length; z ~ N(0, 1) at first
        k = argmax_j ⟨honest_j, z⟩ in the warm-up; afterwards the client that was copied last in it
    Assumes:
        h ≥ 1 honest rows to know of, else ValueError.
    Breakdown:
        No row is an outlier; the copied client's data outweigh the others', which harms where clients differ.
    Cost:
        Three passes over the honest rows in the warm-up, none afterwards.
    Differs:
        Where the chosen client is not among those known of in a round, as with a cohort that is sampled,
        argmax_j ⟨honest_j, z⟩ of that round is copied instead; the choice stays.
    Source:
        Karimireddy, He and Jaggi, Byzantine-Robust Learning on Heterogeneous Datasets via Bucketing, ICLR 2022.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("mimic", honest, count=1).tolist() in honest[:, None].tolist()
        True
    """
    t = 0 if memory is None else int(memory["rounds"])
    learnt = _learnt(honest, memory, t, stream) if t < warmup or memory is None else memory
    chosen = np.flatnonzero(honest_clients == learnt["target"]) if t >= warmup else np.arange(0)
    place = chosen[0] if len(chosen) else about(np.zeros(honest.shape[1]), learnt["direction"], honest)[1].argmax()
    target = np.asarray(honest_clients[place] if t < warmup else learnt["target"])
    return Forged(repeated(honest[place], count, honest), {**learnt, "rounds": np.asarray(t + 1), "target": target})


def _learnt(honest: Array, memory: Memory | None, t: int, stream: Stream) -> dict[str, Array]:
    """Running mean and direction after this round's rows."""
    centre: Array = honest_mean(honest).astype(np.float64)
    if memory is not None:
        centre = (t * memory["mean"] + centre) / (1 + t)
    direction = _direction(honest.shape[1], memory, stream)
    along = about(centre, direction, honest)[1]
    moved = t * direction + _unit(along @ honest.astype(np.float64) - along.sum() * centre)
    return {"mean": centre, "direction": _unit(moved) if moved.any() else direction}


def _direction(d: int, memory: Memory | None, stream: Stream) -> Array:
    if memory is not None:
        return memory["direction"]
    drawn: Vector = np.asarray(stream.at("direction").numpy().standard_normal(d))
    return drawn


@attack("poisonedfl")
def poisonedfl(
    parameters: Array,
    count: int,
    round: int,
    memory: Memory | None,
    stream: Stream,
    *,
    factor: Annotated[float, Gt(0), "c: length of the row over that of the model's last step, at first"] = 8.0,
    shrink: Annotated[float, Gt(0), Le(1), "β: by which c is multiplied where the attack does not show"] = 0.7,
    least: Annotated[float, Gt(0), "below which c is not brought"] = 0.5,
    period: Annotated[int, Ge(1), "e: rounds between two looks at whether it shows"] = 50,
) -> Forged:
    """Push the model the same random way in every round, as hard as it lets itself be pushed.

    Formula:
        row_i = c·‖g‖ · v∘s / ‖v‖, (d,), the same for all attackers and zero in their first round
        s: signs drawn once; g: the model's change since the attackers' last round
        v = |g − r·‖g‖ / ‖r‖| per coordinate, r the row that was sent then
        every e rounds: X coordinates of the model's change over them have the sign of s; c ← β·c if as many or more
        would be found with a chance above 0.01 were the signs coins, unless β·c < least
    Assumes:
        Nothing but the global models: neither data nor others' updates. A coordinate that did not change counts by the
        sign of the model's own, as in the authors' code.
    Cost:
        No training; a few passes over vectors.
    Differs:
        The binomial test is exact, where the authors' code has tables for its four models. In the first round, which
        has no change to scale by, the code leaves its clients' updates alone.
    Source:
        Xie, Fang and Gong, Model Poisoning Attacks to Federated Learning via Multi-Round Consistency, CVPR 2025.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("poisonedfl", honest, count=1).tolist()
        [[0.0, 0.0]]
    """
    if memory is None:
        signs = np.where(stream.at("signs").numpy().random(len(parameters)) < 1 / 2, -1, 1).astype(np.int8)
        start = {"signs": signs, "anchor": parameters.copy(), "since": np.asarray(round), "c": np.asarray(factor)}
        silence = np.zeros((count, len(parameters)), parameters.dtype)
        return Forged(silence, start | {"parameters": parameters.copy(), "row": np.zeros_like(parameters)})
    kept = dict(memory)
    if round - int(kept["since"]) >= period:
        weaker = float(kept["c"]) * shrink
        if not _shows(parameters, kept["anchor"], kept["signs"]) and weaker >= least:
            kept["c"] = np.asarray(weaker)
        kept |= {"anchor": parameters.copy(), "since": np.asarray(round)}
    step = parameters.astype(np.float64) - kept["parameters"]
    length = np.linalg.norm(step)
    push = float(kept["c"]) * length * _unit(np.abs(step - length * _unit(kept["row"])) * kept["signs"])
    row = push.astype(parameters.dtype)
    return Forged(repeated(row, count, parameters), kept | {"parameters": parameters.copy(), "row": row})


def _shows(parameters: Array, anchor: Array, signs: Array) -> bool:
    """Whether more coordinates went with the signs than chance explains."""
    from scipy.special import bdtrc

    change = parameters.astype(np.float64) - anchor
    moved = np.sign(np.where(change == 0, parameters, change))
    return bool(bdtrc(int((moved == signs).sum()) - 1, len(signs), 1 / 2) <= SIGNIFICANT)


@attack("rop")
def rop(
    honest: Array,
    previous: Array,
    count: int,
    *,
    radius: Annotated[
        float, Gt(0), "z: distance from the place about which the row lies; at most the clipping's τ"
    ] = 1.0,
    place: Annotated[
        float, Ge(0), Le(1), "π: from the honest mean (0) to the last aggregate (1), where clipping is"
    ] = 1.0,
    reference: Annotated[float, Ge(0), Le(1), "λ: likewise, the direction that is left out"] = 0.9,
    angle: Annotated[float, Ge(0), Le(180), "degrees between the perturbation and that direction"] = 90.0,
) -> Array:
    """Relocated orthogonal perturbation: within the clipping radius, across the direction that clipping watches.

    Formula:
        row_i = π·m + (1 − π)·μ + z·p, (d,), the same for all attackers
        m: the last aggregate, about which centred clipping clips; μ: the mean of the h honest rows
        r = λ·m + (1 − λ)·μ over its length
        q = 1 − ⟨1, r⟩·r over its length, 1 being ones in every coordinate
        p = sin(angle)·q + cos(angle)·r
    Assumes:
        h ≥ 1 honest rows to know of, else ValueError. In the first round m = 0 and r is the direction of μ.
    Breakdown:
        With π = 1 and z ≤ τ centred clipping takes the row as it is, in every round anew.
    Cost:
        Two passes over the honest rows.
    Differs:
        The authors' code takes z from A Little Is Enough where it is not given.
    Source:
        Özfatura, Özfatura, Küpçü and Gündüz, Byzantines Can Also Learn From History: Fall of Centered Clipping in
        Federated Learning, IEEE TIFS 2024.
    Example:
        >>> honest = np.array([[1.0, 0.0], [1.2, 0.0], [0.8, 0.0]])
        >>> attack("rop", honest, count=1, previous=[2.0, 0.0]).round(2).tolist()
        [[2.0, 1.0]]
    """
    mean = mean_and_deviation(honest)[0]
    centre = previous.astype(np.float64)
    aim = _unit(reference * centre + (1 - reference) * mean)
    aim = aim if aim.any() else _unit(mean)
    across = _unit(np.ones_like(mean) - aim.sum() * aim)
    push = sin(radians(angle)) * across + cos(radians(angle)) * aim
    return repeated(place * centre + (1 - place) * mean + radius * push, count, honest)


def _unit(vector: Array) -> Vector:
    """Over its length; zeros stay."""
    exact = vector.astype(np.float64)
    length = np.linalg.norm(exact)
    return exact / length if length else exact
