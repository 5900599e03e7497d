"""Every rule under every attack, in tiny runs: nothing fails, and no parameter is ever anything but a number."""

from typing import Any

import numpy as np
import pytest

from fedsim.aggregators.contract import aggregators
from fedsim.attacks.contract import attacks
from fedsim.engine import simulate
from fedsim.events import Aggregated
from fedsim.execution.pool import Pool
from fedsim.laws.cases import settings
from fedsim.registry import Entry
from fedsim.scenario.toml_values import toml
from tests.small_runs import scenario

TINY = """
rounds = 2
data = "digits"
model = "logistic"
[clients]
population = 9
sampled = 9
[root]
size = 20
[evaluation]
validation = 0
limit = 20
every = 2
[training]
steps = 1
"""
CHEAP = {"deepsight": {"inputs": 20}, "crfl": {"norm": 50.0}, "fldetector": {"start": 2, "window": 1}}
"""Settings that make a rule do in two rounds what it is there for."""


def filled(entry: Entry, n: int) -> dict[str, Any]:
    """The settings that an entry must be given, as far as n rows allow half of its attackers."""
    return {**settings(entry, n, share=0.5), **CHEAP.get(entry.name, {})}


def section(place: str, name: str, given: dict[str, Any], *more: str) -> str:
    return "\n".join([place, f"name = {toml(name)}", *(f"{k} = {toml(v)}" for k, v in given.items()), *more, ""])


def adversary(attack: Entry) -> str:
    """Two clients that attack; one that changes the training has poisoned examples before it."""
    if attack.traits["poisons"] == "training":
        return f'[[attacks]]\ndata = ["label_flip"]\ntraining = [{toml(attack.name)}]\ncount = 2\n'
    return section("[[attacks]]", attack.name, settings(attack, 9, share=0.0), "count = 2")


@pytest.mark.parametrize("rule", [entry for entry in aggregators if entry.sections], ids=lambda entry: entry.name)
def test_a_rule_under_every_attack(rule: Entry) -> None:
    given, pool, acted = filled(rule, 9), Pool(1, "serial"), False
    for attack in attacks:
        plan = adversary(attack) + section("[aggregator]", rule.name, given)
        run = simulate(scenario(TINY, rest=plan), pool)
        judged = [event for event in run if isinstance(event, Aggregated)]
        acted |= any(not verdict.skipped for verdict in judged)
        assert run.state is not None
        assert run.state.round == 2, f"{rule.name} under {attack.name}"
        assert np.isfinite(run.state.parameters).all(), f"{rule.name} under {attack.name}"
    assert acted, "the rule took no step under any attack"
