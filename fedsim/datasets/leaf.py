"""Federated data in JSON, as LEAF and its descendants write it: read one file at a time, without trust."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsim.arrays import Progress
from fedsim.errors import DataUnavailable

LARGEST = 2**31  # bytes of one file, which is parsed whole; LEAF's hold about 0.3 · 10⁹


class Writing(NamedTuple):
    """What one writer wrote, as one file has it."""

    writer: str
    images: NDArray[np.float64]  # (m, pixels) in [0, 1]
    labels: NDArray[np.int64]  # (m,)


def json_files(folder: Path) -> list[Path]:
    """The folder's JSON files by name."""
    return sorted(path for path in folder.glob("*.json") if path.is_file()) if folder.is_dir() else []


def read_writings(paths: list[Path], pixels: int, classes: int, progress: Progress) -> Iterator[Writing]:
    """Every writer's examples, file by file; DataUnavailable names the file and what is wrong with it."""
    for done, path in enumerate(paths, start=1):
        for writer, examples in _by_writer(path):
            yield _writing(path, writer, examples, pixels, classes)
        progress("reading JSON", done, len(paths))


def _by_writer(path: Path) -> list[tuple[str, Any]]:
    """LEAF's form has many writers in a file; the other has one, and the file is called after them."""
    content = _content(path)
    if not isinstance(content, dict):
        raise DataUnavailable(f"{path}: holds no JSON object")
    if "user_data" not in content:
        return [(path.stem, content)]
    data, users = content["user_data"], content.get("users")
    if not isinstance(data, dict):
        raise DataUnavailable(f"{path}: its user_data is no object")
    if users is not None and (not isinstance(users, list) or sorted(map(str, users)) != sorted(data)):
        raise DataUnavailable(f"{path}: its users are not those of its user_data")
    return list(data.items())


def _content(path: Path) -> Any:
    try:
        if path.stat().st_size > LARGEST:
            raise DataUnavailable(f"{path}: larger than {LARGEST} bytes; split it into smaller files")
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataUnavailable(f"{path}: no readable JSON ({error})") from error


def _writing(path: Path, writer: str, examples: Any, pixels: int, classes: int) -> Writing:
    where = f"{path}: writer {writer}"
    if not isinstance(examples, dict) or not {"x", "y"} <= examples.keys():
        raise DataUnavailable(f"{where}: needs x (images) and y (labels)")
    images, labels = _numbers(examples["x"], where, "x"), _numbers(examples["y"], where, "y")
    if images.ndim == 0 or labels.ndim != 1 or len(images) != len(labels):
        raise DataUnavailable(f"{where}: x and y are not of one length")
    images = images.reshape(len(labels), -1) if len(labels) else images.reshape(0, pixels)
    if images.shape[1] != pixels:
        raise DataUnavailable(f"{where}: an image has {images.shape[1]} values, not {pixels}")
    if not (images.size == 0 or (images.min() >= 0 and images.max() <= 1)):
        raise DataUnavailable(f"{where}: its pixels are not all between 0 and 1")
    if not (np.all(labels == np.rint(labels)) and np.all((labels >= 0) & (labels < classes))):
        raise DataUnavailable(f"{where}: its labels are not all whole numbers from 0 to {classes - 1}")
    return Writing(writer, images, labels.astype(np.int64))


def _numbers(values: Any, where: str, name: str) -> NDArray[np.float64]:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataUnavailable(f"{where}: {name} is ragged") from error
    if array.size and array.dtype.kind not in "biuf":
        raise DataUnavailable(f"{where}: {name} holds something other than numbers")
    return array.astype(np.float64)
