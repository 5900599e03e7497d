"""Whether a model fits the data, found out before the first round, and the numbers that it starts with."""

from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from fedsim.array_types import Array
from fedsim.blame import definition, place_of, told
from fedsim.errors import FedsimError, Problem, ScenarioError
from fedsim.partitions.contract import Shares, Split
from fedsim.scenario.sections import Scenario
from fedsim.signatures import is_of_the_house
from fedsim.tasks import CLASSIFICATION
from fedsim.training.autograd import BATCH_OF_ONE
from fedsim.training.flat import Flat, Layout
from fedsim.training.inference import module_outputs
from fedsim.training.minibatches import Turn, batches, counted
from fedsim.training.torch_draws import drawing_from
from fedsim.training.torch_models import UNNAMED, ModelKind


class Start(NamedTuple):
    """A model before the first round."""

    parameters: Array  # (d,)
    layout: Layout


def fitted(kind: ModelKind, scenario: Scenario, shares: Shares) -> Start:
    """The model's first numbers, once it has shown that it can be asked and trained; else ScenarioError."""
    try:
        with drawing_from(kind.stream):
            module = kind.build()
            flat = Flat(module)
            start = Start(flat.numpy(), flat.layout)
        asked = module_outputs(kind, torch.from_numpy(start.parameters))(kind.spec.sample(2))
        with drawing_from(kind.stream), torch.no_grad():
            trained = module.train()(kind.sample(2))
    except FedsimError:
        raise
    except Exception as error:  # whatever a constructor or a layer raises, the model does not fit the data
        raise _problem(scenario, "model", _unfit(kind, error)) from error
    if not start.layout.trained:
        raise _problem(scenario, "model", f"{kind.choice.name} has nothing to train: no parameter, or all are frozen")
    for answer in (asked, trained):
        if wrong := _wrong_logits(answer, kind):
            raise _problem(scenario, "model", f"{kind.choice.name} gives {wrong}{_written(kind)}")
    if _refuses_one(module, kind) and _has_batch_of_one(scenario, shares):
        raise _problem(scenario, "training", BATCH_OF_ONE)
    return start


def _wrong_logits(answer: object, kind: ModelKind) -> str:
    """What a model's answer is in the place of logits, or nothing."""
    if not isinstance(answer, torch.Tensor) or answer.shape != kind.answers(2):
        return _other_answer(kind, tuple(answer.shape) if isinstance(answer, torch.Tensor) else type(answer).__name__)
    return "" if answer.is_floating_point() else f"logits of {answer.dtype}, not of a kind of float"


def _written(kind: ModelKind) -> str:
    """Where somebody's own model is written."""
    function = kind.network.thing.function
    return "" if is_of_the_house(function) else f" ({definition(function)})"


def _problem(scenario: Scenario, key: str, message: str) -> ScenarioError:
    return ScenarioError([Problem((key,), message)], scenario.name)


def _unfit(kind: ModelKind, error: Exception) -> str:
    """A model's own words where it has some, else those of the layer that failed; of own code with its line."""
    function = kind.network.thing.function
    if is_of_the_house(function) and isinstance(error, ValueError):
        return str(error)
    if not is_of_the_house(function) and not isinstance(error, RuntimeError | ValueError):
        return f"{kind.choice.name} {told(error, function)}"
    return f"{kind.choice.name} cannot take {kind.spec.words}: {str(error).partition(chr(10))[0]}{place_of(error)}"


def _other_answer(kind: ModelKind, found: object) -> str:
    if kind.task == CLASSIFICATION:
        what = "images" if kind.spec.kind == "images" else "examples"
        return f"{found} for 2 {what} of {kind.classes} classes"
    return f"{found} for 2 examples: {kind.answers(2)} tells {kind.task.words}"


def _refuses_one(module: nn.Module, kind: ModelKind) -> bool:
    """Whether a training pass over one example fails, as in batch normalisation."""
    with drawing_from(kind.stream), torch.no_grad():
        try:
            module.train()(kind.sample(1))
        except ValueError:
            return True
    return False


def _has_batch_of_one(scenario: Scenario, shares: Shares) -> bool:
    """Whether some client will meet a batch of one example; who draws its data when it is asked is not asked here."""
    if not isinstance(shares, Split):
        return scenario.training.batch_size == 1
    sizes = map(int, np.unique(np.diff(shares.offsets)))
    # how long batches are does not depend on what is drawn
    plans = (
        islice(batches(size, counted(scenario.training), Turn(UNNAMED, UNNAMED, epochs=1)), size) for size in sizes
    )
    return any(len(batch) == 1 for plan in plans for batch in plan)
