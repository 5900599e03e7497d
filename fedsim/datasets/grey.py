"""MNIST and its kin: grey images of 28 × 28 pixels in IDX files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from fedsim.array_types import Integers, Progress
from fedsim.datasets.cache import Arrays, cache_root, fingerprint, remember
from fedsim.datasets.contract import Dataset, Examples, check_dataset, dataset
from fedsim.datasets.fetching import Remote, fetch
from fedsim.datasets.finding import Found, find_files, find_members, places
from fedsim.datasets.overlap import refuse_overlap
from fedsim.errors import DataUnavailable

SIDE = 28
EDITION = 1  # of the parsing: to be raised whenever the same files give something else
PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
DEBIAN_FASHION = "/usr/share/datasets/fashion-mnist"  # the package dataset-fashion-mnist
EMNIST_ARCHIVE = Remote(
    "gzip.zip", "58c8d27c78d21e728a6bc7b3cc06412e", ("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",)
)
EMNIST_CLASSES = {"byclass": 62, "bymerge": 47, "balanced": 47, "letters": 26, "digits": 10, "mnist": 10}

Folder = Annotated[
    str | None,
    "folder that holds the files, or is filled by a download; when absent, the usual places and the user's cache",
]


@dataset("mnist", kind="images", shape=(1, 28, 28), examples=70_000, classes=10)
def mnist(progress: Progress, *, folder: Folder = None) -> Dataset:
    """70,000 handwritten digits, 60,000 of them to train on.

    Differs:
        Bright ink on black, as published.
    Source:
        LeCun, Bottou, Bengio & Haffner, Gradient-Based Learning Applied to Document Recognition, Proc. IEEE 1998.
    """
    sums = (
        *("f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432"),
        *("9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c"),
    )
    mirrors = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")
    return _load("mnist", places("MNIST", folder), _remotes(sums, mirrors), progress)


@dataset("fashion_mnist", kind="images", shape=(1, 28, 28), examples=70_000, classes=10)
def fashion_mnist(progress: Progress, *, folder: Folder = None) -> Dataset:
    """70,000 pictures of clothes in 10 classes, 60,000 of them to train on.

    Differs:
        Found without a download where Debian's package dataset-fashion-mnist is installed.
    Source:
        Xiao, Rasul & Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms, 2017.
    """
    sums = (
        *("8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe"),
        *("bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310"),
    )
    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    return _load("fashion_mnist", places("FashionMNIST", folder, DEBIAN_FASHION), _remotes(sums, mirrors), progress)


@dataset("kmnist", kind="images", shape=(1, 28, 28), examples=70_000, classes=10)
def kmnist(progress: Progress, *, folder: Folder = None) -> Dataset:
    """70,000 cursive Japanese characters in 10 classes, 60,000 of them to train on.

    Source:
        Clanuwat et al., Deep Learning for Classical Japanese Literature, 2018.
    """
    sums = (
        *("bdb82020997e1d708af4cf47b453dcf7", "e144d726b3acfaa3e44228e80efcd344"),
        *("5c965bf0a639b31b8f53240b1b52f4d7", "7320c461ea6c1c855c0b718fb2a4b134"),
    )
    mirrors = ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    return _load("kmnist", places("KMNIST", folder), _remotes(sums, mirrors), progress)


@dataset("emnist", kind="images", shape=(1, 28, 28), classes=lambda settings: EMNIST_CLASSES[settings["split"]])
def emnist(
    progress: Progress,
    *,
    split: Annotated[
        Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"],
        "which of the published splits; byclass has all 62 classes",
    ] = "byclass",
    folder: Folder = None,
) -> Dataset:
    """Handwritten letters and digits in up to 62 classes: 0–9 A–Z a–z.

    Differs:
        The published images are transposed; here they stand upright. The labels of `letters` begin at 0 here, at 1 in
        the files. EMNIST does not say who wrote what: `femnist` does.
    Source:
        Cohen, Afshar, Tapson & van Schaik, EMNIST: Extending MNIST to Handwritten Letters, IJCNN 2017.
    """
    names = [f"emnist-{split}-{part}".replace("t10k", "test") for part in PARTS]
    where = places("EMNIST", folder)
    found = find_files(names, where) or find_members(names, EMNIST_ARCHIVE.name, where)
    if found is None:
        fetch([EMNIST_ARCHIVE], where[-1], progress)
        found = find_members(names, EMNIST_ARCHIVE.name, where[-1:])
    if found is None:
        raise DataUnavailable(f"{where[-1] / EMNIST_ARCHIVE.name}: holds no split {split}")
    return _dataset(f"emnist-{split}", found, EMNIST_CLASSES[split], upright=False, first=int(split == "letters"))


def _remotes(sums: Sequence[str], mirrors: Sequence[str]) -> list[Remote]:
    names = [f"{part}.gz" for part in PARTS]
    return [Remote(name, md5, tuple(m + name for m in mirrors)) for name, md5 in zip(names, sums, strict=True)]


def _load(name: str, where: Sequence[Path], remotes: Sequence[Remote], progress: Progress) -> Dataset:
    found = find_files(PARTS, where)
    if found is None:
        fetch(remotes, where[-1], progress)
        found = find_files(PARTS, where[-1:])
    if found is None:
        raise DataUnavailable(f"{where[-1]}: fetched files are gone again")
    return _dataset(name, found, classes=10)


def _dataset(name: str, found: Sequence[Found], classes: int, *, upright: bool = True, first: int = 0) -> Dataset:
    """The dataset in these four files, parsed once and mapped into memory ever after."""
    entry = cache_root() / name / fingerprint(edition=EDITION, files=[file.digest for file in found])
    kept = remember(entry, lambda: _parse(found, classes, upright, first), lambda arrays: _whole(arrays, classes))
    return _whole(kept, classes)


def _whole(arrays: Arrays, classes: int) -> Dataset:
    """The dataset of these arrays; ValueError where they are not its own."""
    train, test = (Examples(arrays[f"{part}_images"], arrays[f"{part}_labels"]) for part in ("train", "test"))
    data = check_dataset(Dataset(train, test, classes))
    if data.shape != (1, SIDE, SIDE):
        raise ValueError(f"images of {data.shape}")
    return data


def _parse(found: Sequence[Found], classes: int, upright: bool, first: int) -> Arrays:
    train_images, train_labels, test_images, test_labels = found
    arrays: Arrays = {}
    for part, images_file, labels_file in (("train", train_images, train_labels), ("test", test_images, test_labels)):
        labels = labels_file.read(())
        images = images_file.read((SIDE, SIDE), len(labels))
        arrays[f"{part}_images"] = np.ascontiguousarray(images if upright else images.swapaxes(1, 2))[:, None]
        arrays[f"{part}_labels"] = _from_zero(labels, classes, first, labels_file.name)
    train, test = ((arrays[f"{part}_images"], arrays[f"{part}_labels"]) for part in ("train", "test"))
    refuse_overlap(train, test, test_images.name)
    return arrays


def _from_zero(labels: Integers, classes: int, first: int, name: str) -> Integers:
    last = first + classes - 1
    if labels.min() < first or labels.max() > last:
        raise DataUnavailable(f"{name}: labels {labels.min()} to {labels.max()}; {first} to {last} are possible")
    return labels.astype(np.int64) - first
