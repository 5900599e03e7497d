"""What backdoors are judged by: examples for a test as their attackers show them, and the classes they want."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.attacks.contract import Triggered
from fedsim.checked_calls import blamed
from fedsim.datasets.contract import Examples
from fedsim.scenario.chains import poisoning
from fedsim.simulation.federation import Federation


class Shown(NamedTuple):
    """Examples with the triggers of all backdoors on them."""

    inputs: NDArray[Any]  # (k, *shape)
    targets: Integers  # (k,) what the attackers want


def shown(federation: Federation, examples: Examples) -> Shown:
    """These examples with each trigger of the scenario, one backdoor after another."""
    found = []
    for step in (step for each in federation.scenario.attacks for step in poisoning(each)):
        show = step.entry.traits.get("trigger")
        if show is not None:
            with blamed("trigger of attack", step.entry.name, show, 0):
                found.append(_checked(show(examples.inputs, examples.targets, step.choice.settings), examples))
    goals = [np.full(len(each.places), each.target, np.int64) for each in found]
    return Shown(np.concatenate([each.inputs for each in found]), np.concatenate(goals))


def _checked(found: Triggered, examples: Examples) -> Triggered:
    """What a trigger made, if it fits what the model takes."""
    wanted = (len(found.places), *examples.inputs.shape[1:])
    if found.inputs.shape != wanted or found.inputs.dtype != examples.inputs.dtype:
        kind, given = examples.inputs.dtype, (found.inputs.shape, found.inputs.dtype)
        raise ValueError(f"inputs must be {kind} of shape {wanted}: got {given[1]} of shape {given[0]}")
    return found
