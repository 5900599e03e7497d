"""What other rules would have done with the rows of a recorded round.

    answer = fedsim.replay("runs/mine", 57, ["nnm+trimmed_mean", "krum(f=3)"])
    for outcome in answer.outcomes:
        print(outcome.rule, outcome.distance, outcome.byzantine_weight)

Every rule gets the same rows, and the parameters and the aggregate that the run itself had before the round: the run
up to there is what it was, and one judgement is another. A rule with a past is asked in every round from the first, as
if it had looked on, and keeps its own memory. What an attack would have sent under another rule is not known here: an
attack that looks at the rule is named in a note, and `fedsim fork` plays it.
"""

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fedsim.aggregators.contract import aggregators
from fedsim.array_types import Progress, silent
from fedsim.errors import ResultsConflict, RunFailed, ScenarioError
from fedsim.events import Aggregated
from fedsim.proof.outcomes import Outcome
from fedsim.runs.code_record import other_code
from fedsim.runs.reading import events_of, read_scenario
from fedsim.runs.recorded_updates import load_updates, recorded_rounds
from fedsim.scenario.chains import forging
from fedsim.scenario.pipelines import assumed_byzantine, has_past, pipeline_name, with_pipeline
from fedsim.scenario.sections import Scenario, attackers

if TYPE_CHECKING:
    from fedsim.execution.pool import Pool

ALL = "all"


class Replayed(NamedTuple):
    """A round under other rules."""

    round: int
    honest: int  # rows
    byzantine: int  # rows
    f: int  # for the rules that want one and were given none
    own: Outcome  # of the run's own rule
    outcomes: tuple[Outcome, ...]
    left_out: Mapping[str, str]  # rules that were not asked -> why
    notes: tuple[str, ...]


def replay(
    folder: str | PathLike[str],
    round: int,
    rules: str | Sequence[str] = ALL,
    *,
    pool: "Pool | None" = None,
    progress: Progress = silent,
    kept_code: bool = False,
) -> Replayed:
    """What these rules would have made of a recorded round of a results folder.

    A rule is written `krum`, `nnm+trimmed_mean` or `nnm(f=2)+krum(f=3)`; "all" means every rule there is, without
    pre-aggregators. Where no f is given it is that of the run's own rule, or else the number of Byzantine rows.
    ScenarioError where a rule that was named cannot be asked; ResultsConflict where its rounds were not recorded.
    """
    path, named = Path(folder), [rules] if isinstance(rules, str) and rules != ALL else rules
    scenario = read_scenario(path, kept_code=kept_code)
    record, event = load_updates(path, round), _aggregated(path, round)
    byzantine = int(record.received.byzantine.sum())
    assumed = assumed_byzantine(scenario)
    f = byzantine + len(record.received.nonfinite) if assumed is None else assumed
    wanted, left_out = _candidates(path, scenario, round, named, f)
    from fedsim.proof.judging_again import Bench  # and with it torch, once nothing is left to refuse

    with Bench(path, scenario, pool, progress) as bench:
        own = bench.outcome(scenario, round, _begun(path, scenario, round))
        outcomes = bench.outcomes(wanted, round)
    found = [each for each in outcomes if isinstance(each, Outcome)]
    failed = {rule: str(each) for rule, each in zip(wanted, outcomes, strict=True) if not isinstance(each, Outcome)}
    if failed and rules != ALL:
        raise RunFailed("; ".join(failed.values()))
    notes = tuple(_notes(path, scenario, round, own, event))
    return Replayed(
        round, len(record.received.matrix) - byzantine, byzantine, f, own,
        tuple(sorted(found, key=_nearest_first)) if rules == ALL else tuple(found), left_out | failed, notes,
    )  # fmt: skip


Wanted = dict[str, tuple[Scenario, int]]
"""Rules by name: the scenario that has each, and the round in which it is first asked."""


def _candidates(
    path: Path, scenario: Scenario, round: int, named: Sequence[str], f: int
) -> tuple[Wanted, dict[str, str]]:
    """What is to be asked and, of all rules, why the others are not."""
    wanted: Wanted = {}
    left_out = {}
    for text in named if named != ALL else [entry.name for entry in aggregators]:
        try:
            made = with_pipeline(scenario, text, f)
            wanted[pipeline_name(made) if named == ALL else text] = made, _begun(path, made, round)
        except (ScenarioError, ResultsConflict) as error:
            if named != ALL:
                raise
            left_out[text] = _reason(error)
    return wanted, left_out


def _reason(error: ScenarioError | ResultsConflict) -> str:
    if isinstance(error, ResultsConflict):
        return str(error)
    return "; ".join(f"{each.path[-1]}: {each.message}" for each in error.problems)


def _begun(path: Path, scenario: Scenario, round: int) -> int:
    """The round in which a rule is first asked: this one, or the first of all where it has a past."""
    if not has_past(scenario):
        return round
    missing = sorted({*range(1, round + 1)} - {*recorded_rounds(path)})
    if missing:
        raise ResultsConflict(
            f"{pipeline_name(scenario)} has a past, so it is asked in every round from the first to {round}: round "
            f"{missing[0]} was not recorded in {path}"
        )
    return 1


def _aggregated(path: Path, round: int) -> Aggregated:
    """What is on record of the round's judgement."""
    for event in events_of(path):
        if isinstance(event, Aggregated) and event.round == round:
            return event
    raise ResultsConflict(f"{path} tells nothing of what became of round {round}: its events end before")


def _nearest_first(outcome: Outcome) -> tuple[bool, float]:
    return outcome.distance != outcome.distance, outcome.distance  # NaN last


def _notes(path: Path, scenario: Scenario, round: int, own: Outcome, event: Aggregated) -> Iterator[str]:
    """What a reader has to know to read the numbers rightly."""
    if words := other_code(path, scenario):
        yield words
    mine = (own.norm, own.distance, own.byzantine_weight, own.skipped)
    if repr(mine) != repr((event.norm, event.distance, event.byzantine_weight, event.skipped)):
        yield "the run's own rule gives other numbers here than on record: do not trust the others before that is known"
    for index, adversary in attackers(scenario, round):
        for step in forging(adversary):
            if "defence" in step.entry.supplied:
                yield (
                    f"attacks[{index}], {step.entry.name}, looked at the run's rule before it forged its rows: under "
                    "another rule it would have sent others, as fedsim fork would show"
                )
