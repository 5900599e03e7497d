"""`fedsim leaderboard`: a folder of archives, checked and ranked, as tables here and as one page."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import typer
from rich.text import Text

from cli.commands.verify import pool_of
from cli.display.consoles import messages, show, show_json, width
from cli.display.formatting import plural
from cli.display.layout import labelled
from cli.display.study_tables import table_lines
from cli.display.waiting import Waiting
from fedsim.atomic_files import write_whole
from fedsim.clean_text import one_line
from fedsim.errors import UnknownName
from fedsim.metrics.contract import reading_of
from fedsim.proof.leaderboard import Leaderboard, Place, leaderboard
from fedsim.proof.leaderboard_page import leaderboard_page
from fedsim.study.questions import SCORE_KINDS
from fedsim.study.tables import Table

PAGE = "leaderboard.html"


@dataclass(frozen=True)
class Asked:
    """What the command line asks for besides the folder."""

    spot: int
    score: str
    out: Path | None
    title: str
    workers: int | Literal["auto"] | None
    kept_code: bool
    allowed_signers: Path | None
    as_json: bool


def ranked(folder: Path, asked: Asked) -> bool:
    """Check the folder's archives, write the page and show the tables; whether nothing had to be refused."""
    _check_score(asked.score)
    with ExitStack() as stack:
        waiting = stack.enter_context(Waiting(messages()))
        pool = stack.enter_context(pool_of(asked.workers)) if asked.workers else None
        board = leaderboard(
            folder, spot=asked.spot, score=asked.score, kept_code=asked.kept_code,
            allowed_signers=asked.allowed_signers, pool=pool, progress=waiting,
        )  # fmt: skip
    target = asked.out or folder / PAGE
    write_whole(target, leaderboard_page(board, asked.title).encode())
    if asked.as_json:
        show_json(record(board) | {"page": str(target)})
    else:
        show(lines(board, target, width()))
    return not board.refused


def _check_score(score: str) -> None:
    try:
        if score not in SCORE_KINDS:
            reading_of(score)
    except UnknownName as error:
        known = f"{', '.join(SCORE_KINDS)} or a metric's name"
        raise typer.BadParameter(f"{error}; it is {known}", param_hint="--score") from error


def record(board: Leaderboard) -> dict[str, Any]:
    """The board as plain JSON."""
    tasks = [{"task": words, "places": [asdict(place) for place in places]} for words, places in board.tasks()]
    return {"score": board.questions.score, "tasks": tasks, "refused": [asdict(each) for each in board.refused]}


def lines(board: Leaderboard, page: Path, columns: int) -> Iterator[Text]:
    """A table for each task, then what was refused and where the page is."""
    for words, places in board.tasks():
        yield from table_lines(_table(words, places, board), columns)
        yield Text("")
    for each in board.refused:
        yield from labelled("refused", f"{each.file}: {one_line(each.reason)}", width=columns, column=9, style="red")
    runs = f"{plural(len(board.entries), 'run')}, {plural(len(board.refused), 'archive')} refused"
    yield Text.assemble((str(page), "bold"), f"  {runs}")


def _table(words: str, places: list[Place], board: Leaderboard) -> Table:
    rows = [
        (place.rule, _shown(place), ", ".join(map(str, place.seeds)), f"≥ {min(a.least for a in place.archives):.0%}")
        for place in places
    ]
    note = (
        f"{board.questions.score}: {board.questions.meaning}; chance: that a single wrong round would have been found"
    )
    return Table("task", words, ("rule", board.questions.score, "seed", "chance"), tuple(rows), (), (note,))


def _shown(place: Place) -> str:
    found = place.estimate
    half = "" if found.low is None or found.high is None else f" ±{(found.high - found.low) / 2:.3f}"
    return f"{found.mean:.3f}{half}"
