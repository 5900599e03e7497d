"""Rows drawn at random, each at its client's own address."""

from typing import Annotated, Literal

import numpy as np
from annotated_types import Gt

from fedsim.array_types import Array, Integers
from fedsim.attacks.contract import attack
from fedsim.randomness import Stream


@attack("random_weights", aliases=("model",))
def random_weights(
    parameters: Array,
    clients: Integers,
    stream: Stream,
    *,
    deviation: Annotated[
        float, Gt(0), "greatest standard deviation of the weights; each client draws its own below"
    ] = 0.5,
) -> Array:
    """Send a model of random weights instead of a trained one.

    Formula:
        row_i = w_i − θ, (d,); w_i ~ N(0, s_i²) per weight, s_i ~ U(0, deviation) for each client and round
    Cost:
        d normal draws an attacker; no training.
    Differs:
        The weights are random, not the update: the row contains −θ, and an average moves towards zero.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("random_weights", honest, count=2).shape
        (2, 2)
    """
    rows = np.empty((len(clients), len(parameters)), parameters.dtype)
    for row, client in zip(rows, clients, strict=True):
        generator = _generator(stream, client)
        spread = generator.uniform(0, deviation)
        _fill(row, generator, 0, spread)
    rows -= parameters
    return rows


@attack("noise", idle=lambda settings: settings["mode"] == "replace")
def noise(
    own: Array,
    clients: Integers,
    stream: Stream,
    *,
    greatest: Annotated[
        float, Gt(0), "greatest mean and standard deviation of the noise; each client draws its own below"
    ] = 0.1,
    mode: Annotated[
        Literal["replace", "own"],
        "whether noise stands in place of the client's honest update or is added to it",
    ] = "replace",
) -> Array:
    """Send the global model plus noise that is not centred.

    Formula:
        row_i = e_i (replace) or own_i + e_i (own), (d,)
        e_i ~ N(s_i, s_i²) per coordinate, s_i ~ U(0, greatest) for each client and round
    Cost:
        d normal draws an attacker.
    Differs:
        The noise has the mean s_i as well as the deviation s_i: all coordinates drift the same way, so that
        averaging over attackers does not cancel it. `gaussian` is the centred one.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("noise", honest, count=2, own=honest[:2]).shape
        (2, 2)
    """
    rows = np.empty_like(own, order="C")
    for row, client in zip(rows, clients, strict=True):
        generator = _generator(stream, client)
        level = generator.uniform(0, greatest)
        _fill(row, generator, level, level)
    if mode == "own":
        rows += own
    return rows


@attack("gaussian")
def gaussian(
    parameters: Array,
    clients: Integers,
    stream: Stream,
    *,
    mean: Annotated[float, "mean of every coordinate"] = 0.0,
    deviation: Annotated[float, Gt(0), "standard deviation of every coordinate"] = 1.0,
) -> Array:
    """Send Gaussian noise in place of the update.

    Formula:
        row_i ~ N(mean, deviation²) per coordinate, (d,), fresh for each client and round
    Cost:
        d normal draws an attacker; no training.
    Source:
        Blanchard et al., Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent, NeurIPS 2017
        (there with mean 0 and deviation 200).
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("gaussian", honest, count=2).shape
        (2, 2)
    """
    rows = np.empty((len(clients), len(parameters)), parameters.dtype)
    for row, client in zip(rows, clients, strict=True):
        _fill(row, _generator(stream, client), mean, deviation)
    return rows


def _generator(stream: Stream, client: int) -> np.random.Generator:
    return stream.at("client", int(client)).numpy()


def _fill(row: Array, generator: np.random.Generator, mean: float, deviation: float) -> None:
    generator.standard_normal(dtype=row.dtype.type, out=row)
    row *= deviation
    row += mean
