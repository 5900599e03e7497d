"""A scenario at a glance: rule, attack, partition, data and model in a few words each, settings included.

Runs that differ in the seed alone have the same labels, so that anybody can group them.
"""

from collections.abc import Iterable

from fedsim.registry import registries
from fedsim.scenario.sections import Attack, Choice, Scenario
from fedsim.scenario.toml_values import toml

NOBODY = "none"
"""The attack where there is none."""


def labels(scenario: Scenario) -> dict[str, str]:
    """`rule`: `nnm(f=2)+krum(f=2)`; `attack`: `alie on 20%`; `partition`: `dirichlet(alpha=0.1)`; `data`; `model`."""
    steps = [worded(each, "preaggregators") for each in scenario.preaggregators]
    among = " among the honest" if scenario.partition.holders == "honest" else ""
    return {
        "rule": "+".join([*steps, worded(scenario.aggregator, "aggregators")]),
        "attack": " + ".join(map(attack_label, scenario.attacks)) or NOBODY,
        "partition": f"{worded(scenario.partition.choice, 'partitions')}{among}",
        "data": worded(scenario.data, "datasets"),
        "model": worded(scenario.model, "models"),
    }


def worded(choice: Choice, family: str) -> str:
    """An algorithm and, in parentheses, the settings that are not its defaults: `krum(f=3)`."""
    known = registries()[family][choice.name].settings
    given = {key: choice.settings[key] for key in known if choice.settings.get(key) is not None}
    told = [f"{key}={toml(value).strip(chr(34))}" for key, value in given.items() if known[key].default != value]
    return f"{choice.name}({', '.join(told)})" if told else choice.name


def attack_label(attack: Attack) -> str:
    """What an adversary does, through how many clients, and when: `alie on 20% from round 5`."""
    return " ".join(
        [" → ".join(worded(step, "attacks") for step in attack.steps), f"on {_held(attack)}", *_when(attack)]
    )


def _held(attack: Attack) -> str:
    if attack.per_round is not None:
        return f"{attack.per_round} a round"
    if attack.ids is not None:
        return f"clients {_listed(attack.ids)}"
    return f"{attack.fraction * 100:g}%" if attack.fraction is not None else str(attack.count or 0)


def _when(attack: Attack) -> Iterable[str]:
    yield from [f"from round {attack.start}"] * (attack.start > 1)
    yield from [f"to {attack.stop}"] * (attack.stop is not None)
    yield from [f"every {attack.every}"] * (attack.every > 1)


def _listed(ids: tuple[int, ...]) -> str:
    return ",".join(map(str, ids))
