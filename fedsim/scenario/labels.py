"""A scenario at a glance: rule, attack, partition, data and model in a few words each, settings included.

Runs that differ in the seed alone have the same labels, so that anybody can group them.
"""

from collections.abc import Iterable

from fedsim.registry import registries
from fedsim.scenario.sections import Attack, Choice, Scenario, Topology, Training
from fedsim.scenario.toml_values import toml
from fedsim.scenario.topology import count_of

NOBODY = "none"
"""The attack where there is none."""


def labels(scenario: Scenario) -> dict[str, str]:
    """`rule`: `nnm(f=2)+krum(f=2)`; `attack`: `alie on 20%`; `partition`: `dirichlet(alpha=0.1)`; `data`; `model`."""
    among = " among the honest" if scenario.partition.holders == "honest" else ""
    return {
        "rule": _levels(scenario),
        "attack": " + ".join(map(attack_label, scenario.attacks)) or NOBODY,
        "partition": f"{worded(scenario.partition.choice, 'partitions')}{among}",
        "data": worded(scenario.data, "datasets"),
        "model": worded(scenario.model, "models"),
    }


def _levels(scenario: Scenario) -> str:
    """The rule with its pre-aggregators; of a topology those of the groups first."""
    if scenario.topology is None:
        return _steps(scenario)
    return f"{_steps(scenario.topology)} in {count_of(scenario.topology)} groups → {_steps(scenario)}"


def _steps(server: Scenario | Topology) -> str:
    steps = [worded(each, "preaggregators") for each in server.preaggregators]
    return "+".join([*steps, worded(server.aggregator, "aggregators")])


def worded(choice: Choice, family: str) -> str:
    """An algorithm and, in parentheses, the settings that are not its defaults: `krum(f=3)`."""
    known = registries()[family][choice.name].settings
    given = {key: choice.settings[key] for key in known if choice.settings.get(key) is not None}
    told = [f"{key}={toml(value).strip(chr(34))}" for key, value in given.items() if known[key].default != value]
    return f"{choice.name}({', '.join(told)})" if told else choice.name


def work_words(training: Training) -> str:
    """How much a client trains in a round: `5 epochs`, `10 steps`, `epochs by uniform(low=2)`."""
    if training.steps is not None:
        return f"{training.steps} steps"
    if isinstance(training.epochs, Choice):
        return f"epochs by {worded(training.epochs, 'workloads')}"
    return f"{training.epochs} epoch{'s' * (training.epochs > 1)}"


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
