"""The ledger added up: how well the rule told attackers from honest clients, whom it silences, and what those hold."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.runs.ledger import Mask, Page, Vector
from fedsim.runs.partition_file import Holdings

CHANCE = 0.05
"""A client is silenced where being cut so often by chance is less likely than this, over all clients together."""
SILENCED_SHARE = 0.5
"""And where more than this part of its rows is cut."""
MOST_LISTED = 20
"""Clients and classes that a summary names."""
MOST_CLASSES = 5
"""Classes that it names of a client."""


@dataclass
class Side:
    """Rows of honest clients, or of attackers, added up."""

    rows: int = 0
    cut: int = 0
    voice: float = 0.0
    kept: int = 0
    factor: float = 0.0  # of kept rows
    clients: dict[int, list[float]] = field(default_factory=dict)  # of each: rows, those cut, sum of voices

    def add(self, clients: Integers, voices: Vector, factors: Vector, kept: Mask) -> None:
        """Add rows of one round."""
        self.rows += len(clients)
        self.cut += int((~kept).sum())
        self.voice += float(voices.sum())
        self.kept += int(kept.sum())
        self.factor += float(factors[kept].sum())
        for client, voice, is_kept in zip(clients.tolist(), voices.tolist(), kept.tolist(), strict=True):
            sums = self.clients.setdefault(client, [0, 0, 0.0])
            sums[0] += 1
            sums[1] += not is_kept
            sums[2] += voice

    @property
    def cut_share(self) -> float | None:
        """Share of the rows that was cut; None where there was none."""
        return self.cut / self.rows if self.rows else None

    @property
    def mean_voice(self) -> float | None:
        """Mean weight over fair share; None where there was no row."""
        return self.voice / self.rows if self.rows else None

    @property
    def mean_factor(self) -> float | None:
        """Of kept rows: what they were multiplied with in the mean; None where none was kept."""
        return self.factor / self.kept if self.kept else None


@dataclass(frozen=True)
class ClientRecord:
    """What became of one honest client's rows."""

    client: int
    rows: int
    cut: int
    voice: float
    chance: float  # of so many cut rows or more, were they cut as often as those of all other honest clients together
    silenced: bool


@dataclass(frozen=True)
class ClassRecord:
    """How much of the honest examples of a class was heard."""

    label: int
    examples: int  # that honest clients hold which took part
    holders: int  # these clients
    voice: float  # mean over these examples of their clients' voices, in the rounds in which they took part


