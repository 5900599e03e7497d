"""Images of one's own: a folder for each class."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le, MaxLen
from numpy.typing import NDArray

from fedsim.array_types import Progress
from fedsim.datasets.contract import Dataset, Examples, dataset
from fedsim.datasets.image_files import GREY, Picture, read_picture
from fedsim.datasets.overlap import refuse_overlap
from fedsim.datasets.own_data import MOST_CLASSES, divided, given_test
from fedsim.datasets.own_data import TestFraction as Fraction
from fedsim.datasets.own_paths import folder_named, folders, listed
from fedsim.errors import DataUnavailable
from fedsim.paths import BESIDE
from fedsim.randomness import Stream

MOST_IMAGES = 2_000_000
MOST_BYTES = 2**34
"""Of all images as they are kept, a byte for each number."""
PARTS = ("test", "train")


@dataset("image_folder", kind="images")
def image_folder(
    stream: Stream,
    progress: Progress,
    *,
    folder: Annotated[str, MaxLen(4_096), BESIDE, "folder with a folder for each class, relative to the scenario file"],
    size: Annotated[
        int | None, Ge(1), Le(4_096), "pixels of each side after resizing; when not given all have one size"
    ] = None,
    colour: Annotated[
        Literal["grey", "rgb"] | None, "what every image is turned into; when not given all are of one sort"
    ] = None,
    test_fraction: Fraction = None,
) -> Dataset:
    """Images of your own: a folder with a folder for each class, perhaps within train/ and test/.

    Formula:
        Classes are numbered in the order of their folders' names, images are taken in the order of theirs. Where the
        folder holds train/ and test/ these are the two sets; otherwise test_fraction of every class is held out, chosen
        at random. With `size` every image is resized to size × size (bilinear, sides scaled apart).
    Assumes:
        Every class folder holds images alone, in a form that Pillow reads (PNG, JPEG, BMP, GIF, WebP, TIFF, PPM), of
        eight bits a channel. Hidden files and files beside the class folders are passed over.
    Differs:
        torchvision.datasets.ImageFolder looks into folders below the class folders too; here only files are read.
        Photographs are turned as their camera says; what is transparent shows its colour; of a moving picture the
        first is taken.
    Source:
        torchvision.datasets.ImageFolder, pytorch.org.
    """
    root = folder_named(folder, "class folders")
    found = folders(root, MOST_CLASSES)
    apart = sorted(found) == list(PARTS)
    names = sorted(folders(root / "train", MOST_CLASSES)) if apart else sorted(found)
    _check_classes(root / "train" if apart else root, names)
    train = _files(root / "train" if apart else root, names)
    test = _files(root / "test", _same(root / "test", names)) if apart else []
    images = _read([path for path, _ in (*train, *test)], size, colour, root, progress)
    targets = np.array([label for _, label in (*train, *test)], np.int64)
    border = len(train)
    everything = Examples(images[:border], targets[:border])
    if not apart:
        return Dataset(*divided(everything, "examples", test_fraction, stream), len(names))
    given_test(test_fraction, "examples")
    tested = Examples(images[border:], targets[border:])
    refuse_overlap((everything.inputs, everything.targets), (tested.inputs, tested.targets), str(root))
    return Dataset(everything, tested, len(names))


def _check_classes(root: Path, names: Sequence[str]) -> None:
    if not names:
        beside = len(listed(root, MOST_IMAGES))
        held = f"it holds {beside:,} files and no folder" if beside else "it is empty"
        raise DataUnavailable(f"{root}: a folder for each class is wanted, and {held}")
    if len(names) == 1:
        raise DataUnavailable(f"{root}: one folder alone, {names[0]}: there is but one class, two are needed")


def _same(root: Path, names: Sequence[str]) -> Sequence[str]:
    """The classes of the training set, once those of the test set are known to be among them."""
    strange = sorted(set(folders(root, MOST_CLASSES)) - set(names))
    if strange:
        raise DataUnavailable(f"{root}: class {strange[0]} has no training images: no folder train/{strange[0]}")
    return [name for name in names if (root / name).is_dir()]


def _files(root: Path, names: Sequence[str]) -> list[tuple[Path, int]]:
    """Every image with its class, which is numbered among all folders' names."""
    order = sorted(folders(root.parent / "train", MOST_CLASSES)) if root.name == "test" else list(names)
    found: list[tuple[Path, int]] = []
    for name in names:
        files = sorted(listed(root / name, MOST_IMAGES))
        if not files:
            below = "; images in folders below it are not looked for" if folders(root / name, 1) else ""
            raise DataUnavailable(f"{root / name}: this class folder holds no image{below}")
        found += [(root / name / file, order.index(name)) for file in files]
    if len(found) > MOST_IMAGES:
        raise DataUnavailable(f"{root}: holds {len(found):,} images; at most {MOST_IMAGES:,} are read")
    return found


def _read(
    paths: Sequence[Path], size: int | None, colour: str | None, root: Path, progress: Progress
) -> NDArray[np.uint8]:
    """(m, channels, height, width) of all images, which have one size and one sort or are made so."""
    first = read_picture(paths[0], size, colour)
    if (whole := len(paths) * first.pixels.size) > MOST_BYTES:
        raise DataUnavailable(
            f"{root}: {len(paths):,} images of {first.words} are {whole:,} bytes, at most {MOST_BYTES:,} are kept: "
            "make them smaller with size"
        )
    images = np.empty((len(paths), *first.pixels.shape), np.uint8)
    for done, path in enumerate(paths):
        picture = first if done == 0 else read_picture(path, size, colour)
        if picture.pixels.shape != first.pixels.shape:
            raise DataUnavailable(_unlike(picture, path, first, paths[0], root))
        images[done] = picture.pixels
        progress("reading images", done + 1, len(paths))
    return images


def _unlike(picture: Picture, path: Path, first: Picture, other: Path, root: Path) -> str:
    here, there = (os.fspath(each.relative_to(root)) for each in (path, other))
    if picture.pixels.shape[1:] != first.pixels.shape[1:]:
        return f"{root}: {here} is {picture.words} and {there} {first.words}: say size = {max(first.pixels.shape[1:])}"
    sorts = [GREY if each.pixels.shape[0] == 1 else "rgb" for each in (picture, first)]
    return f'{root}: {here} is {sorts[0]} and {there} {sorts[1]}: say colour = "rgb" or "grey"'
