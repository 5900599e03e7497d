"""The tensors of a model as stretches of one flat vector."""

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, NamedTuple


class Layer(NamedTuple):
    """One tensor of a model."""

    name: str  # as the model calls it: `4.weight`
    begin: int
    end: int
    shape: tuple[int, ...]
    buffer: bool = False  # no parameter: a running statistic

    @property
    def stretch(self) -> slice:
        """Its coordinates."""
        return slice(self.begin, self.end)

    @property
    def part(self) -> str:
        """What the tensor belongs to: `4` of `4.weight`."""
        return self.name.rpartition(".")[0] or self.name


def as_layers(value: Iterable[Sequence[Any]], size: int) -> tuple[Layer, ...]:
    """Layers given as such, or as (name, shape) and perhaps whether it is a buffer, that fill a vector of this size."""
    layers: list[Layer] = []
    end = 0
    for each in value:
        name, shape, buffer = _described(each)
        begin, end = end, end + prod(shape)
        layers.append(Layer(name, begin, end, shape, buffer))
    if end != size:
        raise ValueError(f"layers describe {end:,} coordinates: got rows of {size:,}")
    return tuple(layers)


def _described(each: Sequence[Any]) -> tuple[str, tuple[int, ...], bool]:
    try:
        name, shape, buffer = (each.name, each.shape, each.buffer) if isinstance(each, Layer) else (*each, False)[:3]
        return str(name), tuple(int(side) for side in shape), bool(buffer)
    except (TypeError, ValueError):
        raise ValueError(f"layers must be (name, shape) pairs, such as ('weight', (10, 20)): got {each!r}") from None


def output_layer(name: str, layers: Sequence[Layer]) -> tuple[Layer, Layer | None]:
    """The model's last matrix, (classes, inputs), and the bias (classes,) behind it where there is one."""
    matrices = [k for k, layer in enumerate(layers) if len(layer.shape) == 2 and not layer.buffer]  # noqa: PLR2004
    if not matrices:
        shapes = ", ".join(f"{layer.name} {layer.shape}" for layer in layers)
        raise ValueError(f"{name} needs an output layer, a matrix among the model's tensors: got {shapes}")
    weight = layers[matrices[-1]]
    behind = layers[matrices[-1] + 1 : matrices[-1] + 2]
    biases = [layer for layer in behind if layer.shape == weight.shape[:1] and not layer.buffer]
    return weight, biases[0] if biases else None
