"""The sections of a scenario that change no result: how the work is done, what is kept, and who else is told."""

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le
from pydantic import StringConstraints

from fedsim.scenario.choices import Choice, In, section
from fedsim.scenario.validation import PLAIN_PATH, SCHEDULER


@section
class Execution:
    """How the work is done; nothing here changes a result."""

    workers: Literal["auto"] | Annotated[int, Ge(1), Le(1024)] = "auto"
    """Worker processes; auto: one a core, or none where the work is too small to send away."""
    batch: Annotated[int, Ge(1), Le(10**6)] = 5
    """Most clients in one batch of work."""
    backend: Literal["loky", "threading", "serial", "dask"] = "loky"
    """loky: processes; threading: threads of this process; serial: no pool at all; dask: a cluster of machines."""
    address: Annotated[str, StringConstraints(pattern=SCHEDULER)] | None = None
    """Scheduler of a Dask cluster, as tcp://10.0.0.1:8786; when not given dask is `workers` processes started here."""


@section
class Output:
    """What is kept."""

    folder: Annotated[str, StringConstraints(pattern=PLAIN_PATH)] = "runs"
    """Where results folders are made."""
    checkpoint_every: Annotated[int, Ge(0)] = 10
    """Rounds between checkpoints; 0 means only when interrupted."""
    checkpoints_kept: Literal["all"] | Annotated[int, Ge(1), Le(10**7)] = 3
    """Newest checkpoints that stay; all: every one, so that `fedsim verify --spot` reaches any round at little cost."""
    record: Literal["updates"] | None = None
    """updates: keep the rows that the rule was given in each round, for `fedsim replay`; when not given none are."""
    record_every: Annotated[int, Ge(1)] | None = None
    """Rounds between recorded ones; when not given every round is."""
    record_limit: Annotated[float, Gt(0), Le(1e6)] | None = None
    """Gigabytes that recorded updates may take, else the run is refused before its first round; when not given 10."""


@section
class Tracking:
    """Where else the run's numbers are told while it goes on; nothing here changes a result."""

    to: tuple[Annotated[Choice, In("trackers")], ...] = ()
    """Trackers, by name, as tables with settings, or own code such as "my_tracker.py:tell"."""
