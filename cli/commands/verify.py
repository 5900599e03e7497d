"""`fedsim verify`: does a results folder repeat?"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer
from rich.text import Text

from cli.display.consoles import messages, show, show_json
from cli.display.waiting import Waiting
from fedsim.runs.consistency import Difference
from fedsim.runs.inventory import EVENTS
from fedsim.runs.spot_checks import Spots
from fedsim.runs.verify import Verdict, verify
from fedsim.scenario.validation import shown

if TYPE_CHECKING:
    from fedsim.execution.pool import Pool


MOST_SHOWN = 8
"""Differences that are listed."""


def verified(
    folder: Path,
    rounds: str | None,
    workers: int | Literal["auto"] | None,
    as_json: bool,
    spot: int | None = None,
    seed: int | None = None,
    kept_code: bool = False,
) -> bool:
    """Run the folder's scenario again, say what came of it, and whether it was the same."""
    span = read_rounds(rounds)
    if span is not None and spot is not None:
        raise typer.BadParameter("give --rounds or --spot, not both", param_hint="--spot")
    if seed is not None and spot is None:
        raise typer.BadParameter("draws the rounds of --spot: give that too", param_hint="--spot-seed")
    with ExitStack() as stack:
        waiting = stack.enter_context(Waiting(messages()))
        pool = stack.enter_context(pool_of(workers)) if workers else None
        verdict = verify(folder, span, pool, waiting, spot=spot, seed=seed, kept_code=kept_code)
    if as_json:
        show_json(record(verdict))
    else:
        show(_lines(folder, verdict))
    return verdict.difference is None


def pool_of(workers: int | Literal["auto"]) -> "Pool":
    """The workers that were asked for."""
    from fedsim.execution.pool import Pool

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
    told = [each._asdict() | {"recorded": repr(each.recorded), "now": repr(each.now)} for each in verdict.differences]
    plain = verdict._asdict() | {"same": not told, "differences": told, "difference": told[0] if told else None}
    if verdict.spots is not None:
        plain["spots"] = verdict.spots._asdict() | {"found_from": verdict.spots.found}
    return plain


def _lines(folder: Path, verdict: Verdict) -> Iterator[Text]:
    for name, (before, now) in verdict.versions.items():
        yield Text(f"note  recorded with {name} {before}, now {now}", style="yellow")
    if verdict.other_code:
        yield Text(f"note  {verdict.other_code}", style="yellow")
    if verdict.difference is None:
        what = f"{_span(verdict)}, {verdict.events:,} events and the files that follow from them, every one equal"
        yield Text.assemble(("same", "bold green"), f"  {folder}: {what}")
    else:
        where = f"first in {_where(verdict.difference)}"
        yield Text.assemble(("different", "bold red"), f"  {folder}: {where}")
        for each in verdict.differences[:MOST_SHOWN]:
            yield from _told(each)
        if len(verdict.differences) > MOST_SHOWN:
            yield Text(f"  and {len(verdict.differences) - MOST_SHOWN} more")
    if verdict.spots is not None and verdict.difference is None:
        yield Text(f"  {_proof(verdict.spots)}")
    for left_out in verdict.not_compared:
        yield Text(f"  not compared: {left_out}", style="dim")


def _span(verdict: Verdict) -> str:
    if verdict.spots is not None:
        listed = ", ".join(map(str, verdict.spots.rounds))
        return f"rounds {listed} of {verdict.spots.done}"
    return f"rounds {verdict.first} to {verdict.last}"


def _where(difference: Difference) -> str:
    at = f"round {difference.round}, {difference.phase}" if difference.round else difference.phase
    return f"{difference.file}: {at}"


def _told(difference: Difference) -> Iterator[Text]:
    yield Text(f"  {_where(difference)}")
    name = difference.field or ("event" if difference.file == EVENTS else "content")
    yield Text(f"    {name} on record  {shown(difference.recorded)}")
    yield Text(f"    {name} now        {shown(difference.now)}")


def _proof(spots: Spots) -> str:
    """What it proves that the rounds drawn were right."""
    if len(spots.rounds) == spots.done:
        return "every round was played again"
    found = spots.found
    return (
        f"each round was played again from a state before it. Of {spots.done} rounds, {found} or more wrong "
        f"ones would have been missed with a chance of {spots.unseen(found):.1%} at most, a single one with "
        f"{spots.unseen(1):.0%}; the same rounds again: --spot {len(spots.rounds)} --spot-seed {spots.seed}"
    )
