"""`fedsim break`: the least value at which a bar fails, found before one's eyes."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import typer
from rich.text import Text

from cli.commands.playing import is_interrupted
from cli.display.consoles import messages, show, show_json, width
from cli.display.formatting import plural
from cli.display.layout import labelled
from cli.display.study_tables import table_lines
from cli.signals import INTERRUPTED
from fedsim.clean_text import one_line
from fedsim.proof.breakdown import Answer, Breakdown, Breaking
from fedsim.proof.severity import Axis
from fedsim.scenario.toml_values import NOTHING
from fedsim.study.effort import usable_cores
from fedsim.study.tables import Table

COLUMN = 8
OUTSIDE = {True: "fails at once", False: "never fails"}


@dataclass(frozen=True)
class Asked:
    """What the command line asks for besides the scenario."""

    axis: str
    bar: str
    attacks: Sequence[str]
    seeds: int
    ends: tuple[float | None, float | None]
    overrides: Sequence[str]
    workers: int | Literal["auto"] | None
    out: Path | None
    as_json: bool


def broken(scenario: Path, asked: Asked) -> int:
    """Search and say where the defence breaks; the exit code."""
    workers = asked.workers if isinstance(asked.workers, int) else usable_cores()
    try:
        search = Breakdown(
            scenario, asked.axis, asked.bar, attacks=asked.attacks, seeds=asked.seeds, ends=asked.ends,
            overrides=asked.overrides, folder=asked.out, workers=workers,
        )  # fmt: skip
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--bar") from error
    what = f"bisecting {one_line(search.name)}"
    if is_interrupted(search, search.bar.key, lambda done: (what, done, done + 1), quiet=asked.as_json):
        show([Text(f"interrupted: the same command goes on from what is in {search.folder}")], messages())
        return INTERRUPTED
    answer = search.answer()
    if asked.as_json:
        show_json(record(answer))
    else:
        show(lines(answer, width()))
    return 0


def record(answer: Answer) -> dict[str, Any]:
    """The answer as plain JSON."""
    axis = {"name": answer.axis.name, "values": answer.axis.words, "refused": answer.axis.refused}
    attacks = [asdict(each) | {"already": each.already, "never": each.never} for each in answer.attacks]
    return {
        "scenario": answer.scenario, "axis": axis, "bar": answer.bar, "attacks": attacks,
        "weakest": answer.weakest.attack if answer.weakest else None, "folder": str(answer.folder),
        "runs": [each._asdict() | {"folder": str(each.folder)} for each in answer.seen],
    }  # fmt: skip


def lines(answer: Answer, columns: int) -> Iterator[Text]:
    """The answer in a sentence, a line for each attack, and every number that was seen."""
    yield Text.assemble((one_line(answer.scenario), "bold"), f": {_sentence(answer)}")
    yield Text("")
    yield from table_lines(_table(answer), columns)
    yield Text("")
    for each in answer.attacks:
        yield from labelled(each.attack, _seen(answer, each), width=columns, column=max(COLUMN, len(each.attack) + 2))
    if answer.axis.refused:
        yield from labelled("limit", answer.axis.refused, width=columns, column=COLUMN, style="yellow")
    yield from labelled("folder", f"{answer.folder}: another bar plays only what is new", width=columns, column=COLUMN)


def _sentence(answer: Answer) -> str:
    axis, bar = answer.axis, answer.bar
    mild, severe = axis.shown(axis.values[0]), axis.shown(axis.values[-1])
    if all(each.already for each in answer.attacks):
        return f"{bar} already at {mild} {axis.words}: there is nothing to break; lower the bar or train longer"
    if all(each.never for each in answer.attacks):
        return f"{bar} is never reached, not at {severe} {axis.words} either"
    if answer.weakest is None or answer.weakest.estimate is None:
        return f"{bar} within the row for some seeds only; see below"
    found = answer.weakest.estimate
    interval = "" if found.low is None or found.high is None else f" [{_short(found.low)}, {_short(found.high)}]"
    return f"{bar} from {_short(found.mean)}{interval} {axis.words} on ({answer.weakest.attack})"


def _table(answer: Answer) -> Table:
    rows = []
    for each in answer.attacks:
        found = each.estimate
        ends = (found.low, found.high) if found else (None, None)
        interval = NOTHING if None in ends else " to ".join(_short(end) for end in ends if end is not None)
        seeds = ", ".join(_one(one.held, one.failed, answer.axis) for one in each.seeds)
        rows.append((each.attack, _short(found.mean) if found else _outside(each), interval, seeds))
    note = (
        f"least {answer.axis.words} at which {answer.bar} after the last round"
        f" ({'geometric ' if answer.axis.logarithmic else ''}mean over seeds, 95 % t interval); by seed: the most "
        "severe value that held – the mildest that failed. Bisection takes for granted that more is never better"
    )
    return Table("break", "by attack", ("attack", "breaks at", "interval", "by seed"), tuple(rows), (), (note,))


def _outside(each: Breaking) -> str:
    return OUTSIDE[True] if each.already else OUTSIDE[False] if each.never else "not for every seed"


def _one(held: float | None, failed: float | None, axis: Axis) -> str:
    if held is None:
        return "at once"
    return f"{axis.shown(held)}–{'never' if failed is None else axis.shown(failed)}"


def _seen(answer: Answer, each: Breaking) -> str:
    """The mean number at every value that was played, from mild to severe."""
    found: dict[float, list[float]] = {}
    for one in answer.seen:
        if one.attack == each.attack and one.number is not None:
            found.setdefault(one.value, []).append(one.number)
    order = sorted(found, reverse=answer.axis.values[0] > answer.axis.values[-1])
    runs = plural(sum(map(len, found.values())), "run")
    told = ", ".join(f"{answer.axis.shown(value)}: {sum(found[value]) / len(found[value]):.3f}" for value in order)
    return f"mean {answer.bar.split()[0]} at {told} ({runs})"


def _short(value: float) -> str:
    return f"{value:.3g}"
