"""What the command line of `fedsim sweep` asks for, read and checked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import typer

from fedsim.scenario.validation import PATTERNS, SCHEDULER
from fedsim.study.cells import Cell
from fedsim.study.effort import usable_cores
from fedsim.study.where import Where, where_of

BACKENDS = ("loky", "dask")
SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True)
class Options:
    """What the command line asks for besides the study itself."""

    dry_run: bool = False
    only: Sequence[str] = ()
    shard: str | None = None
    max_cells: int | None = None
    workers: int | Literal["auto"] | None = None
    out: Path | None = None
    as_json: bool = False
    plugins: Sequence[str] = ()
    backend: str | None = None
    address: str | None = None


def read_where(cells: Sequence[Cell], options: Options) -> Where:
    """Who plays the cells; typer.BadParameter where what is asked for does not go together."""
    if options.backend not in (None, *BACKENDS):
        raise typer.BadParameter(f"must be {' or '.join(BACKENDS)}, got {options.backend!r}", param_hint="--backend")
    if options.address is not None and not re.fullmatch(SCHEDULER, options.address):
        message = f"must be {PATTERNS[SCHEDULER]}, got {options.address!r}"
        raise typer.BadParameter(message, param_hint="--address")
    workers = options.workers if isinstance(options.workers, int) else usable_cores()
    backend: Any = options.backend
    try:
        found = where_of(cells, workers, backend, options.address)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--address") from error
    if found.address is not None and isinstance(options.workers, int):
        message = f"counts processes that are started here: all workers of the cluster at {found.address} take part"
        raise typer.BadParameter(message, param_hint="--workers")
    return found


def read_shard(text: str | None) -> tuple[int, int]:
    """`2/8` as numbers; typer.BadParameter where it is no shard."""
    if text is None:
        return 1, 1
    found = SHARD.fullmatch(text.strip())
    number, shards = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= shards:
        message = f"must be which of how many, from 1/1, such as 2/8; got {text!r}"
        raise typer.BadParameter(message, param_hint="--shard")
    return number, shards
