"""`fedsim laws`: which laws own algorithms keep, which they break, and with what."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from cli.display.formatting import plural
from cli.display.layout import body, labelled, wrapped
from fedsim.laws import Verdict, check, laws_of
from fedsim.plugins.load import load
from fedsim.registry import Entry, registries

SIGNS = {"kept": "✓", "broken": "✗", "confessed": "~", "not tried": "–"}
STYLES = {"kept": "green", "broken": "bold red", "confessed": "yellow", "not tried": "dim"}
COLUMNS = 3
"""Algorithms side by side."""
LAW, NAME = 18, 14


def tried(files: Sequence[str]) -> list[tuple[Entry, list[Verdict]]]:
    """Everything that these files register, with the verdict of each law."""
    entries = {id(entry): entry for file in files for entry in load(file).entries}
    return [(entry, list(check(entry))) for entry in entries.values()]


def lines(found: Sequence[tuple[Entry, list[Verdict]]], width: int) -> Iterator[Text]:
    """A matrix of laws and algorithms for each family, what is wrong below it, and the sum."""
    groups: dict[tuple[str, ...], list[tuple[Entry, list[Verdict]]]] = {}
    for entry, verdicts in found:
        groups.setdefault((entry.family, *laws_of(entry)), []).append((entry, verdicts))
    for (family, *laws), members in groups.items():
        for start in range(0, len(members), COLUMNS):
            yield from _matrix(registries()[family].noun, laws, members[start : start + COLUMNS], width)
    told = [verdict for _, verdicts in found for verdict in verdicts if verdict.outcome != "kept"]
    for verdict in told:
        yield from _told(verdict, width)
    yield Text("")
    counts = {outcome: sum(v.outcome == outcome for _, vs in found for v in vs) for outcome in SIGNS}
    sums = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    yield Text(f" {plural(len(found), 'algorithm')} · laws: {sums or 'none'}", style="dim")


def records(found: Sequence[tuple[Entry, list[Verdict]]]) -> list[dict[str, Any]]:
    """The verdicts as plain JSON."""
    return [verdict._asdict() for _, verdicts in found for verdict in verdicts]


def _matrix(
    noun: str, laws: Sequence[str], members: Sequence[tuple[Entry, list[Verdict]]], width: int
) -> Iterator[Text]:
    names = "".join(f"{_short(entry.name):<{NAME}}" for entry, _ in members)
    yield Text(f" {noun:<{LAW}}{names}".rstrip(), style="bold")
    if not laws:
        yield Text(f" {'no laws are written for this family':<{LAW}}", style="dim")
    left = 1 + LAW + NAME * len(members)
    for law in laws:
        line = Text(f" {law:<{LAW}}")
        for _, verdicts in members:
            outcome = next(verdict.outcome for verdict in verdicts if verdict.law == law)
            line.append(f"{SIGNS[outcome]:<{NAME}}", STYLES[outcome])
        meaning = (laws_of(members[0][0])[law].__doc__ or "").strip()
        head, *others = wrapped(meaning, max(width - left, 20)) or [""]
        yield line.append(head, "dim")
        yield from (Text(f"{'':{left}}{other}", style="dim") for other in others)
    yield Text("")


def _told(verdict: Verdict, width: int) -> Iterator[Text]:
    head = f"{SIGNS[verdict.outcome]} {verdict.name} · {verdict.law}"
    yield Text(f" {head}: {verdict.outcome}", style=STYLES[verdict.outcome])
    yield from body(verdict.words, width=width, indent=4)
    if verdict.case:
        yield from labelled("with", verdict.case, width=width, column=6, indent=4)


def _short(name: str) -> str:
    return name if len(name) < NAME else f"{name[: NAME - 2]}…"