class Totals:
    """Adds up pages."""

    def __init__(self, pages: Iterable[Page] = ()) -> None:
        self.rounds = 0
        self.honest, self.byzantine = Side(), Side()
        for page in pages:
            self.add(page)

    def add(self, page: Page) -> None:
        """Add a round."""
        self.rounds += 1
        voices, kept = page.voices, page.kept
        for side, mask in ((self.honest, ~page.byzantine), (self.byzantine, page.byzantine)):
            side.add(page.clients[mask], voices[mask], page.factors[mask], kept[mask])

    @property
    def precision(self) -> float | None:
        """Share of the rows cut that were attackers'; None where none was cut."""
        cut = self.byzantine.cut + self.honest.cut
        return self.byzantine.cut / cut if cut else None

    @property
    def recall(self) -> float | None:
        """Share of the attackers' rows that was cut; None without attackers."""
        return self.byzantine.cut_share

    @property
    def false_positives(self) -> float | None:
        """Share of the honest rows that was cut."""
        return self.honest.cut_share

    def clients(self) -> list[ClientRecord]:
        """Every honest client's record, those silenced first, then by voice."""
        numbers = sorted(self.honest.clients)
        sums = np.array([self.honest.clients[client] for client in numbers]).reshape(-1, 3)
        rows, cut, voices = sums[:, 0], sums[:, 1], sums[:, 2] / np.maximum(sums[:, 0], 1)
        chances = _by_chance(rows, cut)
        silenced = (cut > SILENCED_SHARE * rows) & (chances * len(numbers) < CHANCE)
        parts = zip(numbers, rows, cut, voices, chances, silenced, strict=True)
        found = [ClientRecord(c, int(r), int(k), float(v), float(p), bool(s)) for c, r, k, v, p, s in parts]
        return sorted(found, key=lambda each: (not each.silenced, each.voice, each.client))

    def classes(self, holdings: Holdings) -> list[ClassRecord]:
        """Of every class that honest clients hold which took part, the least heard first."""
        numbers = [client for client in sorted(self.honest.clients) if client < len(holdings.classes)]
        sums = np.array([self.honest.clients[client] for client in numbers]).reshape(-1, 3)
        held = holdings.classes[numbers]
        sent, heard = sums[:, 0] @ held, sums[:, 2] @ held
        examples, holders = held.sum(axis=0), (held > 0).sum(axis=0)
        found = [
            ClassRecord(label, int(examples[label]), int(holders[label]), float(heard[label] / sent[label]))
            for label in np.flatnonzero(examples).tolist()
        ]
        return sorted(found, key=lambda each: (each.voice, each.label))

    def summary(self, holdings: Holdings | None) -> dict[str, Any]:
        """The ledger of a whole run, for summary.json."""
        clients = self.clients()
        listed = [client for client in clients if client.silenced][:MOST_LISTED]
        told: dict[str, Any] = {
            "rounds": self.rounds,
            "byzantine_rows": self.byzantine.rows,
            "byzantine_cut": self.byzantine.cut,
            "honest_rows": self.honest.rows,
            "honest_cut": self.honest.cut,
            "precision": self.precision,
            "recall": self.recall,
            "false_positives": self.false_positives,
            "byzantine_voice": self.byzantine.mean_voice,
            "honest_voice": self.honest.mean_voice,
            "byzantine_factor": self.byzantine.mean_factor,
            "honest_factor": self.honest.mean_factor,
            "honest_clients": len(clients),
            "always_cut": sum(client.cut == client.rows for client in clients),
            "silenced": sum(client.silenced for client in clients),
            "silenced_clients": [_told(client, holdings) for client in listed],
        }
        classes = [] if holdings is None else self.classes(holdings)[:MOST_LISTED]
        return told | {
            "least_heard_classes": [
                {"class": each.label, "examples": each.examples, "holders": each.holders, "voice": each.voice}
                for each in classes
            ]
        }


def main_classes(client: int, holdings: Holdings | None, most: int = MOST_CLASSES) -> list[tuple[int, int, float]]:
    """The classes of which a client holds most: (class, its examples, their share of all examples of the class)."""
    if holdings is None or client >= len(holdings.classes):
        return []
    own, everyone = holdings.classes[client], holdings.classes.sum(axis=0)
    order = [label for label in np.argsort(-own, kind="stable")[:most].tolist() if own[label]]
    return [(label, int(own[label]), float(own[label] / everyone[label])) for label in order]


def _told(client: ClientRecord, holdings: Holdings | None) -> dict[str, Any]:
    holds = main_classes(client.client, holdings)
    return {
        "client": client.client,
        "rows": client.rows,
        "cut": client.cut,
        "voice": client.voice,
        "chance": client.chance,
        "classes": [{"class": label, "examples": own, "share": share} for label, own, share in holds],
    }


def _by_chance(rows: NDArray[np.float64], cut: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) P(X ≥ cut) of a binomial X of `rows` trials with the rate at which all other clients' rows were cut.

    The rate is taken by the rule of succession, (cut + 1)/(rows + 2), so that few rows of others prove nothing.
    """
    from scipy.special import bdtrc

    rate = (cut.sum() - cut + 1) / (rows.sum() - rows + 2)
    return np.asarray(np.where(cut > 0, bdtrc(cut - 1, rows.astype(np.int64), rate), 1.0))
