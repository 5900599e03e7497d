"""A study as one tidy table: a row a round of each finished cell, with the cell's labels beside its numbers."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.atomic_files import write_whole
from fedsim.runs.metrics_file import table_of
from fedsim.runs.reading import events_of

ROUNDS = "rounds.parquet"
WORDS = ("skipped", "digest")
"""Columns of rounds that hold words; the labels and the folder do too."""
Columns = dict[str, NDArray[Any]]


def tidy(folder: Path, cells: Sequence[tuple[Mapping[str, Any], str]]) -> Columns:
    """The columns by name, of cells with these labels in these folders; what a cell does not score is NaN."""
    parts = [part for labels, place in cells if (part := _of_a_cell(folder / place, {**labels, "folder": place}))]
    names = list(dict.fromkeys(name for part in parts for name in part))
    return {name: np.concatenate([_column(part, name) for part in parts]) for name in names}


def _of_a_cell(folder: Path, labels: Mapping[str, Any]) -> Columns:
    heading, *rows = list(table_of(events_of(folder))) or [()]
    if not rows:
        return {}
    found: Columns = {name: np.full(len(rows), value, _kind(value)) for name, value in labels.items()}
    for name, column in zip(heading, zip(*rows, strict=True), strict=True):
        found[name] = np.array(column, object if name in WORDS else np.float64)
    return found


def _column(part: Columns, name: str) -> NDArray[Any]:
    length = len(next(iter(part.values())))
    return part[name] if name in part else np.full(length, np.nan)


def _kind(value: Any) -> Any:
    return np.int64 if isinstance(value, int) else object


def write_parquet(path: Path, columns: Columns) -> None:
    """The columns in a Parquet file; ImportError where pyarrow is not installed."""
    import pyarrow as pa
    from pyarrow import parquet

    data = BytesIO()
    parquet.write_table(pa.table(dict(columns)), data)
    write_whole(path, data.getvalue())
