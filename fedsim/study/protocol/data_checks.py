"""Questions about the data and about what is scored on them."""

from collections.abc import Iterator
from typing import Any

from fedsim.metrics.contract import VALIDATION, metrics
from fedsim.scenario.sections import Scenario
from fedsim.study.axes import Axis
from fedsim.study.protocol.answers import Judged, Keys, Mend
from fedsim.study.protocol.mending import base_keys, one_more, study_keys
from fedsim.study.protocol.subject import Subject

FEWEST_SEEDS, SEEDS = 3, 5
EASY_DATA = {
    "mnist": "a linear model comes near the best",
    "digits": "a linear model comes near the best",
    "wine": "178 examples, all but told apart by a line",
    "breast_cancer": "569 examples, all but told apart by a line",
    "glyphs": "drawn by a program",
    "sentences": "made by a program",
}
"""Data on which hardly any method fails, and why."""
HARDER_DATA: tuple[dict[str, Any], ...] = (
    {"data": "cifar10", "model": "cnn"},
    {"data": "femnist", "model": "femnist_cnn"},
    {"data": "cifar10"},
    {"data": "femnist"},
    {"data": "cifar10", "model": "cnn", "partition": {"name": "dirichlet", "alpha": 0.3}},
)
"""What may stand beside them, the first that suits the rest of the study."""
IID_CONCENTRATION = 10.0
"""Dirichlet concentrations from which clients are as good as alike."""
VALIDATED = 200
UNEQUAL = ("worst_class_accuracy", "accuracy_of_worst_owners", "accuracy_of_owners", "balanced_accuracy")


def seeds(subject: Subject) -> Judged:
    """Is it more than chance?"""
    count = len(subject.seeds)
    if count >= FEWEST_SEEDS:
        return Judged("holds", f"{count} seeds, with an interval over them")
    text = "one seed: nothing can be told from chance" if count == 1 else f"{count} seeds give no useful interval"
    usual = subject.seeds == tuple(range(1, count + 1))
    more = SEEDS if usual else [*subject.seeds, *(subject.seeds[-1] + 1 + k for k in range(SEEDS - count))]
    return Judged("finding", text, [(study_keys(subject, {("seeds",): more}),)])


def unlike_clients(subject: Subject) -> Judged:
    """Are the clients' data unlike each other's?"""
    if not all(_alike(case.scenario) for case in subject.cases):
        return Judged("holds", "some clients' data are unlike others'")
    names = ", ".join(dict.fromkeys(case.scenario.partition.name for case in subject.cases))
    text = f"all clients hold data of one kind ({names}): most rules are judged too kindly so"
    given = subject.cases[0].scenario.partition
    unlike: dict[str, Any] = {"name": "dirichlet", "alpha": 0.3}
    if given.name == "virtual":
        unlike = {"name": "virtual", "samples": given.settings["samples"], "alpha": 0.3}
    return Judged("finding", text, [one_more(subject, "partition", "unlike", {"partition": unlike})])


def harder_data(subject: Subject) -> Judged:
    """Do the data let a method fail?"""
    names = list(dict.fromkeys(case.scenario.data.name for case in subject.cases))
    if any(name not in EASY_DATA for name in names):
        return Judged("holds", f"not only easy data: {', '.join(name for name in names if name not in EASY_DATA)}")
    told = "; ".join(f"{name}: {EASY_DATA[name]}" for name in names)
    owned = any(case.scenario.partition.name == "by_writer" for case in subject.cases)
    fitting = (each for each in HARDER_DATA if each["data"] == "femnist" or not owned or "partition" in each)
    ways = (one_more(subject, "data", str(each["data"]), each) for each in fitting)
    return Judged("finding", f"easy data only ({told})", ways)


def everybody(subject: Subject) -> Judged:
    """Who is served worst?"""
    lacking = [case for case in subject.cases if not _looks_at_the_worst(case.scenario)]
    if not lacking:
        return Judged("holds", "scored by class or by owner too")
    named = subject.base.get("evaluation", {}).get("metrics", [])
    ways = (base_keys(subject, {("evaluation", "metrics"): [*named, name]}) for name in UNEQUAL)
    return Judged("finding", "only averages are scored: one class or one owner may be lost unseen", ways)


