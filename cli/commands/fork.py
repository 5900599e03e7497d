"""`fedsim fork`: a run from some round on with one thing changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.commands.run import go_on
from cli.display.consoles import messages
from cli.display.screens import Mode
from cli.display.waiting import Waiting
from fedsim.proof.fork import begin_fork


def forked(run: Path, at: int, changes: Sequence[str], out: Path | None, mode: Mode, codes: Mapping[str, Any]) -> int:
    """Make the fork's folder and play on from there before one's eyes; the exit code."""
    with Waiting(messages()) as waiting:
        folder = begin_fork(run, at, changes, out, progress=waiting, **codes)
    what = " ".join(changes) or "nothing changed"
    folder.notes.insert(0, f"rounds 1 to {at} as in {run}, from round {at + 1} on with {what}")
    with folder:
        return go_on(folder, mode)
