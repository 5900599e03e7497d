"""Files of sparse rows as LIBSVM's collection has them: `+1 3:0.5 17:1`."""

import io
import warnings
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le, MaxLen
from numpy.typing import NDArray

from fedsim.datasets.bounded_files import read_file
from fedsim.datasets.contract import Dataset, dataset
from fedsim.datasets.own_data import TestFraction
from fedsim.datasets.own_paths import file_named
from fedsim.datasets.tables import MOST_NUMBERS, Standardise, Table, dataset_of
from fedsim.errors import DataUnavailable, WrongSetting
from fedsim.paths import BESIDE
from fedsim.randomness import Stream

MOST_BYTES = 2**31  # bytes of a file
PACKED = {b"\x1f\x8b": "gunzip", b"BZ": "bunzip2", b"\xfd7": "unxz"}


@dataset("libsvm", kind="features")
def libsvm(
    stream: Stream,
    *,
    file: Annotated[str, MaxLen(4_096), BESIDE, "the file, relative to the scenario file"],
    test_file: Annotated[
        str | None, MaxLen(4_096), BESIDE, "file of rows to test on; when not given some are held out"
    ] = None,
    features: Annotated[
        int | None, Ge(1), Le(10**7), "columns of a row; when not given the last that is named in a file"
    ] = None,
    standardise: Standardise = False,
    test_fraction: TestFraction = None,
) -> Dataset:
    """Sparse rows of your own, or of LIBSVM's collection: a class and the columns that are not zero.

    Formula:
        A row is `class column:value column:value …`; columns count from 1, or from 0 where some row names column 0.
        Classes are the different values in ascending order, so that −1 and +1 become 0 and 1. test_fraction of every
        class is held out, chosen at random, where there is no file to test on.
    Assumes:
        Every row written out fits into memory: rows × columns ≤ 2³¹.
    Differs:
        Rows are made dense; `qid` is passed over; rows of several classes are refused.
    Source:
        Chang & Lin, LIBSVM: A Library for Support Vector Machines, 2011; read by scikit-learn.
    """
    path = file_named(file, "a file of LIBSVM's form")
    paths = [path] if test_file is None else [path, file_named(test_file, "a file of LIBSVM's form")]
    found = [_read(each) for each in paths]
    first = min(int(rows.indices.min(initial=1)) for rows, _ in found)
    width = max(rows.shape[1] for rows, _ in found) - first
    if features is not None and width > features:
        raise WrongSetting("features", f"column {width - 1 + first} stands in {path.name}: got {features}")
    tables = [Table(_dense(rows[:, first:], features or width, path), {}, targets, None) for rows, targets in found]
    test = tables[1] if test_file is not None else None
    return dataset_of(tables[0], test, path.name, standardise, "examples", test_fraction, stream)


def _read(path: Path) -> tuple[Any, NDArray[Any]]:
    """Sparse rows, column 0 being that which is named so, and their classes."""
    from sklearn.datasets import load_svmlight_file

    data = read_file(path, MOST_BYTES)
    packer = PACKED.get(data[:2])
    if packer:
        raise DataUnavailable(f"{path}: is packed; unpack it first ({packer} {path.name})")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows, targets = load_svmlight_file(io.BytesIO(data), zero_based=True)
    except Exception as error:  # whatever the parser raises over what is no such file
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise DataUnavailable(f"{path}: is not of LIBSVM's form, `class column:value …` ({reason})") from error
    if not len(targets):
        raise DataUnavailable(f"{path}: has no rows")
    if not np.isfinite(rows.data).all():
        row = int(np.searchsorted(rows.indptr, np.flatnonzero(~np.isfinite(rows.data))[0], side="right"))
        raise DataUnavailable(f"{path}: row {row} holds NaN or infinity")
    return rows, targets


def _dense(rows: Any, width: int, path: Path) -> NDArray[np.float64]:
    count = rows.shape[0]
    if count * width > MOST_NUMBERS:
        raise DataUnavailable(
            f"{path}: {count:,} rows of {width:,} columns are too many numbers; at most {MOST_NUMBERS:,} are kept"
        )
    rows.resize((count, width))
    dense: NDArray[np.float64] = rows.toarray()
    return dense
