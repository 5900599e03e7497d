"""`fedsim pack`: one archive of a run or a study."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from shlex import quote

from rich.text import Text

from cli.display.consoles import messages, show, show_json, width
from cli.display.formatting import plural
from cli.display.layout import labelled
from cli.display.waiting import Waiting
from fedsim.byte_sizes import in_words
from fedsim.proof.pack import Packed, pack

COLUMN = 9
MOST_LISTED = 8


def packed(folder: Path, out: Path | None, key: Path | None, force: bool, as_json: bool) -> None:
    """Write the archive and say what is in it."""
    with Waiting(messages()) as waiting:
        found = pack(folder, out, key=key, force=force, progress=waiting)
    if as_json:
        table = asdict(found.manifest) | {"sha256": found.manifest.sha256}
        show_json({"archive": str(found.path), "size": found.bytes, "signed": found.signed, **table})
    else:
        show(lines(found, width()))


def lines(found: Packed, columns: int) -> Iterator[Text]:
    """The archive, what it needs besides, and how it is checked."""
    manifest, rounds = found.manifest, sum(run.rounds for run in found.manifest.runs)
    runs = f"{plural(len(manifest.runs), 'run')}, " if manifest.kind == "study" else ""
    signed = ", signed" if found.signed else ""
    what = f"{manifest.kind} {manifest.name}: {runs}{plural(rounds, 'round')}, {in_words(found.bytes)}{signed}"
    yield Text.assemble((str(found.path), "bold"), f"  {what}")
    yield from labelled("sha256", manifest.sha256, width=columns, column=COLUMN)
    if found.left:
        yield from labelled("left out", f"{plural(found.left, 'cell')} that are not finished", width=columns, column=9)
    if manifest.needs:
        text = f"{', '.join(manifest.needs)}: whoever checks it has to have the same, in the same place"
        yield from labelled("needs", text, width=columns, column=COLUMN)
    yield from labelled("states", _states(found), width=columns, column=COLUMN)
    yield from labelled("check", f"fedsim verify {quote(str(found.path))} --spot 20", width=columns, column=COLUMN)


def _states(found: Packed) -> str:
    """Where a spot check can begin."""
    kept = next(iter(found.checkpoints.values()))
    if not kept:
        return "no checkpoint: every spot check plays from the first round; output.checkpoint_every keeps some"
    if len(found.checkpoints) > 1:
        total = sum(map(len, found.checkpoints.values()))
        return f"{plural(total, 'checkpoint')}: a spot check of a round plays from the one before it"
    listed = ", ".join(map(str, kept[:MOST_LISTED])) + (", …" if len(kept) > MOST_LISTED else "")
    late = kept[0] > found.manifest.runs[0].rounds // 4
    hint = "; output.checkpoints_kept = 'all' keeps earlier ones" if late else ""
    return f"after round {listed}: a spot check of a round plays from the one before it, or from the first{hint}"
