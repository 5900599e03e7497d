"""`--until accuracy=0.9` and `--until "loss<0.5"`: when a run may end before its last round."""

import typer

from fedsim.scenario.goals import Goal, read_goal
from fedsim.scenario.sections import Scenario


def goal_of(text: str | None, scenario: Scenario, option: str = "--until") -> Goal | None:
    """The goal of a run of this scenario; typer.BadParameter says what is wrong with it."""
    if text is None:
        return None
    try:
        goal = read_goal(text)
        goal.check(scenario)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
    return goal
