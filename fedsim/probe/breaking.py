"""The breakdown number: how few rows, anywhere, move a rule as far as they like."""

from collections.abc import Iterator

import numpy as np

from fedsim.array_types import Array
from fedsim.errors import RowsDoNotSuffice
from fedsim.probe.subject import STREAM, Subject, cloud

NEAR, FAR = 1e4, 1e8
GROWTH = 100.0
"""By which the answer moves at least when the outsiders go ten thousand times as far."""


def breaking_number(subject: Subject, n: int, d: int) -> int | None:
    """The least number of outsiders of n that move it without bound, by any arrangement tried; None where none do."""
    return next((count for count in range(1, n) if _breaks(subject, n, d, count)), None)


def _breaks(subject: Subject, n: int, d: int, count: int) -> bool:
    honest = cloud(n - count, d)
    return any(
        _moved(subject, honest, FAR * shape) > GROWTH * max(_moved(subject, honest, NEAR * shape), 1.0)
        for shape in arrangements(count, d)
    )


def _moved(subject: Subject, honest: Array, outsiders: Array) -> float:
    try:
        answer = subject(np.concatenate([outsiders, honest]))
    except RowsDoNotSuffice:
        return 0.0
    return float(np.linalg.norm(answer - honest.mean(axis=0)))


def arrangements(count: int, d: int) -> Iterator[Array]:
    """(count, d) outsiders at the distance 1: together, on two sides, on a line, on a ladder, everywhere."""
    together = np.zeros((count, d))
    together[:, 0] = 1.0
    yield together
    yield together * np.where(np.arange(count) % 2, -1.0, 1.0)[:, None]
    yield together * np.linspace(1 / count, 1, count)[:, None]
    yield together * np.geomspace(1e-3, 1, count)[:, None]
    everywhere = STREAM.at("arrangement", count, d).numpy().standard_normal((count, d))
    yield everywhere / np.linalg.norm(everywhere, axis=1, keepdims=True)
