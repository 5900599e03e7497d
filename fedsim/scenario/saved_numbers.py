"""The file of saved numbers that a scenario's model starts from."""

from pathlib import Path

from fedsim.atomic_files import kind_of
from fedsim.errors import Problem, did_you_mean
from fedsim.scenario.sections import Scenario

OF_A_RUN = "model.safetensors"
"""The last parameters in a results folder."""


def numbers_file(path: Path) -> Path:
    """The file that is meant: itself, or that of a results folder."""
    return path / OF_A_RUN if path.is_dir() else path


def no_numbers(scenario: Scenario) -> list[Problem]:
    """What is wrong with the file without reading it."""
    given = scenario.model.settings.get("weights")
    if not isinstance(given, str) or (file := numbers_file(Path(given))).is_file():
        return []
    if Path(given).is_dir():
        message = f"{given} holds no {OF_A_RUN}: it is no results folder of a finished run"
    else:
        beside = [each.name for each in file.parent.glob("*")] if kind_of(file.parent) else []
        message = f"{file} is not there{did_you_mean(file.name, beside)}"
    return [Problem(("model", "weights"), message, given)]
