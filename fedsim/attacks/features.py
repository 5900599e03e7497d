"""Inputs that tell less than they did; their labels are right."""

from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Le
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.attacks.contract import data_attack
from fedsim.randomness import Stream


@data_attack("feature_noise", apart=True, kinds=("images", "features"))
def feature_noise(
    inputs: NDArray[Any],
    targets: Integers,
    places: Integers,
    stream: Stream,
    *,
    deviation: Annotated[float, Gt(0), "standard deviation of the noise: of bytes as a share of 255"] = 0.5,
    share: Annotated[float, Gt(0), Le(1), "chance of each of the client's examples to be disturbed"] = 1.0,
) -> tuple[NDArray[Any], Integers]:
    """Train on inputs with Gaussian noise and the right labels.

    Formula:
        with chance share, for each example by itself and the same in every round: x → x + N(0, deviation²) in every
        number; bytes are x + 255 · N(0, deviation²), rounded and held between 0 and 255
    Cost:
        A normal draw for each number of the examples that are used.
    Differs:
        Others draw new noise for every batch, which a model averages out sooner.
    Example:
        >>> features = np.zeros((2, 3), np.float32)
        >>> noisy, targets = feature_noise(features, np.array([0, 1]), np.array([0, 1]), Stream.root(0))
        >>> noisy.shape, targets.tolist()
        ((2, 3), [0, 1])
    """
    noisy = inputs.copy()
    for row, place in zip(noisy, places, strict=True):
        generator = stream.at(int(place)).numpy()
        if generator.random() >= share:
            continue
        noise = deviation * generator.standard_normal(row.shape)
        row[...] = np.clip(np.rint(row + 255 * noise), 0, 255) if inputs.dtype == np.uint8 else row + noise
    return noisy, targets.copy()
