"""Small stand-ins for what the engine supplies, made up around a few rows: for the dry run and the tests of laws."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fedsim.array_types import Array
from fedsim.layers import Layer, as_layers

if TYPE_CHECKING:
    from fedsim.randomness import Stream  # numpy's generators take a while, and whoever only lists draws nothing


@dataclass(frozen=True)
class Sample:
    """Around what stand-ins are made up."""

    rows: Array  # (n, d) updates, or what the attackers know of
    stream: "Stream"
    root: tuple[int, int] = (4, 3)  # root examples and classes
    count: int = 2  # rows that an attack is to forge
    shape: tuple[int, ...] = (1, 8, 8)  # of an example's inputs
    dtype: str = "uint8"  # of them as stored
    classes: int = 62

    def draw(self, name: str) -> "np.random.Generator":
        """Randomness of an item's own."""
        return self.stream.at("sample", name).numpy()


Make = Callable[[Sample], Any]


def zeros(around: Sample) -> Array:
    """Zeros like a row."""
    return np.zeros(around.rows.shape[1], around.rows.dtype)


def near_the_mean(name: str) -> Make:
    """A vector near the mean of the rows, drawn under this name."""

    def make(around: Sample) -> Array:
        rows = around.rows
        noise = 0.1 * around.draw(name).standard_normal(rows.shape[1])
        return np.asarray(rows.mean(axis=0) + noise, rows.dtype)

    return make


def anywhere(around: Sample) -> Array:
    """Parameters of a model, which have nothing to do with its updates."""
    return np.asarray(around.draw("parameters").standard_normal(around.rows.shape[1]), around.rows.dtype)


def logits(around: Sample) -> Array:
    """Outputs that clients have in common, with something of each one's own."""
    draw, n = around.draw("root logits"), len(around.rows)
    common, own = draw.standard_normal((1, *around.root)), draw.standard_normal((n, *around.root))
    return np.asarray(common + 0.7 * own, np.float32)


def losses(around: Sample) -> Array:
    """A loss above 1 for each row."""
    return np.asarray(1 + around.draw("root losses").random(len(around.rows)), np.float64)


def loss(around: Sample) -> Callable[[Array], Array]:
    """A bowl whose deepest point is near the mean of the rows."""
    rows = around.rows.astype(np.float64)
    target = rows.mean(axis=0) + 0.1 * around.draw("root loss").standard_normal(rows.shape[1])
    return lambda matrix: np.array([((row - target) ** 2).mean() for row in matrix])


def layers(around: Sample) -> tuple[Layer, ...]:
    """A hidden matrix, and behind it the weights and biases of two or three classes as far as there is space."""
    d = around.rows.shape[1]
    classes = 2 if d < 12 else 3  # noqa: PLR2004 - enough for both
    inputs = min(d // 2 // classes - 1, 200)
    if inputs < 1:
        return as_layers([("output.weight", (1, d))], d)
    hidden = d - classes * (inputs + 1)
    shapes = {"hidden.weight": (1, hidden), "output.weight": (classes, inputs), "output.bias": (classes,)}
    return as_layers(shapes.items(), d)


class Linear:
    """Outputs of a model whose every logit is a product of three random inputs with a third of the numbers."""

    def draw(self, generator: "np.random.Generator", count: int) -> Array:
        """Uniform random inputs."""
        return generator.random((count, 3))

    def __call__(self, row: Array) -> Callable[[Array], Array]:
        """What the model with this row applied answers."""
        numbers = np.resize(np.tanh(row.astype(np.float64)), (3, 3))
        return lambda inputs: np.asarray(inputs @ numbers)
