"""Arrays from elsewhere as the inputs of a kind: images turned about, numbers of the type that is kept."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.errors import DataUnavailable

CHANNELS = (1, 3, 4)
MOST_TOKENS = 10**6


def kind_of(array: NDArray[Any], given: str | None, where: str) -> str:
    """What the inputs are, as given or told by their shape and type; DataUnavailable where that is not told."""
    if given is not None:
        return given
    letter, dimensions = array.dtype.kind, array.ndim
    if letter == "f" and dimensions == 2:  # noqa: PLR2004 - rows and columns
        return "features"
    if (array.dtype == np.uint8 and dimensions in (3, 4)) or (letter == "f" and dimensions == 4):  # noqa: PLR2004
        return "images"
    if letter in "iufb":
        raise DataUnavailable(
            f'{where}: {array.dtype} of shape {array.shape} may be images, features or tokens: say kind = "features"'
        )
    raise DataUnavailable(f"{where}: inputs are numbers: got {array.dtype} of shape {array.shape}")


def as_kind(array: NDArray[Any], kind: str, where: str) -> NDArray[Any]:
    """The inputs as this kind has them; DataUnavailable says what they cannot be."""
    if array.dtype.kind not in "iufb":
        raise DataUnavailable(f"{where}: inputs are numbers: got {array.dtype} of shape {array.shape}")
    if 0 in array.shape:
        raise DataUnavailable(f"{where}: inputs of shape {array.shape} are empty")
    if kind == "tokens":
        return _tokens(array, where)
    _refuse_missing(array, where)
    return _images(array, where) if kind == "images" else _features(array, where)


def _images(array: NDArray[Any], where: str) -> NDArray[Any]:
    """(m, channels, height, width) bytes or float32."""
    if array.ndim == 3:  # noqa: PLR2004 - grey images without an axis for channels
        array = array[:, None]
    if array.ndim != 4:  # noqa: PLR2004 - examples, channels, height, width
        raise DataUnavailable(
            f"{where}: images are (m, channels, height, width), (m, height, width, channels) or (m, height, width): "
            f"got {array.shape}"
        )
    if array.shape[1] not in CHANNELS and array.shape[3] in CHANNELS:
        array = np.moveaxis(array, 3, 1)
    if array.dtype.kind == "f":
        return _single(array, where)
    if array.min() < 0 or array.max() > 255:  # noqa: PLR2004 - a byte
        raise DataUnavailable(
            f"{where}: whole numbers of images are bytes, 0 to 255: got {array.min()} to {array.max()}; "
            "save them as floats from 0 to 1"
        )
    return np.ascontiguousarray(array, np.uint8)


def _features(array: NDArray[Any], where: str) -> NDArray[Any]:
    if array.ndim < 2:  # noqa: PLR2004 - examples, features
        raise DataUnavailable(
            f"{where}: features are (m, d) or longer: got {array.shape}; one column is array[:, None]"
        )
    return _single(array, where)


def _tokens(array: NDArray[Any], where: str) -> NDArray[Any]:
    if array.dtype.kind not in "iu" or array.ndim != 2:  # noqa: PLR2004 - examples, length
        raise DataUnavailable(
            f"{where}: tokens are (m, length) whole numbers: got {array.dtype} of shape {array.shape}"
        )
    if array.min() < 0 or array.max() >= MOST_TOKENS:
        raise DataUnavailable(
            f"{where}: tokens count from 0 to {MOST_TOKENS - 1:,}: got {array.min()} to {array.max()}"
        )
    return np.ascontiguousarray(array, np.int32)


def _single(array: NDArray[Any], where: str) -> NDArray[Any]:
    """Floats of four bytes; DataUnavailable where they do not hold a number."""
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(found).all():
        raise DataUnavailable(
            f"{where}: inputs go up to {np.abs(array).max():.3g}, more than four bytes hold; scale them"
        )
    return found


def _refuse_missing(array: NDArray[Any], where: str) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        wrong = ~np.isfinite(array.reshape(len(array), -1))
        row, column = np.argwhere(wrong)[0]
        value = array.reshape(len(array), -1)[row, column]
        raise DataUnavailable(
            f"{where}: {wrong.any(axis=1).sum():,} examples hold NaN or infinity, the first {value} in example {row}, "
            f"number {column}; leave them out or fill them"
        )
