"""The laws of what a client trains with: models and optimizers."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fedsim.inputs import InputSpec
from fedsim.laws.cases import required
from fedsim.laws.verdicts import NotTried, identical, require, same
from fedsim.randomness import Stream
from fedsim.registry import Entry
from fedsim.scenario.sections import Choice

if TYPE_CHECKING:
    from fedsim.training.torch_models import ModelKind

CLASSES = 7
SPECS = (
    InputSpec("images", (1, 28, 28)),
    InputSpec("images", (3, 32, 32)),
    InputSpec("images", (1, 8, 8)),
    InputSpec("features", (30,), "float32"),
    InputSpec("tokens", (12,), "int64", 40),
)
"""Inputs that a model is tried with, until it takes some."""
STEPS, BATCH = 5, 4


def _kind(entry: Entry, seed: int) -> "ModelKind":
    """The model for the first inputs that it can be built for and takes."""
    import torch

    from fedsim.training.torch_models import ModelKind

    settings = {s.name: s.default for s in entry.settings.values() if not s.required} | required(entry)
    first: Exception | None = None
    for spec in SPECS:
        kind = ModelKind(Choice(entry.name, settings), spec, CLASSES, stream=Stream.root(seed).at("model"))
        try:
            with torch.no_grad():
                kind.build().eval()(kind.sample(2))
        except Exception as error:  # another size may do
            first = first or error
        else:
            return kind
    known = ", ".join(spec.words for spec in SPECS)
    raise NotTried(f"it takes none of {known}; the first: {str(first).partition(chr(10))[0]}")


def logits(entry: Entry, seed: int) -> None:
    """A number for each class, a kind of float."""
    import torch

    kind = _kind(entry, seed)
    with torch.no_grad():
        answer = kind.build().eval()(kind.sample(3))
    found = tuple(answer.shape) if isinstance(answer, torch.Tensor) else type(answer).__name__
    require(found == kind.answers(3), f"3 inputs of {CLASSES} classes give {found}")
    require(answer.is_floating_point(), f"the answers are {answer.dtype}")


def initial(entry: Entry, seed: int) -> None:
    """The same stream, the same first numbers: whatever is drawn comes from torch's generator."""
    from fedsim.training.flat import initial as first_numbers

    kind = _kind(entry, seed)
    one, other = (first_numbers(kind.build, Stream.root(seed)) for _ in range(2))
    identical("first numbers of two models", one, other)
    require(len(one) > 0, "there is nothing to train")


def company(entry: Entry, seed: int) -> None:
    """When it is scored, an example's answer does not depend on those beside it."""
    import torch

    kind = _kind(entry, seed)
    module, inputs = kind.build().eval(), kind.sample(4)
    if inputs.is_floating_point():
        inputs = inputs + torch.linspace(0, 1, 4).reshape(-1, *[1] * (inputs.dim() - 1))
    with torch.no_grad():
        together, alone = module(inputs).numpy(), torch.cat([module(each[None]) for each in inputs]).numpy()
    same("answers in company and alone", together, alone, tolerance=1e-4)


def gradient(entry: Entry, seed: int) -> None:
    """A training step reaches some parameter."""
    import torch

    kind = _kind(entry, seed)
    module = kind.build().train()
    with torch.enable_grad():
        torch.autograd.backward(module(kind.sample(4)).square().sum())
    reached = [p for p in module.parameters() if p.requires_grad and p.grad is not None]
    require(bool(reached), "no parameter is reached by the gradient")


def _steps(entry: Entry, rows: Any) -> Any:
    """Where (k, d) parameters are after a few steps along fixed gradients."""
    import torch

    settings = {s.name: s.default for s in entry.settings.values() if not s.required} | required(entry)
    parameters, state = torch.tensor(rows, dtype=torch.float32), {}  # type: ignore[var-annotated]
    start = parameters
    for step in range(STEPS):
        gradient = parameters.detach().clone() * (1 + step)
        answer = entry.function(*_in_order(entry, parameters, gradient, state), **settings)
        require(answer is None, f"it must change `parameters` in place and return nothing: got {type(answer).__name__}")
    require(parameters is start, "the parameters are another tensor")
    return parameters.numpy()


def _in_order(entry: Entry, parameters: Any, gradient: Any, state: Any) -> list[Any]:
    given = {"parameters": parameters, "gradient": gradient, "state": state}
    return [given[name] for name in entry.supplied]


def in_place(entry: Entry, seed: int) -> None:
    """A step changes the parameters where they are, to finite numbers, downhill on a bowl."""
    rows = Stream.root(seed).at("rows").numpy().standard_normal(12)
    after = _steps(entry, rows)
    require(bool(np.isfinite(after).all()), "finite gradients lead to numbers that are not")
    require(bool((after != rows.astype(np.float32)).any()), "nothing has moved")
    require(float((after**2).sum()) < float((rows**2).sum()), "steps along the gradient of a bowl do not lead down")


def elementwise(entry: Entry, seed: int) -> None:
    """A coordinate's step does not depend on those beside it."""
    rows = Stream.root(seed).at("rows").numpy().standard_normal((BATCH, 6))
    together = _steps(entry, rows)
    same("steps in company and alone", together, np.array([_steps(entry, row) for row in rows]))


MODELS = {law.__name__: law for law in (logits, initial, company, gradient)}
OPTIMIZERS = {law.__name__: law for law in (in_place, elementwise)}
