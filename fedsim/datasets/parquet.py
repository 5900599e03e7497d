"""Tables in Parquet files, where pyarrow is installed."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import MaxLen
from numpy.typing import NDArray

from fedsim.datasets.bounded_files import open_file
from fedsim.datasets.contract import Dataset, dataset
from fedsim.datasets.own_data import Held, TestFraction
from fedsim.datasets.own_paths import file_named
from fedsim.datasets.tables import MOST_NUMBERS, Column, Columns, Roles, Standardise, Table, dataset_of
from fedsim.errors import DataUnavailable
from fedsim.paths import BESIDE
from fedsim.randomness import Stream

MOST_BYTES = 2**33  # bytes of a file


@dataset("parquet", kind="features")
def parquet(
    stream: Stream,
    *,
    file: Annotated[str, MaxLen(4_096), BESIDE, "the file, relative to the scenario file"],
    target: Annotated[Column, "column that holds the class of each row, a whole number or a word"],
    owner: Annotated[Column | None, "column that says whose each row is"] = None,
    one_hot: Annotated[Columns, "columns of words, each word of which becomes a column of zeros and ones"] = (),
    leave_out: Annotated[Columns, "columns that are no features, such as a number of the row"] = (),
    standardise: Standardise = True,
    held: Held = "examples",
    test_fraction: TestFraction = None,
) -> Dataset:
    """A table of your own in a Parquet file; needs pyarrow (pip install pyarrow).

    Formula:
        All columns but those named otherwise are features and hold numbers or truths. Classes are the different values
        of the target in ascending order. test_fraction of every class is held out, chosen at random, or all rows of
        that share of the owners; columns are then shifted and scaled to mean 0 and variance 1 over the training set.
    Assumes:
        No value is missing; columns are plain, not lists or structures.
    Source:
        Apache Parquet, parquet.apache.org.
    """
    path = file_named(file, "a Parquet file")
    roles = Roles(target, owner, one_hot, leave_out)
    return dataset_of(_read(path, roles), None, path.name, standardise, held, test_fraction, stream)


def _read(path: Path, roles: Roles) -> Table:
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise DataUnavailable(
            f"{path}: Parquet files are read by pyarrow, which is not installed: pip install pyarrow, or save as CSV"
        ) from error
    with open_file(path, MOST_BYTES) as file:
        try:
            opened = ParquetFile(file)
            names, count = list(opened.schema_arrow.names), opened.metadata.num_rows
            features = roles.features(names, path.name)
            others = [name for name in (roles.target, roles.owner, *roles.one_hot) if name]
            if count * max(len(features), 1) > MOST_NUMBERS:
                raise DataUnavailable(f"{path}: {count:,} rows of {len(features)} features are too many numbers")
            table = opened.read(columns=[*features, *others])
        except (pa.ArrowException, OSError) as error:
            raise DataUnavailable(f"{path}: is no readable Parquet file ({str(error)[:200]})") from error
    if not count:
        raise DataUnavailable(f"{path}: has no rows")
    columns = {name: _plain(table.column(name), name, path) for name in (*features, *others)}
    numbers = [_number(columns[name], name, path) for name in features]
    return Table(
        np.stack(numbers, axis=1) if numbers else np.empty((count, 0)),
        {name: columns[name].astype(np.str_) for name in roles.one_hot},
        _label(columns[roles.target]),
        _label(columns[roles.owner]) if roles.owner else None,
    )


def _plain(column: Any, name: str, path: Path) -> NDArray[Any]:
    """The values of a column; DataUnavailable where one is missing."""
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise DataUnavailable(
            f"{path}: column `{name}` lacks {column.null_count:,} values, first in row {row}; fill them, or leave_out"
        )
    found: NDArray[Any] = column.to_numpy()
    return found


def _number(column: NDArray[Any], name: str, path: Path) -> NDArray[np.float64]:
    if column.dtype.kind not in "iufb":
        raise DataUnavailable(
            f"{path}: column `{name}` holds no numbers ({str(column[0])[:30]!r} in row 0): say one_hot or leave_out"
        )
    found = column.astype(np.float64)
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found))[0])
        raise DataUnavailable(f"{path}: column `{name}` holds {found[row]} in row {row}; fill it or leave it out")
    return found


def _label(column: NDArray[Any]) -> NDArray[Any]:
    return column if column.dtype.kind in "iufb" else column.astype(np.str_)
