"""Saved numbers that a model starts from: a file of safetensors, or the last parameters of a results folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.numpy import load
from torch import nn

from fedsim.array_types import Array
from fedsim.atomic_files import read_plain
from fedsim.errors import Problem, ScenarioError
from fedsim.scenario.saved_numbers import numbers_file

MOST_NAMED = 4
"""Tensors of one kind that a message names."""


class Started:
    """A model's constructor whose module begins with saved numbers, in this process and in every other."""

    def __init__(self, function: Any, path: str) -> None:
        self.__wrapped__, self.__module__ = function, function.__module__
        self._path, self._numbers = path, read_numbers(path)

    def __call__(self, *items: Any, **settings: Any) -> nn.Module:
        """The module, its numbers replaced by the saved ones."""
        module: nn.Module = self.__wrapped__(*items, **settings)
        if wrong := _apart(module, self._numbers):
            raise _problem(f"{self._path} does not fit the model: {wrong}")
        own = module.state_dict()
        module.load_state_dict({name: torch.tensor(self._numbers[name]).to(own[name].dtype) for name in own})
        return module


def read_numbers(path: str) -> Mapping[str, Array]:
    """The arrays in a file, or in a results folder, by their names; ScenarioError where they cannot be read."""
    file = numbers_file(Path(path))
    try:
        numbers: Mapping[str, Array] = load(read_plain(file, file.stat().st_size, follow=True))
    except OSError as error:
        raise _problem(f"{file} cannot be read: {error.strerror or error}") from error
    except (SafetensorError, ValueError, KeyError, TypeError, MemoryError) as error:
        raise _problem(f"{file} is no file of safetensors that can be read here: {error}") from error
    return numbers


def _apart(module: nn.Module, numbers: Mapping[str, Array]) -> str:
    """What the module has and the file has not, and the other way, in words."""
    own = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    missing = [name for name in own if name not in numbers]
    more = [name for name in numbers if name not in own]
    other = [
        f"{name} is {_size(numbers[name].shape)}, not {_size(own[name])}"
        for name in own
        if name in numbers and tuple(numbers[name].shape) != own[name]
    ]
    parts = [f"{words} {_listed(names)}" for words, names in (("it lacks", missing), ("it has besides", more)) if names]
    return "; ".join([*parts, *([_listed(other)] if other else [])])


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"


def _problem(message: str) -> ScenarioError:
    return ScenarioError([Problem(("model", "weights"), message)])
