"""From the records of a study's cells to its statistics: what is grouped with what, and what is paired."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fedsim.study.plan import SEED
from fedsim.study.questions import Questions
from fedsim.study.statistics import Difference, Estimate, Ranks, estimate, holm, paired, ranks

Labels = Mapping[str, str]
Key = tuple[tuple[str, str], ...]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Compared:
    """A variant beside the reference under one condition."""

    condition: Labels
    variant: str
    reference: str
    difference: Difference


@dataclass(frozen=True)
class Worst:
    """The worst case of a variant over attacks, under one condition of all else."""

    condition: Labels
    variant: str
    estimate: Estimate  # of each seed's worst
    attack: str  # whose mean is the worst
    spread: float  # between the means of the best and the worst
    wins: bool = False  # whether no other variant has a better worst case


@dataclass(frozen=True)
class WorstAt:
    """The worst case of a variant at a level of some axis, over the levels of all others."""

    variant: str
    level: str
    estimate: Estimate  # of each seed's worst
    where: Labels  # whose mean is the worst


class Analysis:
    """The scores of a study by condition and seed; `sign` makes more be better."""

    def __init__(
        self,
        records: Sequence[Record],
        axes: Mapping[str, Sequence[str]],
        questions: Questions,
        planned: Sequence[Labels],
    ) -> None:
        self.axes, self.questions = axes, questions
        self.names = [axis for axis in axes if axis != SEED]
        self._planned = {tuple((axis, labels[axis]) for axis in self.names) for labels in planned}
        self._scores: dict[Key, dict[str, float]] = {}
        for record in records:
            value = record.get(questions.score)
            if isinstance(value, int | float):
                key = tuple((axis, str(record[axis])) for axis in self.names)
                self._scores.setdefault(key, {})[str(record[SEED])] = float(value)

    def scores(self, **labels: str) -> dict[str, float]:
        """The score of each seed under these labels, one for each axis."""
        return self._scores.get(tuple((axis, labels[axis]) for axis in self.names), {})

    def _is_planned(self, labels: Labels) -> bool:
        return tuple((axis, labels[axis]) for axis in self.names) in self._planned

    def estimates(self) -> Iterator[tuple[Labels, Estimate]]:
        """The mean over seeds of every condition that has a finished cell."""
        for key, scores in self._scores.items():
            if found := estimate(list(scores.values()), self.questions.interval):
                yield dict(key), found

    def without(self, *axes: str) -> list[Labels]:
        """Every combination of levels on the other axes that occurs."""
        return [dict(key) for key in dict.fromkeys(tuple(p for p in k if p[0] not in axes) for k in self._scores)]

    def differences(self) -> list[Compared]:
        """Each variant against the reference, seed by seed, under each condition; Holm's correction over all."""
        axis = self.questions.compare
        if not axis:
            return []
        reference = self.questions.reference or self.axes[axis][0]
        found = []
        for condition in self.without(axis):
            base = self.scores(**condition, **{axis: reference})
            for variant in self.axes[axis]:
                own = self.scores(**condition, **{axis: variant})
                seeds = [seed for seed in own if seed in base]
                result = paired([own[s] for s in seeds], [base[s] for s in seeds], self.questions.interval)
                if variant != reference and result:
                    found.append(Compared(condition, variant, reference, result))
        corrected = holm([each.difference.p for each in found])
        return [
            replace(each, difference=replace(each.difference, holm=p)) for each, p in zip(found, corrected, strict=True)
        ]

    def worst_cases(self) -> list[Worst]:
        """The worst attack of each variant that has met all of them, and who has the best: the max–min."""
        compare, over = self.questions.compare, self.questions.worst_over
        if not over:
            return []
        found: list[Worst] = []
        for condition in self.without(compare, over):
            variants = self.axes[compare] if compare else ("",)
            group = [each for variant in variants if (each := self._worst(condition, variant))]
            best = max((self.questions.better * each.estimate.mean for each in group), default=None)
            found += [replace(e, wins=self.questions.better * e.estimate.mean == best) for e in group]
        return found

    def _worst(self, condition: Labels, variant: str) -> Worst | None:
        compare, over, sign = self.questions.compare, self.questions.worst_over, self.questions.better
        own = {**condition, **({compare: variant} if compare else {})}
        levels = [level for level in self.axes[over] if self._is_planned({**own, over: level})]
        attacks = {level: self.scores(**own, **{over: level}) for level in levels}
        seeds = [s for s in self.axes[SEED] if attacks and all(s in scores for scores in attacks.values())]
        if not seeds:
            return None
        worst = [min((scores[s] for scores in attacks.values()), key=lambda v: sign * v) for s in seeds]
        means = {level: sum(scores[s] for s in seeds) / len(seeds) for level, scores in attacks.items()}
        name = min(means, key=lambda level: sign * means[level])
        found = estimate(worst, self.questions.interval)
        spread = max(means.values()) - min(means.values())
        return Worst(condition, variant, found, name, spread) if found else None

    def worst_at(self, axis: str) -> list[WorstAt]:
        """The worst case of each variant at each level of an axis, over all that is planned of the other axes."""
        compare = self.questions.compare
        variants = self.axes[compare] if compare not in ("", axis) else ("",)
        cases = [(variant, level) for variant in variants for level in self.axes[axis]]
        return [found for variant, level in cases if (found := self._worst_at(axis, variant, level))]

    def _worst_at(self, axis: str, variant: str, level: str) -> WorstAt | None:
        """Of the seeds that have every cell; None where there is none."""
        own = {axis: level} | ({self.questions.compare: variant} if variant else {})
        keys = [key for key in sorted(self._planned) if own.items() <= dict(key).items()]
        seeds = [seed for seed in self.axes[SEED] if keys and all(seed in self._scores.get(key, {}) for key in keys)]
        if not seeds:
            return None
        sign = self.questions.better
        worst = [min((self._scores[key][seed] for key in keys), key=lambda value: sign * value) for seed in seeds]
        means = {key: sum(self._scores[key][seed] for seed in seeds) / len(seeds) for key in keys}
        where = {name: label for name, label in min(means, key=lambda key: sign * means[key]) if name not in own}
        found = estimate(worst, self.questions.interval)
        return WorstAt(variant, level, found, where) if found else None

    def ranks(self) -> tuple[Sequence[str], Ranks | None]:
        """The variants' mean ranks over all conditions under which each of them has finished cells."""
        axis = self.questions.compare
        if not axis:
            return (), None
        rows = []
        for condition in self.without(axis):
            row = [self.scores(**condition, **{axis: variant}) for variant in self.axes[axis]]
            shared = [seed for seed in row[0] if all(seed in scores for scores in row)]
            if shared:
                mean = [sum(scores[seed] for seed in shared) / len(shared) for scores in row]
                rows.append([self.questions.better * value for value in mean])
        return self.axes[axis], ranks(rows)
