"""`fedsim verify`: does a results folder repeat?"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer
from rich.text import Text

from cli.consoles import messages, show, show_json
from cli.waiting import Waiting
from fedsim.settings import shown
from fedsim.verifying import Verdict, verify

if TYPE_CHECKING:
    from fedsim.pool import Pool


def verified(folder: Path, rounds: str | None, workers: int | Literal["auto"] | None, as_json: bool) -> bool:
    """Run the folder's scenario again, say what came of it, and whether it was the same."""
    span = read_rounds(rounds)
    with ExitStack() as stack:
        waiting = stack.enter_context(Waiting(messages()))
        pool = stack.enter_context(_pool(workers)) if workers else None
        verdict = verify(folder, span, pool, waiting)
    if as_json:
        show_json(record(verdict))
    else:
        show(_lines(folder, verdict))
    return verdict.difference is None


def _pool(workers: int | Literal["auto"]) -> "Pool":
    from fedsim.pool import Pool

    return Pool(workers)


def read_rounds(text: str | None) -> tuple[int, int] | None:
    """The rounds in `5-10` or `7`."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", text.strip())
    if match is None:
        raise typer.BadParameter(f"must be two rounds such as 5-10, or one, got {text!r}", param_hint="--rounds")
    return int(match[1]), int(match[2] or match[1])


def record(verdict: Verdict) -> dict[str, Any]:
    """The verdict as plain JSON."""
    difference = verdict.difference
    told = None
    if difference is not None:
        told = difference._asdict() | {"recorded": repr(difference.recorded), "now": repr(difference.now)}
    return verdict._asdict() | {"same": difference is None, "difference": told}


def _lines(folder: Path, verdict: Verdict) -> Iterator[Text]:
    span = f"rounds {verdict.first} to {verdict.last}"
    for name, (before, now) in verdict.versions.items():
        yield Text(f"note  recorded with {name} {before}, now {now}", style="yellow")
    if verdict.difference is None:
        yield Text.assemble(("same", "bold green"), f"  {folder}: {span}, {verdict.events:,} events, every one equal")
        return
    where, field = verdict.difference, verdict.difference.field
    yield Text.assemble(("different", "bold red"), f"  {folder}: first in round {where.round}, {where.phase}")
    yield Text(f"  {field or 'event'} on record  {shown(where.recorded)}")
    yield Text(f"  {field or 'event'} now        {shown(where.now)}")
