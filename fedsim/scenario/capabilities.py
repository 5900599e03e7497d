"""What an adversary knows, sees and may call: read from what its attacks ask for, and from its `knowledge`.

It is told what it asks for and nothing else; so this is all that an attack can go by.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fedsim.attacks.contract import attacks
from fedsim.registry import Entry
from fedsim.scenario.exposure import edge_steps, server_steps
from fedsim.scenario.sections import Attack, Choice, Scenario

KNOWLEDGE = {
    "all": "the updates of all honest clients",
    "colluders": "the updates that its clients would have sent",
    "own": "for each client its own update",
}
"""The rows that an attack is given, by the `knowledge` of its adversary."""
NO_KNOWLEDGE = "nobody's update"
VISIBLE_ITEMS = {
    "honest_clients": "whose they are",
    "knowledge": "",
    "own": "what its clients would have sent",
    "count": "",
    "parameters": "the global model",
    "previous": "the last aggregate",
    "clients": "",
    "round": "the round",
    "memory": "what it remembers",
    "stream": "",
    "inputs": "its clients' inputs",
    "targets": "their labels",
    "places": "",
    "classes": "",
    "index": "which of its clients it is at",
    "colluders": "how many clients it holds",
    "start": "the global model it began with",
}
"""Other things that an attack may be given; some say nothing about anybody."""
CALLABLE_ITEMS = {
    "defence": "the server's own {server} on rows it makes up, with this round's settings and memory",
    "descend": "its client's training, steering each step",
    "send": "what its client sends",
    "clean": "gradients on its clean examples",
    "poisoned": "gradients on its poisoned examples",
    "success": "how well its poison is learnt",
    "optimizer": "its client's optimizer",
}
"""Functions that an attack may be given."""
ON_DATA = "its clients' examples"


@dataclass(frozen=True, slots=True)
class Capability:
    """What one step of an adversary has to go by."""

    adversary: int  # place in the scenario
    attack: str
    knows: str
    sees: tuple[str, ...]
    may_call: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it in a sentence."""
        sees = f"; sees {', '.join(self.sees)}" if self.sees else ""
        return f"{self.attack} knows {self.knows}{sees}; may call {', '.join(self.may_call) or 'nothing'}"


def capabilities(scenario: Scenario) -> list[Capability]:
    """Of every step of every adversary, in order."""
    return [
        _capability(scenario, place, plan, step) for place, plan in enumerate(scenario.attacks) for step in plan.steps
    ]


def _capability(scenario: Scenario, place: int, plan: Attack, step: Choice) -> Capability:
    entry = attacks[step.name]
    training = entry.traits["poisons"] == "training"
    seen = (_seen(item, training) for item in entry.supplied if item in VISIBLE_ITEMS)
    called = (_called(item, scenario, step) for item in entry.supplied if item in CALLABLE_ITEMS)
    return Capability(place, entry.name, _knows(entry, plan), tuple(filter(None, seen)), tuple(called))


def _knows(entry: Entry, plan: Attack) -> str:
    if entry.traits["poisons"] != "updates":
        return ON_DATA
    return KNOWLEDGE[plan.knowledge] if "honest" in entry.supplied else NO_KNOWLEDGE


def _seen(item: str, training: bool) -> str:
    """An attack on the training is given its client's own parameters, which its steps change."""
    return "its client's model" if training and item == "parameters" else VISIBLE_ITEMS[item]


def _called(item: str, scenario: Scenario, step: Choice) -> str:
    words = CALLABLE_ITEMS[item].format(server=_levels(scenario))
    limit = step.settings.get("calls") if item == "defence" else None
    return words if limit is None else f"{words}, at most {limit} times"


def _levels(scenario: Scenario) -> str:
    """The steps of the server by name; of a topology those of the groups first."""
    top = _names(choice.name for _, choice in server_steps(scenario))
    below = _names(choice.name for _, choice in edge_steps(scenario))
    return f"{below} in its groups → {top}" if below else top


def _names(steps: Iterable[str]) -> str:
    return " → ".join(steps)
