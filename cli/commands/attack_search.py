"""`fedsim break --search`: the worst attack that a budget of rounds finds, and a scenario that repeats it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Literal

import typer
from rich.text import Text

from cli.commands.playing import is_interrupted
from cli.display.consoles import messages, show, show_json, width
from cli.display.formatting import plural
from cli.display.layout import labelled
from cli.signals import INTERRUPTED
from fedsim.clean_text import one_line
from fedsim.proof.attack_answer import TRIED, Tried, WorstCase
from fedsim.proof.attack_search import AttackSearch
from fedsim.scenario.toml_values import NOTHING
from fedsim.study.effort import usable_cores

COLUMN = 12
MOST_SHOWN = 5
"""Runners-up that are shown; all of them stand in a file."""


@dataclass(frozen=True)
class Asked:
    """What the command line asks for besides the scenario."""

    bar: str
    rounds: int
    attacks: Sequence[str]
    sampler: str
    seeds: int
    overrides: Sequence[str]
    workers: int | Literal["auto"] | None
    out: Path | None
    as_json: bool


def searched(scenario: Path, asked: Asked) -> int:
    """Search and say what was worst; the exit code."""
    workers = asked.workers if isinstance(asked.workers, int) else usable_cores()
    try:
        search = AttackSearch(
            scenario, asked.bar, asked.rounds, attacks=asked.attacks, sampler=asked.sampler, seeds=asked.seeds,
            overrides=asked.overrides, folder=asked.out, workers=workers,
        )  # fmt: skip
    except ValueError as error:
        hint = "--sampler" if "sampler" in str(error) or "Optuna" in str(error) else "--bar"
        raise typer.BadParameter(str(error), param_hint=hint) from error
    what = f"searching {one_line(search.name)}"
    if is_interrupted(
        search, search.bar.key, lambda done: (what, min(done, search.runs), search.runs), quiet=asked.as_json
    ):
        words = f"interrupted: the same command goes on from what is in {search.folder}"
        show([Text(words)], messages())
        return INTERRUPTED
    answer = search.answer()
    if asked.as_json:
        show_json(record(answer, search.worst_file))
    else:
        show(lines(answer, search.worst_file, width()))
    return 0


def record(answer: WorstCase, file: Path) -> dict[str, Any]:
    """The answer as plain JSON."""
    others = [{"control": _record(clean), "worst": _record(worst)} for clean, worst in answer.confirmed]
    return {
        "scenario": answer.scenario, "bar": answer.bar, "runs": answer.budget, "already": answer.already,
        "never": answer.never, "control": _record(answer.control), "worst": _record(answer.worst),
        "file": str(file) if answer.worst else None, "other_seeds": others,
        "tried": list(map(_record, answer.tried)), "folder": str(answer.folder),
    }  # fmt: skip


def _record(tried: Tried | None) -> dict[str, Any] | None:
    if tried is None:
        return None
    known = {"adversary": dict(tried.adversary), "seed": tried.seed, "number": tried.number, "fails": tried.fails}
    return known | {"failure": tried.failure or None, "folder": str(tried.folder)}


def lines(answer: WorstCase, file: Path, columns: int) -> Iterator[Text]:
    """The answer in a sentence, the worst under other seeds, the runners-up, and where the scenario is."""
    yield Text.assemble((one_line(answer.scenario), "bold"), f": {_sentence(answer)}")
    if answer.worst is None:
        yield from labelled("folder", str(answer.folder), width=columns, column=COLUMN)
        return
    yield Text("")
    for label, text in _facts(answer, file):
        yield from labelled(label, text, width=columns, column=COLUMN)


def _sentence(answer: WorstCase) -> str:
    if answer.already:
        return f"{answer.bar} already without attackers ({_number(answer.control)}): nothing to break"
    tried = plural(len(answer.tried), "attack")
    if answer.worst is None:
        return f"none of {tried} could be played to its end"
    if answer.never:
        return f"{answer.bar} is not reached under any of {tried}"
    first = next(place for place, each in enumerate(answer.tried, 1) if each.fails)
    return f"{answer.bar} under {sum(each.fails for each in answer.tried)} of {tried}; attack {first} was the first"


def _facts(answer: WorstCase, file: Path) -> Iterator[tuple[str, str]]:
    """What is known of it, by label."""
    worst = answer.worst
    assert worst is not None  # noqa: S101 - looked at before
    yield "clean", f"{answer.key} {_number(answer.control)} without attackers"
    yield "worst", f"{answer.key} {_number(worst)}  {worst.words}"
    if answer.confirmed:
        for clean, attacked in answer.confirmed:
            yield f"seed {attacked.seed}", f"{answer.key} {_number(attacked)}, {_number(clean)} without attackers"
        yield "", "the worst of many under one seed is partly chance: other seeds say how much"
    else:
        yield "other seeds", "not played: none were asked for, or the budget has no room for them"
    ranked = sorted((each for each in answer.tried if each.harm is not None), key=lambda each: -(each.harm or 0.0))
    for each in ranked[1 : MOST_SHOWN + 1]:
        yield "next", f"{_number(each)}  {each.words}"
    if failed := [each for each in answer.tried if each.failure]:
        yield "failed", f"{plural(len(failed), 'run')}, the first: {one_line(failed[0].failure)}"
    if answer.never:
        yield "further", "a greater --rounds goes on from here; that none was found is no proof"
    yield "repeat", f"fedsim run {quote(str(file))}"
    yield "all tried", str(answer.folder / TRIED)


def _number(tried: Tried | None) -> str:
    if tried is None:
        return NOTHING
    return "not finite" if tried.number is None else f"{tried.number:.3f}"
