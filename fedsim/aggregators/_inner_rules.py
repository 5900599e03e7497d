"""A rule inside a rule: found by its name, with its settings checked."""

from collections.abc import Mapping
from typing import Annotated, Any

from fedsim.aggregators.contract import aggregators
from fedsim.errors import UnknownName, did_you_mean
from fedsim.registry import BYZANTINE, Entry

Settings = Annotated[dict[str, bool | int | float | str] | None, "the rule's other settings"]

SLICED = "updates", "previous", "parameters"
PASSED = "counts", "clients", "stream", "memory"
"""What a rule inside another may ask for: vectors, of which it is given its part, and what is passed on."""


def inner_rule(outer: str, rule: str, f: int, settings: Mapping[str, Any]) -> tuple[Entry, dict[str, Any]]:
    """The rule and its settings, or ValueError in the name of the outer one."""
    try:
        entry = aggregators[rule]
    except UnknownName as error:
        raise ValueError(f"{outer}: {error}") from None
    strange = [item for item in entry.supplied if item not in (*SLICED, *PASSED)]
    if strange:
        raise ValueError(f"{outer} cannot apply {rule}, which asks for {', '.join(strange)}")
    if "rule" in entry.settings:
        raise ValueError(f"{outer} cannot apply {rule}, which applies a rule itself")
    chosen = {**settings, **({BYZANTINE: f} if BYZANTINE in entry.settings or f > 0 else {})}
    for name in chosen:
        if name not in entry.settings:
            raise ValueError(f"{outer}: {rule} has no setting `{name}`{did_you_mean(name, entry.settings)}")
    missing = [name for name, setting in entry.settings.items() if setting.required and name not in chosen]
    if missing:
        raise ValueError(f"{outer}: {rule} needs {', '.join(missing)}")
    return entry, chosen
