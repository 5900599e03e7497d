"""What it takes to play a run again: the commands, the code, the versions, the machine, the resolved scenario."""

from collections.abc import Mapping, Sequence
from functools import partial
from shlex import quote
from typing import Any

from fedsim.report.document import Column, Listing, Part, Picture, Table
from fedsim.report.drawing import draw_bars
from fedsim.report.run_read import RunRead, Seconds
from fedsim.runs.code_record import Code

PHASES = {
    "training": "the clients' local work",
    "aggregation": "pre-aggregators, the rule and the server's step",
    "evaluation": "scoring the global model",
    "rest": "sampling, attacks, and what stands between the phases",
}
CLOCK = "wall clock of whole rounds in seconds; the only numbers here that another run of the scenario changes"
FINGERPRINT = "the digest of all of fedsim's files and of own code"


def cost(run: RunRead) -> list[Part]:
    """Wall clock by phase, in all and round by round."""
    if not run.seconds:
        return []
    parts, wholes = phases_of(run.seconds)
    total = sum(wholes) or 1.0
    rows = [(name, *_cost(values, total), PHASES[name]) for name, values in parts.items()]
    columns = (
        Column("phase"), Column("seconds", "seconds"), Column("share", "share"), Column("median round", "number"),
        Column("slowest round", "number"), Column("what it is"),
    )  # fmt: skip
    table = Table("cost", "Cost by phase", columns, (*rows, ("all", *_cost(wholes, total), "whole rounds")), (CLOCK,))
    return [picture_of_phases({name: sum(values) for name, values in parts.items()}, table)]


def cost_of_runs(runs: Sequence[tuple[str, RunRead]]) -> list[Part]:
    """Wall clock by phase of several runs."""
    rows = []
    for name, run in runs:
        parts, wholes = phases_of(run.seconds)
        rows.append((name, *(sum(values) for values in parts.values()), sum(wholes)))
    columns = (
        Column("run"),
        *(Column(name, "seconds", words) for name, words in PHASES.items()),
        Column("all", "seconds"),
    )
    return [Table("cost", "Cost by phase, in seconds", columns, tuple(rows), (CLOCK,))] if rows else []


def phases_of(seconds: Sequence[Seconds]) -> tuple[dict[str, list[float]], list[float]]:
    """The seconds of each phase in every round, and those of the whole rounds."""
    parts = {name: [getattr(each, name) for each in seconds] for name in PHASES if name != "rest"}
    wholes = [each.whole for each in seconds]
    parts["rest"] = [max(each.whole - each.training - each.aggregation - each.evaluation, 0.0) for each in seconds]
    return parts, wholes


def picture_of_phases(seconds: Mapping[str, float], table: Table) -> Picture:
    """A bar for each phase."""
    total = sum(seconds.values()) or 1.0
    words = [f"{value:,.1f} s, {value / total:.0%}" for value in seconds.values()]
    told = "; ".join(f"{name} {word}" for name, word in zip(seconds, words, strict=True))
    draw = partial(draw_bars, list(seconds), list(seconds.values()), "seconds", words)
    return Picture("cost", "Cost by phase", f"Wall clock by phase: {told}.", draw, table)


def environment(summary: Mapping[str, Any], code: Code | None, workers: int | None = None) -> Table:
    """Versions, machine and code on record."""
    rows = [(f"{name}", str(value), "version") for name, value in _table(summary, "versions").items()]
    rows += [(str(name), str(value), "machine") for name, value in _table(summary, "host").items()]
    rows += [("worker processes", str(workers), "machine; results do not depend on it")] if workers else []
    rows += [("fedsim's code", code.fingerprint, FINGERPRINT)] if code else []
    rows += [(name, digest[:16], "own code, by its digest") for name, digest in (code.own if code else {}).items()]
    rows += [
        ("earlier rounds", each, "fingerprint of other code that made them") for each in (code.earlier if code else ())
    ]
    columns = (Column("what"), Column("value"), Column("kind"))
    return Table("environment", "Environment", columns, tuple(rows))


def commands(run: RunRead) -> Listing:
    """The commands that play it again, from the folder that holds the run's folder."""
    name = quote(run.folder.resolve().name)
    lines = [] if run.status == "finished" else [f"fedsim resume {name}           # goes on to the end"]
    lines += [
        f"fedsim verify {name}           # plays it again and compares every event",
        f"fedsim verify {name} --spot 10 # only ten rounds drawn at random",
    ]
    lines += _anew(run, name)
    return Listing("commands", "From the folder that holds this run's folder", "\n".join(_aligned(lines)))


def scenario_listing(text: str, title: str = "The resolved scenario: every default filled in") -> Listing:
    """scenario.toml as it stands in the folder."""
    return Listing("scenario", title, text, folded=True)


def repeat(run: RunRead) -> list[Part]:
    """All of it, of one run."""
    workers = run.history.started.workers if run.history.started else None
    return [commands(run), environment(run.summary, run.code, workers), scenario_listing(run.text)]


def digests(run: RunRead) -> list[tuple[str, str]]:
    """What names the run: its scenario and its final parameters."""
    found = [("scenario", str(run.summary.get("scenario", "")))]
    return [*found, ("final parameters", run.history.rows[-1].digest)] if run.history.rows else found


def _anew(run: RunRead, name: str) -> list[str]:
    """A run of one's own beside it."""
    if run.fork:
        changes = "".join(f" --set {quote(change)}" for change in run.fork.changes)
        return [f"fedsim fork {quote(run.fork.run)} --at {run.fork.at}{changes} # makes the fork anew"]
    plugins = "".join(
        f" --plugin {quote(f'{name}/plugins/{each}')}" for each in (run.code.kept.values() if run.code else ())
    )
    return [f"fedsim run {name}/scenario.toml --out again{plugins} # a run of your own beside it"]


def _aligned(lines: Sequence[str]) -> list[str]:
    pairs = [line.partition("#") for line in lines]
    wide = max(len(command.rstrip()) for command, _, _ in pairs)
    return [f"{command.rstrip():<{wide}}  # {words.strip()}" for command, _, words in pairs]


def _cost(values: Sequence[float], total: float) -> tuple[float, float, float, float]:
    ordered = sorted(values)
    return sum(values), sum(values) / total, ordered[len(ordered) // 2], ordered[-1]


def _table(summary: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = summary.get(key)
    return found if isinstance(found, dict) else {}
