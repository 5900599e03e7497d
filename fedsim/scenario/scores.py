"""What an evaluation scores: accuracy and loss always, and the metrics that the scenario names."""

from fedsim.attacks.contract import attacks
from fedsim.errors import Problem
from fedsim.metrics.contract import STANDARD_SCORES, VALIDATION, metrics
from fedsim.scenario.chains import poisoning
from fedsim.scenario.sections import Choice, Scenario

SUCCESS = "asr"
"""What is scored besides where somebody attacks with a backdoor."""
TRIGGERED = "triggered_predictions"
"""The item of metrics that only such a scenario has."""


def backdoored(scenario: Scenario) -> bool:
    """Whether an attack of the scenario has a trigger."""
    return any(step.entry.traits.get("trigger") for each in scenario.attacks for step in poisoning(each))


def scored_always(scenario: Scenario) -> tuple[str, ...]:
    """The metrics that nobody has to name."""
    return (*STANDARD_SCORES, *[SUCCESS] * backdoored(scenario))


def chosen_metrics(scenario: Scenario) -> tuple[Choice, ...]:
    """The metrics in the order of their columns."""
    return (*map(Choice, scored_always(scenario)), *scenario.evaluation.metrics)


def score_names(scenario: Scenario) -> tuple[str, ...]:
    """Names of all scores of an evaluation: on test examples, then on validation examples where there are any."""
    names = tuple(choice.name for choice in chosen_metrics(scenario))
    return (*names, *(VALIDATION + name for name in names if scenario.evaluation.validation))


def scored_twice(scenario: Scenario) -> list[Problem]:
    """Metrics that would have a second column of the same name."""
    always = scored_always(scenario)
    seen, found = set(always), []
    for place, choice in enumerate(scenario.evaluation.metrics):
        if choice.name in seen:
            reason = "is scored in any case" if choice.name in always else "stands there twice"
            message = f"{choice.name} {reason}: leave it out"
            found.append(Problem(("evaluation", "metrics", place), message, choice.name))
        seen.add(choice.name)
    return found


def without_trigger(scenario: Scenario) -> list[Problem]:
    """Metrics of backdoors in a scenario that has none."""
    if backdoored(scenario):
        return []
    known = ", ".join(entry.name for entry in attacks if entry.traits.get("trigger"))
    return [
        Problem(("evaluation", "metrics", place), f"{choice.name} needs an attack with a trigger: {known}", choice.name)
        for place, choice in enumerate(scenario.evaluation.metrics)
        if TRIGGERED in metrics[choice.name].supplied
    ]
