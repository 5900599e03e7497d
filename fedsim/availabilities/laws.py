"""Laws of availability: coming and going at random, and with the time of day."""

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from fedsim.array_types import Array, Integers
from fedsim.availabilities.contract import availability
from fedsim.randomness import Stream

CHUNK = 64
"""Stays that are drawn at a time."""
MOST_STAYS = 10**7
"""Of one client, before the law gives up."""


@availability("alternating", aliases=("poisson",))
def alternating(
    clients: Integers,
    time: float,
    stream: Stream,
    *,
    stay: Annotated[float, Gt(0), "mean seconds that a client is there at a time"] = 10.0,
    away: Annotated[float, Gt(0), "mean seconds until it returns"] = 10.0,
) -> Array:
    """Clients come and go without memory: each arrives as a Poisson process does, stays for a while, and leaves.

    Formula:
        stays ~ Exp(stay) and absences ~ Exp(away) in turn, independent; at the beginning a client is there with chance
        stay / (stay + away), so that the share of those that are there is the same at all times
    Assumes:
        Fewer than 10⁷ stays of a client until now, else ValueError.
    Cost:
        A client's stays are drawn from the first on: time / (stay + away) of them each time that it is asked for.
    """
    return np.array([_at(stream.at("client", int(c)), time, stay, away) for c in clients], np.float64).reshape(-1, 2)


def _at(stream: Stream, time: float, stay: float, away: float) -> tuple[float, float]:
    """The stay at a time or the next one, of a client that comes and goes."""
    generator = stream.numpy()
    there, edge = generator.random() < stay / (stay + away), 0.0
    if not there:
        edge = float(generator.exponential(away))
    for _ in range(MOST_STAYS // CHUNK):
        lengths = generator.exponential(1.0, (CHUNK, 2)) * (stay, away)
        begins = edge + np.concatenate([[0.0], np.cumsum(lengths.sum(axis=1))])
        ends = begins[:-1] + lengths[:, 0]
        if ends[-1] > time:
            place = int(np.searchsorted(ends, time, side="right"))
            return float(begins[place]), float(ends[place])
        edge = float(begins[-1])
    raise ValueError(f"alternating has more than {MOST_STAYS:,} stays in {time:g} seconds: give longer ones")


@availability("diurnal")
def diurnal(
    clients: Integers,
    time: float,
    stream: Stream,
    *,
    period: Annotated[float, Gt(0), "seconds of a day"] = 86_400.0,
    share: Annotated[float, Gt(0), Lt(1), "share of the day that a client is there"] = 0.3,
    peak: Annotated[float, Ge(0), Lt(1), "when in the day most are there, as a share of it"] = 0.0,
    spread: Annotated[float, Ge(0), "how far clients' days are apart, standard deviation as a share of a day"] = 0.1,
) -> Array:
    """Clients are there at their own time of the day, such as at night when a phone is charged.

    Formula:
        client c is there while |t / period − (peak + spread · z_c)| ≤ share / 2, counted around the day; z_c standard
        normal, drawn once for each client
    Source:
        Bonawitz et al., Towards Federated Learning at Scale: System Design, MLSys 2019, figure 5: about four times as
        many devices at night as by day.
    """
    own = np.array([stream.at("client", int(c)).numpy().standard_normal() for c in clients], np.float64)
    first = (peak + spread * own - share / 2) * period
    day = np.floor((time - first) / period)
    begin = first + day * period
    begin = np.where(begin + share * period > time, begin, first + (day + 1) * period)
    return np.stack([begin, begin + share * period], axis=1)
