"""The lines below a run: what came of it, where it is kept, and how to go on."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from rich.text import Text

from cli.display.formatting import plural, reading, score, seconds, weight
from cli.display.round_table import LOST_MARK, absent
from fedsim.events import RunEnded, Scores
from fedsim.metrics.contract import STANDARD_SCORES, VALIDATION, reading_of
from fedsim.runs.backdoor_success import backdoor_success
from fedsim.runs.history import History
from fedsim.runs.ledger_totals import Totals
from fedsim.runs.rows import Row
from fedsim.scenario.toml_values import NOTHING

SHORT_DIGEST = 8
NARROW = 80
"""Columns of a narrow terminal: what does not fit beside the rest of its line stands below."""


def closing(history: History, took: float, stopped: str = "") -> list[Text]:
    """What came of the run; `stopped` says why it ended before its last round."""
    head = Text("done" if history.ended and not stopped else stopped or "stopped", style="bold")
    head.append(f" in {seconds(took)} · {plural(len(history.rows), 'round')}", style="not bold")
    scores = " · ".join(_scores(history))
    facts = [*_weights(history.rows), f"digest {_digest(history)[:SHORT_DIGEST]}"] if history.rows else []
    lines = [*_beside(head, " · ", scores), *_chosen(history), *_backdoor(history.rows)]
    lines += [Text(f"  {' · '.join(facts)}")] if facts else []
    return lines + [Text(f"  {fact}") for fact in _troubles(history.rows)]


def _beside(head: Text, between: str, more: str) -> list[Text]:
    """More on the same line where both fit, else on a line of its own."""
    if more and len(head) + len(between) + len(more) > NARROW:
        return [head, Text(f"  {more}")]
    return [head.append(f"{between}{more}", style="not bold") if more else head]


def told_apart(totals: Totals, folder: Path | None) -> list[Text]:
    """Whom the rule cut, and how many honest clients it silences; nothing where it cut nobody and nobody attacked."""
    sides = [(totals.byzantine, "Byzantine"), (totals.honest, "honest")]
    parts = [f"{side.cut:,} of {plural(side.rows, f'{kind} row')}" for side, kind in sides if side.rows]
    silenced = sum(client.silenced for client in totals.clients())
    if not (totals.byzantine.rows or totals.honest.cut):
        return []
    told = f"  rule cut {' and '.join(parts)}"
    if not silenced:
        return [Text(told)]
    whom = f"silencing {plural(silenced, 'honest client')}"
    whom += f": fedsim ledger {quote(str(folder))}" if folder else ""
    return _beside(Text(f"{told},"), " ", whom)


def kept(folder: Path, files: Sequence[str]) -> list[Text]:
    """Where a finished run lies and how to do it again."""
    return [Text(f"  {folder}   {'  '.join(files)}"), Text(f"  repeat: fedsim verify {quote(str(folder))}")]


def to_go_on(folder: Path, rounds: int) -> list[Text]:
    """What is kept of a run that ended early, and the command that goes on with it."""
    return [Text(f"  {folder}   kept up to round {rounds:,}"), Text(f"  go on: fedsim resume {quote(str(folder))}")]


def _scores(history: History) -> list[str]:
    """Final, best and selected accuracy, which are three different things."""
    if history.ended is not None:
        return _final_scores(history.ended)
    scored = [(row.accuracy, row.number) for row in history.rows if row.accuracy is not None]
    if not scored:
        return []
    best = max(scored, key=lambda pair: pair[0])
    return [f"last {score(scored[-1][0])}", f"best {score(best[0])} (round {best[1]})"]


def _final_scores(ended: RunEnded) -> list[str]:
    if ended.final is None:
        return [f"final {NOTHING}"]
    parts = [f"final {score(ended.final)}", f"best {score(ended.best)} (round {ended.best_round})"]
    return parts + ([f"selected {score(ended.selected)}"] if ended.selected is not None else [])


def _chosen(history: History) -> list[Text]:
    """The last of the scores on test examples besides accuracy and loss."""
    last = next((row.scores for row in reversed(history.rows) if row.scores), Scores())
    asked = [name for name in last if name not in STANDARD_SCORES and not name.startswith(VALIDATION)]
    told = [(found := reading_of(name)).words + " " + reading(last[name], found.form) for name in asked]
    return [Text(f"  {' · '.join(told)}")] if told else []


def _backdoor(rows: Sequence[Row]) -> list[Text]:
    """How far a backdoor got, and how long it outlived its attackers."""
    found = backdoor_success(rows)
    if found is None:
        return []
    parts = [f"backdoor peak {score(found.peak)} (round {found.peak_round})", f"final {score(found.final)}"]
    if found.half_life is not None:
        parts.append(f"half-life {plural(found.half_life, 'round')} after the last attacker")
    elif found.rounds_after:
        parts.append(f"not yet halved {plural(found.rounds_after, 'round')} after the last attacker")
    return [Text(f"  {' · '.join(parts)}")]


def _weights(rows: Sequence[Row]) -> list[str]:
    """How much of the aggregate attackers got, where anybody attacked."""
    counted = [row for row in rows if not row.skipped]
    if not any(row.byzantine for row in rows) or not counted:
        return []
    worst = max(counted, key=lambda row: row.weight)
    mean = sum(row.weight for row in counted) / len(counted)
    return [f"weight on Byzantine rows {weight(mean)} mean, worst round {worst.number}"]


def _troubles(rows: Sequence[Row]) -> list[str]:
    """Rounds that were lost or skipped, and clients that did not count."""
    lost = [row.number for row in rows if row.lost]
    broken = [row.number for row in rows if row.broken]
    skipped = [row for row in rows if row.skipped]
    total = tuple(sum(row.missing[place] for row in rows) for place in range(3))
    facts = []
    if lost:
        facts.append(f"{LOST_MARK} attackers outweighed their share in {plural(len(lost), 'round')}: {_some(lost)}")
    if broken:
        facts.append(f"guarantee broken by too many attackers in {plural(len(broken), 'round')}: {_some(broken)}")
    if skipped:
        facts.append(f"{plural(len(skipped), 'round')} skipped: {skipped[-1].skipped}")
    if any(total):
        facts.append(f"updates that did not count: {absent(total)}")  # type: ignore[arg-type]
    return facts


def _some(numbers: Sequence[int], most: int = 6) -> str:
    shown = ", ".join(map(str, numbers[:most]))
    return f"{shown}, …" if len(numbers) > most else shown


def _digest(history: History) -> str:
    return history.ended.digest if history.ended else history.rows[-1].digest
