"""`fedsim verify`: does a results folder repeat?"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Asked:
    """What the command line asks for besides the folder or the archive."""

    rounds: str | None = None
    spot: int | None = None
    seed: int | None = None
    workers: int | Literal["auto"] | None = None
    kept_code: bool = False
    allowed_signers: Path | None = None
    as_json: bool = False


def verified(path: Path, asked: Asked) -> bool:
    """Run what it holds again, say what came of it, and whether it was the same."""
    span = read_rounds(asked.rounds)
    if span is not None and asked.spot is not None:
        raise typer.BadParameter("give --rounds or --spot, not both", param_hint="--spot")
    if asked.seed is not None and asked.spot is None:
        raise typer.BadParameter("draws the rounds of --spot: give that too", param_hint="--spot-seed")
    is_archive = path.is_file()
    if asked.allowed_signers is not None and not is_archive and path.exists():
        message = "only an archive is signed: fedsim pack --sign KEY makes one"
        raise typer.BadParameter(message, param_hint="--allowed-signers")
    with ExitStack() as stack:
        waiting = stack.enter_context(Waiting(messages()))
        pool = stack.enter_context(pool_of(asked.workers)) if asked.workers else None
        if is_archive:
            from cli.commands.verify_archive import tell
            from fedsim.proof.verify_archive import verify_archive

            found = verify_archive(
                path, span, pool, waiting, spot=asked.spot, seed=asked.seed, kept_code=asked.kept_code,
                allowed_signers=asked.allowed_signers,
            )  # fmt: skip
            waiting.over()
            return tell(path, found, asked.as_json)
        verdict = verify(path, span, pool, waiting, spot=asked.spot, seed=asked.seed, kept_code=asked.kept_code)
    if asked.as_json:
        show_json(record(verdict))
    else:
        show(_lines(path, verdict))
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
        plain["spots"] = spots_record(verdict.spots)
    return plain


def spots_record(spots: Spots) -> dict[str, Any]:
    """What was drawn, and what it proves, as plain JSON."""
    return spots._asdict() | {"found_from": spots.found}


def _lines(folder: Path, verdict: Verdict) -> Iterator[Text]:
    for name, (before, now) in verdict.versions.items():
        yield Text(f"note  recorded with {name} {before}, now {now}", style="yellow")
    if verdict.other_code:
        yield Text(f"note  {verdict.other_code}", style="yellow")
    if verdict.difference is None:
        what = f"{_span(verdict)}, {verdict.events:,} events and the files that follow from them, every one equal"
        yield Text.assemble(("same", "bold green"), f"  {folder}: {what}")
    else:
        yield from different(folder, verdict.differences)
    if verdict.spots is not None and verdict.difference is None:
        yield Text(f"  {proof(verdict.spots)}")
    for left_out in verdict.not_compared:
        yield Text(f"  not compared: {left_out}", style="dim")


def different(path: Path, differences: Sequence[Difference]) -> Iterator[Text]:
    """The first differences, each with what is on record and what it is now."""
    yield Text.assemble(("different", "bold red"), f"  {path}: first in {_where(differences[0])}")
    for each in differences[:MOST_SHOWN]:
        yield from _told(each)
    if len(differences) > MOST_SHOWN:
        yield Text(f"  and {len(differences) - MOST_SHOWN} more")


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


def proof(spots: Spots) -> str:
    """What it proves that the rounds drawn were right."""
    if len(spots.rounds) == spots.done:
        return "every round was played again"
    found = spots.found
    mean = f", and {spots.mean:.0%} in the mean over where it may be" if spots.mean > spots.least else ""
    return (
        "each round was played again from the state before it, those since the checkpoint before it too. A single "
        f"wrong round of {spots.done:,} would have been found with a chance of {spots.least:.0%} at least{mean}; "
        f"{found} or more would have been missed with {spots.unseen(found):.1%} at most. The same rounds again: "
        f"--spot {len(spots.rounds)} --seed {spots.seed}"
    )
