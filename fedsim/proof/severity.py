"""What is made worse step by step until a defence breaks: how many attack, how hard, or how unlike the clients are.

An axis is a row of values from mild to severe, and the changes to a scenario that each stands for.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedsim.attacks.contract import attacks
from fedsim.errors import Problem, ScenarioError, did_you_mean
from fedsim.partitions.contract import partitions
from fedsim.registry import REQUIRED, Entry
from fedsim.scenario.exposure import known_population
from fedsim.scenario.load import examine
from fedsim.scenario.overrides import Override, read_path, write_overrides
from fedsim.scenario.sections import Scenario

NAMES = ("byzantine", "strength", "heterogeneity")
CLIENT_KEYS = ("count", "fraction", "ids", "per_round")
CHAIN = ("updates", "training", "data")
STRENGTHS = ("scale", "factor", "greatest", "deviation", "z", "spread", "boost", "share")
"""Settings of attacks that say how hard they strike, the first that an attack has."""
STRENGTH_RANGE = 64.0
"""A strength is tried from this part of its value to as many times it."""
STEPS = 48
"""Of an axis without a grid of its own."""
ALPHAS, SIMILARITIES = (100.0, 0.01), (1.0, 0.0)

Table = dict[str, Any]
Ends = tuple[float | None, float | None]
"""The mildest and the most severe value, where others than the usual are wanted."""


@dataclass(frozen=True)
class Axis:
    """One thing that is made worse."""

    name: str
    words: str  # of what the values are
    values: tuple[float, ...]  # from mild to severe
    logarithmic: bool
    change: Callable[[Table, float], Table]
    refused: str = ""  # why the row ends before its usual end

    def shown(self, value: float) -> str:
        """A value as a person writes it."""
        return f"{value:g}" if isinstance(value, int) else f"{value:.3g}"


def axis_of(name: str, table: Table, scenario: Scenario, beside: Path, ends: Ends = (None, None)) -> Axis:
    """The axis of this name, or of a key such as `partition.alpha`; ScenarioError where the scenario has none."""
    if name == "byzantine":
        return _usable(_byzantine(table, scenario, ends), table, beside)
    made = {"strength": _strength, "heterogeneity": _heterogeneity}.get(name)
    return _usable(made(scenario, ends) if made else _key(name, ends), table, beside)


def with_attack(table: Table, attack: str) -> Table:
    """The scenario with this attack by the clients of its first adversary, or by a fifth where it has none."""
    given = table.get("attacks")
    first = given[0] if isinstance(given, list) and given and isinstance(given[0], dict) else {"fraction": 0.2}
    kept = {key: first[key] for key in (*CLIENT_KEYS, "start", "stop", "every", "knowledge") if key in first}
    return copy.deepcopy(table) | {"attacks": [{"name": attack, **kept}]}


def wrong(message: str, path: tuple[str | int, ...] = ()) -> ScenarioError:
    """What is wrong with an axis."""
    return ScenarioError([Problem(path, message)], "break")


def _byzantine(table: Table, scenario: Scenario, ends: Ends) -> Axis:
    population = known_population(scenario)
    if population is None:
        raise wrong("only the data tell how many clients there are: give it", ("clients", "population"))
    if not table.get("attacks"):
        raise wrong("there is none: name one with --attack", ("attacks",))
    low, high = (int(end) if end is not None else usual for end, usual in zip(ends, (0, population - 1), strict=True))
    if not 0 <= low < high < population:
        raise wrong(f"of {population} clients from 0 to {population - 1} can be Byzantine, the mildest first")
    words = f"Byzantine clients of {population}"
    return Axis("byzantine", words, tuple(range(low, high + 1)), logarithmic=False, change=_with_count)


def _with_count(table: Table, count: float) -> Table:
    """So many attackers: shared out where there are several adversaries, and none at all of none."""
    given = [{"name": each} if isinstance(each, str) else dict(each) for each in table["attacks"]]
    shares = [int(count) // len(given) + (place < int(count) % len(given)) for place in range(len(given))]
    held = [
        {**{key: value for key, value in each.items() if key not in CLIENT_KEYS}, "count": share}
        for each, share in zip(given, shares, strict=True)
        if share
    ]
    return copy.deepcopy(table) | {"attacks": held}


def _strength(scenario: Scenario, ends: Ends) -> Axis:
    if not scenario.attacks:
        raise wrong("there is none: name one with --attack", ("attacks",))
    key, value = strength_of(scenario)
    low, high = _ends(ends, None if value is None else (value / STRENGTH_RANGE, value * STRENGTH_RANGE), key)
    return _grid("strength", key, low, high, logarithmic=low > 0)


def strength_of(scenario: Scenario) -> tuple[str, float | None]:
    """The key of the setting that says how hard the first adversary strikes at last, and its value."""
    adversary = scenario.attacks[0]
    step, path = adversary.attack, "attacks[0]"
    for kind in CHAIN if step is None else ():
        if chain := getattr(adversary, kind):
            step, path = chain[-1], f"attacks[0].{kind}[{len(chain) - 1}]"
            break
    entry = attacks[step.name] if step else None
    setting = _hardest(entry) if entry else None
    if step is None or entry is None or setting is None:
        raise wrong(f"{adversary.name} has no setting that says how hard it strikes: name a key as the axis")
    default = entry.settings[setting].default
    value = step.settings.get(setting, None if default is REQUIRED else default)
    return f"{path}.{setting}", float(value) if isinstance(value, int | float) and value > 0 else None


def _hardest(entry: Entry) -> str | None:
    numeric = [name for name, each in entry.settings.items() if _is_number(each.default) or each.default is REQUIRED]
    return next((name for name in STRENGTHS if name in numeric), None)


def _heterogeneity(scenario: Scenario, ends: Ends) -> Axis:
    settings = partitions[scenario.partition.name].settings
    for key, usual in (("alpha", ALPHAS), ("similarity", SIMILARITIES)):
        if key in settings:
            low, high = _ends(ends, usual, f"partition.{key}")
            return _grid("heterogeneity", f"partition.{key}", low, high, logarithmic=key == "alpha")
    message = f"{scenario.partition.name} cannot be made more uneven: dirichlet (alpha) and gamma (similarity) can"
    raise wrong(message, ("partition",))


def _key(name: str, ends: Ends) -> Axis:
    """Any number of a scenario, from one value to another in equal steps; whole numbers where both ends are."""
    if read_path(name) is None or ("." not in name and "[" not in name):
        hint = did_you_mean(name, NAMES) or f"; it is {', '.join(NAMES)} or a key such as partition.alpha"
        raise wrong(f"{name} is no axis{hint}")
    low, high = _ends(ends, None, name)
    return _grid(name, name, low, high, logarithmic=False)


def _ends(given: tuple[float | None, float | None], usual: tuple[float, float] | None, key: str) -> tuple[float, float]:
    low, high = (end if end is not None else usual[place] if usual else None for place, end in enumerate(given))
    if low is None or high is None or low == high:
        raise wrong(f"say from where to where {key} goes, the mildest first: --from and --to")
    return low, high


def _grid(name: str, key: str, low: float, high: float, *, logarithmic: bool) -> Axis:
    """Values between the ends, in equal steps or equal factors."""
    path = read_path(key) or (key,)

    def change(table: Table, value: float) -> Table:
        changed = copy.deepcopy(table)
        if problems := write_overrides(changed, [Override(path, value, f"{key}={value:g}")]):
            raise ScenarioError(problems, "break")
        return changed

    return Axis(name, key, tuple(_between(low, high, logarithmic)), logarithmic, change)


def _between(low: float, high: float, logarithmic: bool) -> Sequence[float]:
    whole = all(isinstance(end, int) or float(end).is_integer() for end in (low, high)) and not logarithmic
    if whole and abs(high - low) >= 1 and (abs(high - low) <= STEPS or min(low, high) >= 1):
        step = 1 if high > low else -1
        return [int(value) for value in range(int(low), int(high) + step, step)]
    parts = [place / STEPS for place in range(STEPS + 1)]
    if logarithmic:
        return [_short(math.exp(math.log(low) + (math.log(high) - math.log(low)) * part)) for part in parts]
    return [_short(low + (high - low) * part) for part in parts]


def _usable(axis: Axis, table: Table, beside: Path) -> Axis:
    """The axis as far as its scenarios can be played; ScenarioError where not even its mildest can."""
    if problems := _problems(axis, 0, table, beside):
        raise ScenarioError(problems, "break")
    if not (found := _problems(axis, len(axis.values) - 1, table, beside)):
        return axis
    good, bad = 0, len(axis.values) - 1
    while bad - good > 1:
        middle = (good + bad) // 2
        problems = _problems(axis, middle, table, beside)
        good, bad, found = (good, middle, problems) if problems else (middle, bad, found)
    words = f"from {axis.shown(axis.values[bad])} on it is refused: {found[0].where}: {found[0].message}"
    return Axis(axis.name, axis.words, axis.values[: good + 1], axis.logarithmic, axis.change, words)


def _problems(axis: Axis, place: int, table: Table, beside: Path) -> list[Problem]:
    return examine(axis.change(table, axis.values[place]), beside)[1]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: float) -> float:
    return float(f"{value:.4g}")
