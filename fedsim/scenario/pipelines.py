"""The server's judgement in one line: pre-aggregators in order and at last the rule, `nnm + trimmed_mean(f=2)`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import tomli

from fedsim.aggregators.contract import aggregators
from fedsim.errors import Problem, ScenarioError
from fedsim.plugins.named import is_address
from fedsim.preaggregators.contract import preaggregators
from fedsim.registry import BYZANTINE
from fedsim.scenario.build import compose, decompose
from fedsim.scenario.dry_run import dry_run
from fedsim.scenario.exposure import borne
from fedsim.scenario.sections import Choice, Scenario, Topology
from fedsim.scenario.server_checks import full_rows
from fedsim.scenario.topology import count_of

STEP = re.compile(r"\s*([^()+\s]+)\s*(?:\((.*)\))?\s*", re.DOTALL)
FORM = "write pre-aggregators and at last a rule, such as nnm+trimmed_mean or nnm(f=2)+krum(f=2)"


def with_pipeline(scenario: Scenario, text: str, byzantine: int | None = None) -> Scenario:
    """The scenario with this judgement in the place of its own; ScenarioError with all that is wrong with it.

    `byzantine` is the f of those that want one and are given none.
    """
    steps = read_steps(text, byzantine)
    table = decompose(scenario) | {"preaggregators": steps[:-1], "aggregator": steps[-1]}
    made, problems = compose(table)
    if made is not None:
        problems += dry_run(made, [problem.path for problem in problems])
    own = [each for each in problems if each.path[:1] in {("preaggregators",), ("aggregator",), ("root",)}]
    if own or made is None:
        raise ScenarioError(own or problems, f"rule {text}")
    return made


def read_steps(text: str, byzantine: int | None = None) -> list[dict[str, Any]]:
    """The tables of the steps, the rule's last; ScenarioError where they cannot be read.

    `byzantine` is the f of those that want one and are given none.
    """
    return [_filled(step, place == last, byzantine) for place, last, step in _placed(text)]


def pipeline_name(scenario: Scenario) -> str:
    """The judgement of a scenario by the names of its steps: `nnm + trimmed_mean`."""
    if (topology := scenario.topology) is None:
        return _named(scenario)
    return f"{_named(topology)} in {count_of(topology)} groups → {_named(scenario)}"


def _named(server: Scenario | Topology) -> str:
    return " + ".join(each.name for each in (*server.preaggregators, server.aggregator))


def has_past(scenario: Scenario) -> bool:
    """Whether a step of the judgement remembers what it saw in earlier rounds."""
    return _has_past(scenario) or (scenario.topology is not None and _has_past(scenario.topology))


def _has_past(server: Scenario | Topology) -> bool:
    if any("memory" in preaggregators[each.name].supplied for each in server.preaggregators):
        return True
    return _remembers(server.aggregator.name, server.aggregator.settings)


def assumed_byzantine(scenario: Scenario) -> int | None:
    """The f of the scenario's rule, or of the first pre-aggregator that is told one; with groups a minority of them."""
    steps: list[tuple[Any, Choice]] = [(aggregators, scenario.aggregator)]
    steps += [(preaggregators, each) for each in scenario.preaggregators]
    found = (registry[each.name].byzantine(each.settings) for registry, each in steps)
    minority = None if scenario.topology is None else borne(scenario, full_rows(scenario))
    return next((f for f in found if f is not None), minority)


def _remembers(name: str, settings: Mapping[str, Any]) -> bool:
    """Whether a rule has a past; one that takes another rule to pieces has the past of that one."""
    if "memory" not in aggregators[name].supplied:
        return False
    inner = settings.get("rule")
    return _remembers(inner, settings.get("settings") or {}) if isinstance(inner, str) else True


def _placed(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Each step with its place and the place of the last."""
    steps = [_step(part, text) for part in _parts(text)]
    return ((place, len(steps) - 1, step) for place, step in enumerate(steps))


def _parts(text: str) -> Iterator[str]:
    """The text between the plus signs that stand in no parentheses."""
    depth, begin = 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "+" and depth == 0:
            yield text[begin:place]
            begin = place + 1
    yield text[begin:]


def _step(part: str, text: str) -> dict[str, Any]:
    """`name` or `name(key = value, …)` as the table that a scenario would hold."""
    found = STEP.fullmatch(part)
    if found is None:
        raise ScenarioError([Problem(("aggregator",), f"cannot be read: {FORM}", text)], f"rule {text}")
    try:
        settings = tomli.loads(f"settings = {{{found[2] or ''}}}")["settings"]
    except (ValueError, RecursionError):
        message = f"the settings in {part.strip()} are not such as in trimmed_mean(f = 2)"
        raise ScenarioError([Problem(("aggregator",), message, text)], f"rule {text}") from None
    return {"name": found[1], **settings}


def _filled(step: dict[str, Any], is_rule: bool, byzantine: int | None) -> dict[str, Any]:
    """The step with the common f, where it wants one."""
    registry, name = aggregators if is_rule else preaggregators, step["name"]
    if byzantine is None or not (name in registry or is_address(name)):
        return step
    settings = registry[name].settings
    inner = step.get("rule", settings["rule"].default) if "rule" in settings else None
    known = isinstance(inner, str) and inner in aggregators
    wanted = BYZANTINE in (aggregators[str(inner)].settings if known else settings)
    return {BYZANTINE: byzantine, **step} if wanted and BYZANTINE in settings else step
