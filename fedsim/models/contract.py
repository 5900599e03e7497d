"""The contract of a model: the shape of an input and the number of classes in, a freshly initialised module out.

    @model("logistic", kinds=("images", "features"))
    def logistic(shape, classes) -> "nn.Module":
        from torch import nn
        ...

torch is imported inside the function, so that listing models costs no torch import. The engine seeds torch's
initialisers from the scenario around the call. The module gives (k, classes) outputs for k inputs, or (k, length,
classes) where the task is to tell the next token at every place.
"""

import functools
import inspect
from collections.abc import Callable
from math import prod
from typing import Annotated, Any, TypeVar

from fedsim.paths import BESIDE
from fedsim.registry import Registry, Setting
from fedsim.signatures import supplied_items
from fedsim.supply import Item, Synonyms, table

Function = TypeVar("Function", bound=Callable[..., Any])

SUPPLIES = table(
    Item("shape", "shape of one input: (channels, height, width) of an image, (d,) of d features, (length,) of tokens"),
    Item("classes", "number of classes; of tokens to choose from where the next one is asked for"),
    Item("spec", "the `InputSpec` of the dataset: kind, shape, dtype, vocabulary"),
    Item("vocabulary", "number of tokens that may stand in an input"),
    Item("task", "the dataset's `Task`: classification, or next_token, which wants an answer at every place"),
)

SYNONYMS: Synonyms = {
    **{
        name: ("classes", lambda classes: classes)
        for name in ("num_classes", "n_classes", "out_features", "output_dim")
    },
    **{name: ("shape", lambda shape: shape[0]) for name in ("in_channels", "channels", "num_channels")},
    **dict.fromkeys(("in_features", "input_dim", "input_size"), ("shape", prod)),
    **{
        name: ("vocabulary", lambda vocabulary: vocabulary)
        for name in ("vocab_size", "vocabulary_size", "num_embeddings", "num_tokens", "n_tokens")
    },
    **{name: ("shape", lambda shape: shape) for name in ("input_shape", "in_shape", "image_shape")},
}
"""What models that were not written for fedsim call what they are given."""

COLOURS = 3

WEIGHTS = "weights"
"""The setting that every model has: what it starts from."""

models = Registry("models", "model", "fedsim.models", SUPPLIES, SYNONYMS)
models.common = {
    WEIGHTS: Setting(
        WEIGHTS,
        Annotated[str, BESIDE, "saved numbers to start from"],
        None,
        "saved numbers to start from: a file of safetensors beside the scenario, or a results folder",
    )
}


def model(
    name: str, *, aliases: tuple[str, ...] = (), kinds: tuple[str, ...] | None = None, side: int = 1
) -> Callable[[Function], Function]:
    """Register a model; `kinds` are the inputs that it takes, `side` the least height and width of its images.

    Where `kinds` is None only building it will tell; a model that asks for the vocabulary takes tokens.
    """

    def decorate(function: Function) -> Function:
        models.register(name, function, aliases=aliases, kinds=kinds, side=side)
        return function

    return decorate


def _adopt(name: str, function: Callable[..., Any]) -> object:
    """A model that nobody decorated: grey images are shown three times over to one that is made for colour."""

    @functools.wraps(function)
    def built(*items: Any, **settings: Any) -> Any:
        given = dict(zip(asked, items, strict=False)) | {item: settings.pop(item) for item in asked if item in settings}
        shape = given["shape"] if passes_shape else given.pop("shape")
        module = function(**given, **settings)
        _show_grey_as_colour(module, shape)
        return module

    asked = supplied_items(function)
    passes_shape = "shape" in asked
    if not passes_shape:
        asked = ("shape", *asked)
        own = inspect.signature(function)
        first = inspect.Parameter("shape", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        built.__signature__ = own.replace(parameters=[first, *own.parameters.values()])  # type: ignore[attr-defined]
    return model(name)(built)


models.adopt = _adopt


def _show_grey_as_colour(module: Any, shape: tuple[int, ...]) -> None:
    from torch import nn

    if not isinstance(module, nn.Module) or shape[:1] != (1,):
        return
    first = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
    if first is not None and first.in_channels == COLOURS:
        module.register_forward_pre_hook(_three_times)


def _three_times(_: Any, images: tuple[Any, ...]) -> tuple[Any, ...]:
    return (images[0].expand(-1, COLOURS, -1, -1), *images[1:])