def chosen_on_test(subject: Subject) -> Judged:
    """Is the reported round chosen on the test examples?"""
    validated = all(case.scenario.evaluation.validation for case in subject.cases)
    if subject.questions is None:
        if validated:
            return Judged("holds", "the selected round is chosen on validation examples")
        text = "no validation examples: a best round could only be chosen on the test examples"
        return Judged("finding", text, [_validation(subject)])
    score = subject.questions.score
    if score == "best":
        text = "the score is the best of all rounds on the test examples: it flatters, and noisy runs the most"
        return Judged("finding", text, _scores(subject, "selected", "final", validated=validated))
    if score == "selected" and not validated:
        text = "the score is of the round that is best on validation examples, and there are none"
        return Judged("finding", text, [_validation(subject), *_scores(subject, "final", validated=True)])
    return Judged("holds", f"the score is {score}: {subject.questions.meaning}")


def tuned_on_test(subject: Subject) -> Judged:
    """Are settings chosen by the numbers that are reported?"""
    if subject.questions is None:
        return Judged("not asked", "one scenario does not say how its settings were found")
    tuned = [axis.name for axis in subject.axes if len(axis.levels) > 1 and _tunes(axis)]
    score = subject.questions.score
    if not tuned:
        return Judged("holds", "no setting of the training or of a rule is varied")
    if score.startswith(VALIDATION):
        return Judged("holds", f"{', '.join(tuned)} can be chosen by {score}, apart from the test examples")
    text = f"{', '.join(tuned)} is varied and judged on the test examples: whatever is chosen by it was tuned on them"
    validated = all(case.scenario.evaluation.validation for case in subject.cases)
    return Judged("finding", text, _scores(subject, f"{VALIDATION}accuracy", validated=validated))


def _validation(subject: Subject) -> tuple[Mend, ...]:
    return base_keys(subject, {("evaluation", "validation"): VALIDATED})


def _scores(subject: Subject, *scores: str, validated: bool) -> Iterator[tuple[Mend, ...]]:
    """Other scores, with validation examples where there are none."""
    for score in scores:
        asked: dict[Keys, Any] = {("statistics", "score"): score}
        more = () if validated or score == "final" else _validation(subject)
        if len(more) == 1 and more[0].into == subject.source:
            yield (Mend(subject.source, asked | dict(more[0].changes), more[0].takes_out),)
        else:
            yield (Mend(subject.source, asked), *more)


def _alike(scenario: Scenario) -> bool:
    name, settings = scenario.partition.name, scenario.partition.settings
    if name in ("dirichlet", "virtual"):
        return settings.get("alpha") is None or settings["alpha"] >= IID_CONCENTRATION
    return name in ("iid", "quantity") or (name == "gamma" and settings["similarity"] >= 1)


def _looks_at_the_worst(scenario: Scenario) -> bool:
    """Whether a metric goes by class or by owner."""
    return any(
        choice.name in UNEQUAL or {"owners", "classes"} & {*metrics[choice.name].supplied}
        for choice in scenario.evaluation.metrics
    )


def _tunes(axis: Axis) -> bool:
    """Whether an axis varies a setting rather than an algorithm or the threat."""
    if any(keys[0] in ("attacks", "data", "partition", "clients", "model") for keys in axis.keys):
        return False
    return any(_is_setting(keys) for keys in axis.keys) or _same_rule(axis)


def _is_setting(keys: tuple[str | int, ...]) -> bool:
    below_rule = keys[0] in ("aggregator", "preaggregators") and keys[-1] not in ("name", "f", *_WHOLE)
    return keys[0] == "server" or below_rule or (keys[0] == "training" and keys[1:2] != ("algorithm",))


_WHOLE = ("aggregator", "preaggregators")


def _same_rule(axis: Axis) -> bool:
    """Whether one rule stands in it with different settings, its f aside."""
    rules = [level.changes["aggregator",] for level in axis.levels if ("aggregator",) in level.changes]
    names = [rule if isinstance(rule, str) else rule.get("name") for rule in rules]
    settings = [{} if isinstance(rule, str) else {k: v for k, v in rule.items() if k not in ("name", "f")}
                for rule in rules]  # fmt: skip
    pairs = list(zip(names, settings, strict=True))
    return any(names[i] == names[j] and pairs[i] != pairs[j] for i in range(len(pairs)) for j in range(i))
