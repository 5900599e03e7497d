"""Models as modules: what it takes to build one anywhere, and each process's own."""

import threading
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import uuid4

import torch
from torch import nn

from fedsim.execution.sending import Sent
from fedsim.inputs import InputSpec
from fedsim.models.contract import WEIGHTS, models
from fedsim.randomness import Stream
from fedsim.registry import Bound
from fedsim.scenario.sections import Choice
from fedsim.tasks import CLASSIFICATION, Task
from fedsim.training.flat import Flat
from fedsim.training.pooling import pool_first
from fedsim.training.saved_numbers import Started
from fedsim.training.torch_draws import drawing_from

Model = TypeVar("Model", bound=Hashable)
Workspace = TypeVar("Workspace")
Found = TypeVar("Found")


UNNAMED = Stream(b"")


@dataclass(frozen=True)
class ModelKind:
    """What it takes to build a model anywhere."""

    choice: Choice
    spec: InputSpec
    classes: int
    stream: Stream = UNNAMED  # where its first numbers come from, also those that no vector carries
    task: Task = CLASSIFICATION
    network: Sent[Bound] = field(init=False, repr=False, compare=False)  # what its name meant where this was made
    run: str = field(default_factory=lambda: uuid4().hex, repr=False, compare=False)  # a name for what is built from it

    def __post_init__(self) -> None:
        network, weights = models[self.choice.name].bound(self.choice.settings), self.choice.settings.get(WEIGHTS)
        if weights is not None and WEIGHTS not in network.settings:
            network = replace(network, function=Started(network.function, weights))
        object.__setattr__(self, "network", Sent(network))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input."""
        return self.spec.shape

    def answers(self, count: int) -> tuple[int, ...]:
        """The shape of what the model gives for so many inputs."""
        return (count, *self.task.places(self.shape), self.classes)

    def sample(self, count: int) -> torch.Tensor:
        """Inputs to try the model with."""
        return self.spec.tensor(self.spec.sample(count))

    def build(self) -> nn.Module:
        """A module with whatever numbers its initialisers draw; layers that wait to see an input have seen one."""
        spec = self.spec
        module = self.network.thing(
            shape=spec.shape, classes=self.classes, spec=spec, vocabulary=spec.vocabulary, task=self.task
        )
        if not isinstance(module, nn.Module):
            raise TypeError(f"model `{self.choice.name}` must return a torch.nn.Module: got {type(module).__name__}")
        tensors = [*module.parameters(), *module.buffers()]
        if any(map(nn.parameter.is_lazy, tensors)):
            with torch.no_grad():
                module.eval()(self.sample(2))
        return module


class _Modules(threading.local):
    """A module is worked on by one thread at a time."""

    def __init__(self) -> None:
        self.flats: dict[tuple[str, bool], Flat] = {}
        self.drawing: dict[str, bool] = {}  # whether a forward pass draws random numbers
        self.found: dict[tuple[str, str], Any] = {}  # what else was found out about a run's model


_modules = _Modules()


def own_draws(kind: ModelKind, stream: Stream) -> AbstractContextManager[object]:
    """Layers that draw, such as dropout, draw from this address inside; nothing is watched in other models."""
    return drawing_from(stream) if _modules.drawing[kind.run] else nullcontext()


def flat_model(kind: ModelKind, *, channels_last: bool) -> Flat:
    """This thread's own module of this kind, built once a run; its numbers are whatever the last user left.

    It is kept under the run and not under the model's name: the name, or what its function calls, may have been given
    another meaning since.
    """
    key, flats = (kind.run, channels_last), _modules.flats
    if key not in flats:
        for old in [known for known in flats if known[0] != key[0]]:
            del flats[old]  # a second run in the process need not keep the first one's
        with drawing_from(kind.stream):
            module = kind.build()
        if channels_last:
            pool_first(module)
        flats[key] = Flat(module, channels_last=channels_last and not _always_in_groups(module))
        _modules.drawing = {key[0]: _draws(flats[key].module, kind)}
    return flats[key]


def _always_in_groups(module: nn.Module) -> bool:
    """Whether it normalises groups of channels after every convolution, as residual networks do.

    With channels last the normalisation takes six times as long and a convolution somewhat less: one for each
    convolution loses a tenth of a step, three for the five large ones of `femnist_cnn` still win one.
    """
    parts = list(module.modules())
    norms = sum(isinstance(part, nn.GroupNorm) for part in parts)
    return norms > 0 and norms >= sum(isinstance(part, nn.Conv2d) for part in parts)


def found_once(kind: ModelKind, what: str, find: Callable[[ModelKind], Found]) -> Found:
    """What `find` makes of a model, asked once a run: to look through a module costs as much as a small step."""
    key, found = (kind.run, what), _modules.found
    if key not in found:
        for old in [known for known in found if known[0] != key[0]]:
            del found[old]
        found[key] = find(kind)
    answer: Found = found[key]
    return answer


def _draws(module: nn.Module, kind: ModelKind) -> bool:
    """Whether a training pass draws random numbers; a module that refuses the trial is taken to draw."""
    with drawing_from(kind.stream) as drawing, torch.no_grad():
        before = drawing.generator.get_state()
        try:
            module.train()(kind.sample(2))
        except Exception:
            return True
        return not torch.equal(before, drawing.generator.get_state())


class Workspaces(threading.local):
    """What each thread works on models in, by size; that of one model is kept, since a run has one."""

    def __init__(self) -> None:
        self._made: dict[tuple[Hashable, int], Any] = {}

    def of(self, model: Model, size: int, make: Callable[[Model, int], Workspace]) -> Workspace:
        """This thread's own for the model and the size, made when it is first asked for."""
        made = self._made
        if (model, size) not in made:
            for old in [key for key in made if key[0] != model]:
                del made[old]
            made[model, size] = make(model, size)
        workplace: Workspace = made[model, size]
        return workplace


def parts_in_line(module: nn.Module) -> list[nn.Module]:
    """The layers of a Sequential that does nothing but call them in turn; none for any other module.

    Each layer's weight and bias are its own, in float32, and all are trained: no tensor is shared, frozen or computed
    from others, and no hook looks on. Then the layers' types tell all that the module does.
    """
    if type(module) is not nn.Sequential or list(module.buffers()):
        return []
    own = [getattr(part, name, None) for part in module for name in ("weight", "bias")]
    held, known = [tensor for tensor in own if tensor is not None], list(module.parameters())
    same = len(held) == len(known) and all(a is b for a, b in zip(held, known, strict=True))
    trained = all(tensor.requires_grad and tensor.dtype == torch.float32 for tensor in known)
    return list(module) if same and trained and not any(map(_watched, module.modules())) else []


def _watched(module: nn.Module) -> bool:
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, hook) for hook in hooks)


def sizes_of(layers: Sequence[nn.Linear]) -> tuple[int, ...]:
    """What goes into the first of these layers, and what each of them gives."""
    return (layers[0].in_features, *(layer.out_features for layer in layers))


def linear_layers(parts: Sequence[nn.Module]) -> list[nn.Linear]:
    """The layers of Flatten, Linear, (ReLU, Linear)*, each with a bias; none where anything else stands."""
    if not parts or type(parts[0]) is not nn.Flatten:
        return []
    layers, between = parts[1::2], parts[2::2]
    found = [layer for layer in layers if type(layer) is nn.Linear and layer.bias is not None]
    whole = len(found) == len(layers) == len(between) + 1
    return found if whole and all(type(part) is nn.ReLU for part in between) else []
