"""A rule behind its pre-aggregators as one function of a matrix: (n, d) -> (d,)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedsim.aggregators.contract import Aggregate, aggregators
from fedsim.array_types import Array
from fedsim.errors import FedsimError, ScenarioError
from fedsim.preaggregators.contract import Mixed, preaggregators
from fedsim.randomness import Stream
from fedsim.registry import Entry
from fedsim.scenario.pipelines import read_steps
from fedsim.scenario.toml_values import toml
from fedsim.scenario.validation import check_settings
from fedsim.stand_ins import Sample
from fedsim.supply import RULES

STREAM = Stream.root(0).at("probe")


class NotProbed(FedsimError):
    """A rule that is more than a function of rows, or that takes other numbers of them."""

    exit_code = 2


@dataclass(frozen=True)
class Subject:
    """What is probed, bound to its settings."""

    text: str  # as a person wrote it
    steps: tuple[tuple[Entry, Mapping[str, Any]], ...]  # pre-aggregators, at last the rule

    @property
    def rule(self) -> Entry:
        """The rule behind them."""
        return self.steps[-1][0]

    @property
    def settings(self) -> Mapping[str, Any]:
        """The rule's settings."""
        return self.steps[-1][1]

    @property
    def name(self) -> str:
        """The steps, with those settings of each that are no defaults."""
        return " + ".join(_named(entry, settings) for entry, settings in self.steps)

    def __call__(self, rows: Array) -> Array:
        """The (d,) answer to (n, d) rows; RowsDoNotSuffice where they do not."""
        for place, (entry, settings) in enumerate(self.steps):
            given = _given(entry, rows, STREAM.at(place))
            answer: Aggregate | Mixed = entry.function(*given, **settings)
            if isinstance(answer, Aggregate):
                return answer.update
            rows = answer.updates
        raise AssertionError("the last step is a rule")


def subject(text: str, f: int) -> Subject:
    """Read `nnm+krum` or `norm_bound(norm = 1.0)`; steps that want f and are given none have this one."""
    steps, problems = read_steps(text, f), []
    found: list[tuple[Entry, Mapping[str, Any]]] = []
    for place, step in enumerate(steps):
        registry = aggregators if place == len(steps) - 1 else preaggregators
        if registry is aggregators and step["name"] not in aggregators and step["name"] in preaggregators:
            raise NotProbed(f"{step['name']} is a pre-aggregator: put a rule behind it, such as {text}+mean")
        entry = registry[step["name"]]
        values = {key: value for key, value in step.items() if key != "name"}
        settings, wrong = check_settings(entry, values, (entry.name,))
        found.append((entry, settings))
        problems += wrong
    if problems:
        raise ScenarioError(problems, f"rule {text}")
    _refuse(found)
    return Subject(text, tuple(found))


def _refuse(steps: list[tuple[Entry, Mapping[str, Any]]]) -> None:
    for entry, _ in steps:
        if missing := beyond_rows(entry):
            raise NotProbed(f"{entry.name} asks for {', '.join(missing)}: it is no function of the rows alone")


def beyond_rows(entry: Entry) -> list[str]:
    """What a rule asks for that rows do not say, and that has no value in a first round."""
    known = {"updates", "stream"}
    return [name for name in entry.supplied if name not in known and RULES[name].default is None]


def _given(entry: Entry, rows: Array, stream: Stream) -> list[Any]:
    """What the step asks for, as in a first round in which everyone holds equally much."""
    around = Sample(rows, stream)
    own = {"updates": rows, "stream": stream}
    return [own[name] if name in own else _default(name, around) for name in entry.supplied]


def _default(name: str, around: Sample) -> Any:
    make = RULES[name].default
    return None if make is None else make(around)


def _named(entry: Entry, settings: Mapping[str, Any]) -> str:
    told = [
        f"{name} = {toml(value)}"
        for name, value in settings.items()
        if value != entry.settings[name].default and value is not None
    ]
    return f"{entry.name}({', '.join(told)})" if told else entry.name


def cloud(n: int, d: int) -> Array:
    """(n, d) rows of a standard normal law."""
    return np.asarray(STREAM.at("cloud", n, d).numpy().standard_normal((n, d)))
