"""`fedsim verify ARCHIVE`: what the check of a packed proof found, in words or as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.text import Text

from cli.commands.verify import different, proof, record, spots_record
from cli.display.consoles import show, show_json, width
from cli.display.formatting import plural
from cli.display.layout import labelled
from fedsim.clean_text import one_line
from fedsim.proof.verify_archive import ArchiveVerdict

MOST_LISTED = 40
"""Drawn rounds that are named one by one."""
COLUMN = 9


def tell(path: Path, verdict: ArchiveVerdict, as_json: bool) -> bool:
    """Say what was found, and whether all of it was the same."""
    if as_json:
        show_json(plain(path, verdict))
    else:
        show(lines(path, verdict, width()))
    return verdict.difference is None


def plain(path: Path, verdict: ArchiveVerdict) -> dict[str, Any]:
    """The verdict as plain JSON."""
    told = [each._asdict() | {"recorded": repr(each.recorded), "now": repr(each.now)} for each in verdict.differences]
    manifest = verdict.manifest
    return {
        "archive": str(path), "kind": manifest.kind, "name": manifest.name, "sha256": manifest.sha256,
        "same": not told, "difference": told[0] if told else None, "differences": told,
        "played": verdict.played, "done": verdict.done,
        "spots": spots_record(verdict.spots) if verdict.spots else None,
        "signer": verdict.signer._asdict() if verdict.signer else None,
        "claimed": [asdict(run) for run in manifest.runs], "not_compared": verdict.not_compared,
        "runs": {folder: record(each) for folder, each in verdict.runs.items()},
    }  # fmt: skip


def lines(path: Path, verdict: ArchiveVerdict, columns: int) -> Iterator[Text]:
    """The answer first, then who has signed it, what the check proves and what it says nothing of."""
    yield from _notes(verdict)
    manifest = verdict.manifest
    if verdict.difference is None:
        what = f"{manifest.kind} {one_line(manifest.name)}, {_played(verdict)}, every one equal"
        yield Text.assemble(("same", "bold green"), f"  {path}: {what}")
    else:
        yield from different(path, verdict.differences)
    if verdict.spots is not None and verdict.difference is None:
        yield from labelled("chance", proof(verdict.spots), width=columns, column=COLUMN)
    yield from labelled("signed", _signed(verdict), width=columns, column=COLUMN)
    yield from labelled("sha256", manifest.sha256, width=columns, column=COLUMN)
    for left_out in verdict.not_compared:
        yield from labelled("unseen", left_out, width=columns, column=COLUMN)


def _notes(verdict: ArchiveVerdict) -> Iterator[Text]:
    """What may explain a difference, each once."""
    found: dict[str, None] = {}
    for each in verdict.runs.values():
        found |= dict.fromkeys(
            f"recorded with {name} {before}, now {now}" for name, (before, now) in each.versions.items()
        )
        found |= {each.other_code: None} if each.other_code else {}
    yield from (Text(f"note  {one_line(words)}", style="yellow") for words in found)


def _played(verdict: ArchiveVerdict) -> str:
    """Which rounds were played again, in words."""
    runs = f" of {plural(len(verdict.runs), 'run')}" if verdict.manifest.kind == "study" else ""
    spots = verdict.spots
    if spots is None:
        return f"{plural(verdict.played, 'round')}{runs} and the files that follow from them"
    if verdict.manifest.kind == "study":
        drawn = len([each for each in verdict.runs.values() if each.played])
        return f"{plural(len(spots.rounds), 'round')} of {spots.done:,}, in {drawn} of {len(verdict.runs)} runs"
    listed = ", ".join(map(str, spots.rounds[:MOST_LISTED]))
    more = ", …" if len(spots.rounds) > MOST_LISTED else ""
    return f"rounds {listed}{more} of {spots.done} and the files that follow from them"


def _signed(verdict: ArchiveVerdict) -> str:
    if verdict.signer is None:
        return "by nobody: it stands for itself"
    if verdict.signer.name:
        return f"by {one_line(verdict.signer.name)} ({verdict.signer.key})"
    return f"by {verdict.signer.key}; whose key that is, --allowed-signers FILE says"
