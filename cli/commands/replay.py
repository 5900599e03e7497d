"""`fedsim replay`: what other rules would have done with the same rows."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import typer
from rich.text import Text

from cli.commands.verify import pool_of
from cli.display.consoles import messages, show, show_json, width
from cli.display.formatting import plural
from cli.display.layout import labelled, wrapped
from cli.display.waiting import Waiting
from fedsim.clean_text import one_line
from fedsim.proof.counterfactual import ALL, Replayed, replay
from fedsim.proof.outcomes import Outcome

NUMBERS = 54
"""Columns of the numbers beside a rule's name."""
OWN = "own: "


def replayed(
    folder: Path,
    round: int,
    named: Sequence[str],
    rules: str | None,
    workers: int | Literal["auto"] | None,
    as_json: bool,
    kept_code: bool,
) -> None:
    """Ask the rules that are meant, and show what each would have done."""
    wanted = _wanted(named, rules)
    with ExitStack() as stack:
        waiting = stack.enter_context(Waiting(messages()))
        pool = stack.enter_context(pool_of(workers)) if workers else None
        answer = replay(folder, round, wanted, pool=pool, progress=waiting, kept_code=kept_code)
    if as_json:
        show_json(record(answer))
    else:
        show(lines(folder, answer, width()))


def _wanted(named: Sequence[str], rules: str | None) -> str | Sequence[str]:
    if named and rules:
        raise typer.BadParameter("give --rule or --rules all, not both", param_hint="--rules")
    if rules not in (None, ALL):
        raise typer.BadParameter(f"takes only all; a rule by name is --rule {one_line(rules)}", param_hint="--rules")
    if not named and not rules:
        raise typer.BadParameter("say which rules: --rule nnm+trimmed_mean, or --rules all", param_hint="--rule")
    return named or ALL


def record(answer: Replayed) -> dict[str, Any]:
    """The answer as plain JSON, without the long arrays."""
    found: dict[str, Any] = answer._asdict()
    return found | {"own": _plain(answer.own), "outcomes": [_plain(each) for each in answer.outcomes]}


def _plain(outcome: Outcome) -> dict[str, Any]:
    table = {each.name: getattr(outcome, each.name) for each in dataclasses.fields(outcome) if each.name != "update"}
    numbers = {key: str(value) for key, value in table.items() if isinstance(value, float) and not math.isfinite(value)}
    return table | numbers | {"weights": [float(weight) for weight in outcome.weights]}


def lines(folder: Path, answer: Replayed, width: int) -> Iterator[Text]:
    """A line for each rule, then what was left out and what else has to be known."""
    rows = plural(answer.honest, "honest row")
    yield Text.assemble(
        (f"round {answer.round}", "bold"),
        f" of {folder}: {rows} and {answer.byzantine} Byzantine; f = {answer.f} where a rule is told none",
    )
    named = [(f"{OWN}{answer.own.rule}", answer.own), *((each.rule, each) for each in answer.outcomes)]
    column = max(min(max(len(name) for name, _ in named) + 2, width - NUMBERS), 12)
    heads = f"{'distance':>10}{'cosine':>8}{'norm':>10}{'byz. weight':>12}{'byz.':>6}{'honest':>8}"
    yield Text(f"{'rule':<{column}}{heads}", style="dim")
    for name, outcome in named:
        yield from _row(name, outcome, answer, column, width)
    yield from _legend(answer, width)
    for name, reason in answer.left_out.items():
        yield from labelled(name, f"not asked: {reason}", width=width, column=column, indent=0)
    for note in answer.notes:
        yield from labelled("note", note, width=width, column=6, indent=0, style="yellow")


def _row(name: str, outcome: Outcome, answer: Replayed, column: int, width: int) -> Iterator[Text]:
    past = "*" if outcome.begun < answer.round else ""
    label = f"{name}{past}"
    label = label if len(label) < column else f"{label[: column - 2]}…"
    if outcome.skipped:
        yield from labelled(
            label, f"cannot be applied: {outcome.skipped}", width=width, column=column, indent=0, style=""
        )
        return
    numbers = f"{outcome.distance:>10.4g}{outcome.cosine:>8.3f}{outcome.norm:>10.4g}{outcome.byzantine_weight:>12.3f}"
    kept = f"{outcome.byzantine_kept}/{answer.byzantine}", f"{outcome.honest_kept}/{answer.honest}"
    yield Text(f"{label:<{column}}{numbers}{kept[0]:>6}{kept[1]:>8}", style="bold" if outcome is answer.own else "")


def _legend(answer: Replayed, width: int) -> Iterator[Text]:
    told = (
        "own: the run's rule; distance and cosine: of the aggregate to the mean of the honest rows; byz. weight: share "
        "of the weights on Byzantine rows; byz., honest: rows with any weight"
    )
    if any(each.begun < answer.round for each in (answer.own, *answer.outcomes)):
        told += f"; *: it has a past, and was asked in every round from 1 to {answer.round}"
    yield from (Text(line, style="dim") for line in wrapped(told, width))
