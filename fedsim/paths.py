"""Settings that are paths: where they are looked for."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from fedsim.registry import Setting


@dataclass(frozen=True)
class Beside:
    """Marks a setting that is a path, relative to the scenario file that gives it."""


BESIDE = Beside()


def path_settings(settings: Mapping[str, Setting]) -> list[str]:
    """The names of those that are paths."""
    return [name for name, setting in settings.items() if BESIDE in get_args(setting.annotation)[1:]]


def absolute(value: Any, folder: Path) -> Any:
    """A path from this folder, whatever the working folder will be; anything that is no text as it is."""
    return os.path.normpath(folder.absolute() / Path(value).expanduser()) if isinstance(value, str) and value else value
