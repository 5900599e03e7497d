"""Laws of latency, from none to heavy tails."""

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt

from fedsim.array_types import Array, Integers
from fedsim.latencies.contract import latency
from fedsim.randomness import Stream


@latency("constant")
def constant(clients: Integers, *, seconds: Annotated[float, Ge(0), "seconds everyone takes"] = 1.0) -> Array:
    """Everyone takes the same time: the classical synchronous round.

    Formula:
        T = seconds
    """
    return np.full(len(clients), seconds)


@latency("uniform")
def uniform(
    clients: Integers,
    round: int,
    stream: Stream,
    *,
    low: Annotated[float, Ge(0), "least seconds"] = 0.5,
    high: Annotated[float, Gt(0), "most seconds"] = 1.5,
) -> Array:
    """A fresh uniform draw for each client and round.

    Formula:
        T ~ U(low, high)
    Assumes:
        low ≤ high, else ValueError.
    """
    if low > high:
        raise ValueError(f"uniform needs low ≤ high: got low = {low}, high = {high}")
    return np.array([_generator(stream, c, round).uniform(low, high) for c in clients])


@latency("exponential")
def exponential(
    clients: Integers,
    round: int,
    stream: Stream,
    *,
    mean: Annotated[float, Gt(0), "mean seconds above the least"] = 1.0,
    least: Annotated[float, Ge(0), "seconds nobody beats"] = 0.0,
) -> Array:
    """Memoryless delays above a floor, the usual model of stragglers.

    Formula:
        T ~ least + Exp(mean)
    Source:
        Lee et al., Speeding Up Distributed Machine Learning Using Codes, IEEE Trans. Information Theory 2018.
    """
    return np.array([least + _generator(stream, c, round).exponential(mean) for c in clients])


@latency("lognormal")
def lognormal(
    clients: Integers,
    round: int,
    stream: Stream,
    *,
    median: Annotated[float, Gt(0), "seconds the median client takes in the median round"] = 1.0,
    device: Annotated[float, Ge(0), "spread between devices, standard deviation of the logarithm"] = 0.5,
    jitter: Annotated[float, Ge(0), "spread between rounds of one device, same unit"] = 0.2,
) -> Array:
    """Some devices are always slow, and everyone has bad days.

    Formula:
        T = median · exp(device · z_c + jitter · z_{c,r}), z standard normal, z_c drawn once for each client
    """
    own = _devices(clients, stream)
    day = np.array([_generator(stream, c, round).standard_normal() for c in clients])
    return np.asarray(median * np.exp(device * own + jitter * day))


@latency("speed")
def speed(
    clients: Integers,
    steps: Integers,
    stream: Stream,
    *,
    median: Annotated[float, Gt(0), "optimizer steps a second of the median device"] = 10.0,
    device: Annotated[float, Ge(0), "spread between devices, standard deviation of the logarithm"] = 0.5,
    network: Annotated[float, Ge(0), "seconds to receive the model and to send the update"] = 0.0,
) -> Array:
    """Time by work: whoever has more examples or trains more epochs takes longer, and some devices are slow.

    Formula:
        T = network + steps / (median · exp(device · z_c)), z_c standard normal, drawn once for each client
    """
    own = _devices(clients, stream)
    return np.asarray(network + np.asarray(steps, np.float64) / (median * np.exp(device * own)), np.float64)


def _devices(clients: Integers, stream: Stream) -> Array:
    """(k,) standard normal, drawn once for each client."""
    return np.array([stream.at("client", int(c)).numpy().standard_normal() for c in clients], np.float64)


def _generator(stream: Stream, client: int, round: int) -> np.random.Generator:
    return stream.at("client", int(client), "round", round).numpy()
