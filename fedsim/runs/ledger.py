"""The ledger: what the server did with each client's row in each round, held against what only a simulation knows.

A row's *voice* is its weight over the weight that it would have in the rule's own plain average (its fair share): 1 is
heard as any other, 0 not at all. A row is *cut* when it keeps less than half of its fair share, or was set aside as not
finite. The ledger follows from the events on record, so every results folder has one, also one of an older fedsim.

    for page in ledger_of(Path("runs/mine")):
        print(page.round, page.clients[page.byzantine & page.kept])
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.aggregators.contract import aggregators
from fedsim.array_types import Integers
from fedsim.events import Aggregated, BatchTrained, Event, RoundStarted
from fedsim.runs.fork_file import read_fork
from fedsim.runs.reading import events_of, read_scenario
from fedsim.scenario.sections import Choice, Scenario

Mask = NDArray[np.bool_]
Vector = NDArray[np.float64]
HEARD_SHARE = 0.5
"""A row with less than this part of its fair share is cut."""

COLUMNS = {
    "round": "the round, from 1",
    "client": "whose row it is",
    "byzantine": "whether an attack made or poisoned it",
    "weight": "what it counted in the aggregate, by the rule's own weights, which sum to 1",
    "fair": "what it would have in the rule's plain average: by rows, or by examples where the rule counts these",
    "voice": "weight over fair share: 1 is heard as any other, 0 not at all",
    "factor": "what it was multiplied with before it counted, by clipping: 1 as it was sent",
    "kept": "whether it kept at least half of its fair share",
    "finite": "whether its numbers were finite; if not it was set aside before the rule",
}
"""Columns of a ledger as a table, a line for each row of each round."""


@dataclass(frozen=True, eq=False)
class Page:
    """One round of the ledger: the rows that arrived, those that the rule saw first, then those set aside."""

    round: int
    clients: Integers  # (n,)
    byzantine: Mask  # (n,)
    weights: Vector  # (n,) 0 where set aside
    fair: Vector  # (n,)
    factors: Vector  # (n,)
    finite: Mask  # (n,)

    @property
    def voices(self) -> Vector:
        """(n,) weight over fair share; of a row without any fair share 1, as nothing was taken from it."""
        heard = np.where(self.fair > 0, self.weights / np.where(self.fair > 0, self.fair, 1), 1.0)
        return np.where(self.finite & (self.factors > 0), heard, 0.0)

    @property
    def kept(self) -> Mask:
        """(n,) rows that kept at least half of their fair share."""
        return self.voices >= HEARD_SHARE

    def columns(self) -> dict[str, NDArray[Any]]:
        """The page as columns of a table; see COLUMNS."""
        own = (np.full(len(self.clients), self.round), self.clients, self.byzantine, self.weights, self.fair)
        return dict(zip(COLUMNS, (*own, self.voices, self.factors, self.kept, self.finite), strict=True))


class Ledger:
    """Follows a run and writes a page when the rule has given its verdict.

    The rounds of a fork up to the one `after` which it begins are another rule's doing and have no page.
    """

    def __init__(self, scenario: Scenario, after: int = 0) -> None:
        self._by_examples, self._after = counts_examples(scenario.aggregator), after
        self._attackers: dict[int, frozenset[int]] = {}
        self._examples: dict[int, int] = {}

    def __call__(self, event: Event) -> Page | None:
        """The page of a round whose rule was applied; None for any other event."""
        if isinstance(event, RoundStarted):
            self._attackers[event.round] = frozenset(event.byzantine)
        elif isinstance(event, BatchTrained) and self._by_examples:
            self._examples |= zip(event.clients, event.counts, strict=True)
        elif isinstance(event, Aggregated) and not event.skipped and event.round > self._after:
            return self._page(event)
        return None

    def _page(self, event: Aggregated) -> Page:
        seen, aside = len(event.clients), len(event.nonfinite)
        clients = (*event.clients, *event.nonfinite)
        staleness = event.staleness or (0,) * len(clients)
        rows = zip(clients, staleness, strict=True)
        return Page(
            event.round,
            np.array(clients, np.int64),
            np.array([client in self._attackers[event.round - late] for client, late in rows], bool),
            np.array(event.weights + (0.0,) * aside),
            self._fair(clients, seen),
            np.array((event.factors or (1.0,) * seen) + (1.0,) * aside),
            np.arange(len(clients)) < seen,
        )

    def _fair(self, clients: tuple[int, ...], seen: int) -> Vector:
        """Shares of a plain average of the rows that the rule saw; of rows set aside, beside these.

        An attacker that trained nothing claims about as many examples as others have: their mean.
        """
        if not self._by_examples:
            return np.full(len(clients), 1 / seen)
        known = [self._examples.get(client) for client in clients]
        told = [count for count in known if count is not None]
        counts = np.array([np.mean(told or [1]) if count is None else count for count in known], np.float64)
        return counts / (counts[:seen].sum() or 1)


def ledger_of(folder: Path, scenario: Scenario | None = None) -> Iterator[Page]:
    """The pages of a results folder, whole or not, one after another."""
    fork = read_fork(folder)
    return pages(scenario or read_scenario(folder), events_of(folder), fork.at if fork else 0)


def pages(scenario: Scenario, events: Iterable[Event], after: int = 0) -> Iterator[Page]:
    """The pages that these events make."""
    return (page for page in map(Ledger(scenario, after), events) if page is not None)


def as_columns(pages: Iterable[Page]) -> dict[str, NDArray[Any]]:
    """The whole ledger as columns of a table."""
    parts = [page.columns() for page in pages]
    return {name: np.concatenate([part[name] for part in parts]) if parts else np.zeros(0) for name in COLUMNS}


def counts_examples(rule: Choice) -> bool:
    """Whether a rule's plain average weighs clients by their examples rather than alike."""
    return _counts_examples(rule.name, rule.settings)


def _counts_examples(name: str, settings: Mapping[str, Any]) -> bool:
    entry = aggregators[name]
    inner = settings.get("rule")
    if isinstance(inner, str) and "settings" in entry.settings and inner in aggregators:
        own = settings.get("settings")
        return _counts_examples(inner, own if isinstance(own, Mapping) else {})
    by_rows = "weighting" in entry.settings and settings.get("weighting", "rows") == "rows"
    return "counts" in entry.supplied and not by_rows
