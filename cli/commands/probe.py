"""`fedsim probe`: how robust a rule is whatever it is given, and what no rule can do better."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from cli.display.consoles import messages, output, show, show_json
from cli.display.formatting import plural
from cli.display.layout import labelled
from cli.display.waiting import Waiting
from fedsim.clean_text import one_line
from fedsim.probe import NotProbed, Probe, candidates, probe
from fedsim.scenario.toml_values import NOTHING

OF_ALL = 3000
"""Calls of each rule where all of them are asked."""
CALLS_A_STEP = 20
"""Calls between two moves of the bar."""
NAME, COEFFICIENT, BOUND = 34, 12, 12


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    n: int
    f: int
    d: int
    calls: int | None
    pre: Sequence[str]
    figure: Path | None
    as_json: bool


def probed(rule: str | None, every: bool, asked: Asked) -> None:
    """Answer for one rule or for all of them."""
    if every == bool(rule):
        raise typer.BadParameter("name a rule, such as krum or nnm+trimmed_mean, or ask for --all", param_hint="RULE")
    if every and asked.figure is not None:
        raise typer.BadParameter("is of one rule: name it", param_hint="--figure")
    if asked.figure is not None and not asked.figure.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {one_line(str(asked.figure.parent))}", param_hint="--figure")
    texts = ["+".join([*asked.pre, each]) for each in ([rule] if rule else candidates())]
    found, refused = _answers(texts, asked, skip=every)
    if asked.as_json:
        show_json([record(each) for each in found] if every else record(found[0]))
    else:
        show(table(found, refused, output().width) if every else page(found[0], output().width))
    if rule and asked.figure is not None:
        _draw(texts[0], found[0], asked.figure)


def _answers(texts: Sequence[str], asked: Asked, skip: bool) -> tuple[list[Probe], dict[str, str]]:
    from fedsim.execution.arithmetic import repeatable
    from fedsim.probe.question import CALLS, require_majority

    require_majority(asked.n, asked.f)
    calls = asked.calls or (OF_ALL if skip else CALLS)
    found, refused = [], {}
    with Waiting(messages()) as waiting, repeatable():
        for done, text in enumerate(texts):
            waiting(text, done, len(texts))
            told = _silent if skip else partial(_tell, waiting, text, calls)
            try:
                found.append(probe(text, asked.n, asked.f, asked.d, calls, told))
            except NotProbed as error:
                if not skip:
                    raise
                refused[text] = str(error)
    return found, refused


def _silent(_: int) -> None:
    """Of one rule among many nothing is told."""


def _tell(waiting: Waiting, text: str, calls: int, done: int) -> None:
    if done % CALLS_A_STEP == 0:
        waiting(text, min(done, calls), calls)


def _draw(text: str, found: Probe, path: Path) -> None:
    from fedsim.probe.curves import curves
    from fedsim.probe.subject import subject
    from fedsim.report.probe_figure import draw_probe

    own, median = (curves(subject(each, found.f), found.n, found.f) for each in (text, "median"))
    draw_probe(path, found.rule, found.n, found.f, own, median)
    messages().print(f"{one_line(str(path))} written", soft_wrap=True)


def record(found: Probe) -> dict[str, Any]:
    """The answer as plain JSON; what has no bound is null beside `bounded`: false."""
    told = asdict(found) | {"bounded": math.isfinite(found.kappa), "optimal": found.is_optimal}
    told["kappa"] = found.kappa if told["bounded"] else None
    for name in ("rows", "honest"):
        told[name] = None if told[name] is None else told[name].tolist()
    return told


def page(found: Probe, width: int) -> Iterator[Text]:
    """Everything about one rule."""
    rest = f"{found.f} of them anybody's" if found.f else "all of them honest"
    yield Text.assemble((found.rule, "bold"), (f" · {plural(found.n, 'row')}, {rest}", "dim"))
    rows = [("κ*", coefficient(found), _how(found))]
    if bound := found.published:
        rows.append(("proved", f"≤ {bound.value:.3f}", f"{bound.formula}, {bound.source}"))
    best = ": none is more robust than this one" if found.is_optimal else ""
    rows.append(("any rule", f"≥ {found.least:.3f}", f"f/(n − 2f){best}"))
    rows.append(("breaks at", NOTHING if found.breaks_at is None else f"{found.breaks_at}", _broken(found)))
    for label, value, words in rows:
        yield from labelled(f"{label:<11}{value:<10}", words, width=width, column=22, style="")


def _how(found: Probe) -> str:
    if not math.isfinite(found.kappa):
        return _why(found)
    if found.kind == "exact":
        return "in closed form"
    return f"a search in {plural(found.d, 'coordinate')}, {plural(found.calls, 'call')} of the rule"


def _broken(found: Probe) -> str:
    if found.breaks_at is None:
        return "no number of outsiders that was tried moves it without bound"
    return f"{plural(found.breaks_at, 'outsider')} of {found.n} {_moves(found.breaks_at)} it without bound"


def _moves(count: int) -> str:
    return "moves" if count == 1 else "move"


def _why(found: Probe) -> str:
    if found.breaks_at is not None and found.breaks_at <= found.f:
        return f"no bound: {plural(found.breaks_at, 'outsider')} {_moves(found.breaks_at)} it as far as they like"
    return "no bound: honest rows that are all but alike, and an answer elsewhere (--json has them)"


def coefficient(found: Probe) -> str:
    """κ* as it is shown: `0.286`, `≥ 2.694` or `∞`."""
    if not math.isfinite(found.kappa):
        return "∞"
    return f"{found.kappa:.3f}" if found.kind == "exact" else f"≥ {found.kappa:.3f}"


def table(found: Sequence[Probe], refused: dict[str, str], width: int) -> Iterator[Text]:
    """A line a rule, the most robust first."""
    if found:
        first = found[0]
        least = f"no rule is below {first.least:.3f}"
        yield Text(f" {plural(first.n, 'row')}, {first.f} of them anybody's · {least}", style="dim")
    yield Text(f" {'rule':<{NAME}}{'κ*':<{COEFFICIENT}}{'proved ≤':<{BOUND}}breaks at", style="bold")
    for each in sorted(found, key=lambda one: (one.kappa, -(one.breaks_at or one.n), one.rule)):
        bound = f"{each.published.value:.3f}" if each.published else NOTHING
        breaks = NOTHING if each.breaks_at is None else str(each.breaks_at)
        mark = "  least possible" if each.is_optimal else "  exact" if each.kind == "exact" else ""
        text = f" {each.rule:<{NAME}}{coefficient(each):<{COEFFICIENT}}{bound:<{BOUND}}{breaks:>9}{mark}"
        yield Text(text, style="dim" if math.isinf(each.kappa) else "")
    for text, words in refused.items():
        yield from labelled(text, words, width=width, column=NAME, indent=1)
    yield Text("")
    yield Text(
        f" {plural(len(found), 'rule')} · ≥ is what a search found · ∞: no bound · fedsim probe RULE", style="dim"
    )
