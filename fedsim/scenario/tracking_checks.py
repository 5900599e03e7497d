"""Whether what a scenario's trackers need is installed."""

from importlib.util import find_spec

from fedsim.errors import Problem
from fedsim.scenario.sections import Scenario
from fedsim.trackers.contract import trackers


def untrackable(scenario: Scenario) -> list[Problem]:
    """Trackers whose package is missing."""
    found = []
    for place, choice in enumerate(scenario.tracking.to):
        traits = trackers[choice.name].traits
        if (package := traits.get("package")) and find_spec(package) is None:
            message = f"{choice.name} needs the package {package}, which is not installed: "
            message += f"pip install 'fedsim-byzantine[{traits['extra']}]'"
            found.append(Problem(("tracking", "to", place), message, choice.name))
    return found
