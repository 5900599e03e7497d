"""What an evaluation scores: accuracy and loss always, and the metrics that the scenario names."""

from fedsim.errors import Problem
from fedsim.metrics.contract import ALWAYS, VALIDATION
from fedsim.scenario.sections import Choice, Scenario


def chosen_metrics(scenario: Scenario) -> tuple[Choice, ...]:
    """The metrics in the order of their columns."""
    return (*map(Choice, ALWAYS), *scenario.evaluation.metrics)


def score_names(scenario: Scenario) -> tuple[str, ...]:
    """Names of all scores of an evaluation: on test examples, then on validation examples where there are any."""
    names = tuple(choice.name for choice in chosen_metrics(scenario))
    return (*names, *(VALIDATION + name for name in names if scenario.evaluation.validation))


def scored_twice(scenario: Scenario) -> list[Problem]:
    """Metrics that would have a second column of the same name."""
    seen, found = set(ALWAYS), []
    for place, choice in enumerate(scenario.evaluation.metrics):
        if choice.name in seen:
            reason = "is scored in any case" if choice.name in ALWAYS else "stands there twice"
            message = f"{choice.name} {reason}: leave it out"
            found.append(Problem(("evaluation", "metrics", place), message, choice.name))
        seen.add(choice.name)
    return found
