"""The contract of a dataset: examples to train and to test on, perhaps with the owner of each.

    @dataset("glyphs", kind="images", offline=True)
    def glyphs(stream, progress, *, writers: ... = 100) -> Dataset: ...

`stream` is for datasets that are made; those that are read ignore it. Raise `DataUnavailable`, naming the folder to
fill, when files are missing or damaged. What a dataset returns is checked before anything is done with it: the
compiled kernels read where the labels tell them to.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.errors import did_you_mean
from fedsim.inputs import KINDS, InputSpec
from fedsim.registry import Registry
from fedsim.supply import Item, table
from fedsim.tasks import CLASSIFICATION, NEXT_TOKEN, TASKS

Function = TypeVar("Function", bound=Callable[..., Any])

SUPPLIES = table(
    Item("stream", "randomness for data that is made or split here"),
    Item("progress", "a listener told (what, done, total) while the data is made, read or fetched"),
)


@dataclass(frozen=True)
class Examples:
    """Examples with what is to be said of them; any array may be a read-only memory map."""

    inputs: NDArray[Any]  # (m, *shape) of the dataset's kind: bytes of images mean value / 255
    targets: Integers  # (m,) int64 in [0, classes): classes; (m, length) where each place has a target
    owners: Integers | None = None  # (m,) int64 in [0, number of owners): whose each is, such as its writer's

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class Dataset:
    """Examples to train on (root and validation examples are carved out of these) and to test on, disjoint."""

    train: Examples
    test: Examples
    classes: int
    kind: str = "images"  # of the inputs, one of `fedsim.inputs.KINDS`
    task: str = CLASSIFICATION.name  # one of `fedsim.tasks.TASKS`
    vocabulary: int | None = None  # how many tokens there are, where the inputs are tokens
    owner: str = "writer"  # what an owner of examples is called

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input: (channels, height, width) of an image."""
        return tuple(self.train.inputs.shape[1:])

    @property
    def spec(self) -> InputSpec:
        """What a model is told of the inputs."""
        return InputSpec(self.kind, self.shape, self.train.inputs.dtype.name, self.vocabulary)

    @property
    def tested_on(self) -> str:
        """Whose examples the test is made of, which decides what an accuracy means; nothing where nobody knows."""
        if self.train.owners is None or self.test.owners is None:
            return ""
        owners = np.unique(self.test.owners)
        known, noun = np.count_nonzero(np.isin(owners, self.train.owners)), f"{self.owner}s"
        if known == 0:
            return f"other {noun} than those trained on"
        who = f"the {noun} trained on" if known == len(owners) else f"{len(owners)} {noun}, {known} of them trained on"
        return f"other examples by {who}"


def check_dataset(data: object) -> Dataset:
    """The dataset, its targets as int64 in memory of their own; ValueError says what is not as the contract has it."""
    if not isinstance(data, Dataset):
        raise ValueError(f"a dataset returns a Dataset, not a {type(data).__name__}")  # noqa: TRY004 - as all others
    if not isinstance(data.classes, int) or data.classes < 1:
        raise ValueError(f"a dataset has classes ≥ 1, a whole number: got {data.classes!r}")
    for what, word, known in (("kind", data.kind, KINDS), ("task", data.task, TASKS)):
        if word not in known:
            raise ValueError(f"the {what} of a dataset is one of {', '.join(known)}: got {word!r}{_near(word, known)}")
    _check_vocabulary(data)
    train, test = (
        check_examples(part, data.classes, name, kind=data.kind, task=data.task, vocabulary=data.vocabulary)
        for name, part in (("train", data.train), ("test", data.test))
    )
    if train.inputs.shape[1:] != test.inputs.shape[1:]:
        shapes = " and ".join("×".join(map(str, part.inputs.shape[1:])) for part in (train, test))
        raise ValueError(f"the {data.kind} of train and test are of different shapes: {shapes}")
    if train.inputs.dtype != test.inputs.dtype:
        raise ValueError(
            f"the {data.kind} of train and test are of different types: {train.inputs.dtype} and {test.inputs.dtype}"
        )
    return replace(data, train=train, test=test)


def _near(word: object, known: Iterable[str]) -> str:
    return did_you_mean(word, known) if isinstance(word, str) else ""


def _check_vocabulary(data: Dataset) -> None:
    """Tokens have a vocabulary and nothing else has; the next token is one of them."""
    if data.kind != "tokens":
        if data.vocabulary is not None or data.task == NEXT_TOKEN.name:
            raise ValueError(f"a vocabulary and next tokens belong to tokens, and the kind is {data.kind}")
    elif not isinstance(data.vocabulary, int) or data.vocabulary < 1:
        raise ValueError(f"tokens need a vocabulary ≥ 1, a whole number: got {data.vocabulary!r}")
    elif data.task == NEXT_TOKEN.name and data.classes != data.vocabulary:
        raise ValueError(f"the next token is one of the vocabulary of {data.vocabulary}, and classes = {data.classes}")


def digest_of(data: Dataset) -> str:
    """16 hexadecimal digits that name all examples, in their order, to the last bit."""
    digest = blake2b(digest_size=8)
    for part in (data.train, data.test):
        for array in (part.inputs, part.targets, part.owners):
            if array is not None:
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def check_examples(
    examples: object,
    classes: int,
    part: str,
    *,
    kind: str = "images",
    task: str = CLASSIFICATION.name,
    vocabulary: int | None = None,
) -> Examples:
    """The examples, likewise; `part` is for the message."""
    if not isinstance(examples, Examples):
        raise ValueError(f"{part} holds no Examples but a {type(examples).__name__}")  # noqa: TRY004 - as all others
    inputs = _tokens(examples.inputs, part, vocabulary or 1) if kind == "tokens" else _real(examples.inputs, part, kind)
    asked = TASKS[task]
    noun = f"{part} {'targets' if asked.everywhere else 'labels'}"
    targets = _whole(examples.targets, (len(inputs), *asked.places(inputs.shape[1:])), noun, kind)
    if targets.max() >= classes:
        raise ValueError(f"{noun}: {targets.max()} among them; 0 to {classes - 1} are possible")
    owners = None if examples.owners is None else _whole(examples.owners, (len(inputs),), f"{part} owners", kind)
    return Examples(inputs, targets, owners)


def _real(inputs: object, part: str, kind: str) -> NDArray[Any]:
    """Images or features: numbers that are finite."""
    types = ("uint8", "float32") if kind == "images" else ("float32",)
    if not isinstance(inputs, np.ndarray) or inputs.dtype.name not in types:
        found = inputs.dtype if isinstance(inputs, np.ndarray) else type(inputs).__name__
        raise ValueError(f"{part} {kind} are an array of {' or '.join(types)}: got {found}")
    if (inputs.ndim != 4 if kind == "images" else inputs.ndim < 2) or 0 in inputs.shape:  # noqa: PLR2004
        shape = "(m, channels, height, width)" if kind == "images" else "(m, features) or longer"
        hint = '; for features say kind = "features"' if kind == "images" and inputs.dtype == np.float32 else ""
        raise ValueError(f"{part} {kind} have a shape {shape}, none of them 0: got {inputs.shape}{hint}")
    # As a matter of speed a whole memory map stays one: workers open the file instead of a copy.
    inputs = inputs if inputs.flags.c_contiguous else np.ascontiguousarray(inputs)
    if inputs.dtype == np.float32 and not all(
        np.isfinite(inputs[at : at + 1024]).all() for at in range(0, len(inputs), 1024)
    ):
        raise ValueError(f"{part} {kind} hold numbers that are not finite")
    return inputs


def _tokens(tokens: object, part: str, vocabulary: int) -> NDArray[Any]:
    """Tokens below the vocabulary's size: a model looks each up in a table of so many rows."""
    if not isinstance(tokens, np.ndarray) or tokens.dtype.kind not in "iu":
        found = tokens.dtype if isinstance(tokens, np.ndarray) else type(tokens).__name__
        raise ValueError(f"{part} tokens are an array of whole numbers: got {found}")
    if tokens.ndim != 2 or 0 in tokens.shape:  # noqa: PLR2004 - examples, length
        raise ValueError(f"{part} tokens have a shape (m, length), none of them 0: got {tokens.shape}")
    if tokens.min() < 0 or tokens.max() >= vocabulary:
        raise ValueError(f"{part} tokens: {tokens.min()} to {tokens.max()}; 0 to {vocabulary - 1} are possible")
    return np.ascontiguousarray(tokens)


def _whole(numbers: object, shape: tuple[int, ...], what: str, kind: str) -> Integers:
    """Numbers from 0 as int64, in memory that no file can change under the kernels."""
    if not isinstance(numbers, np.ndarray) or numbers.dtype.kind not in "iu" or numbers.shape != shape:
        found = f"{numbers.dtype} of shape {numbers.shape}" if isinstance(numbers, np.ndarray) else repr(type(numbers))
        of_each = f"one for each of {shape[0]} {'images' if kind == 'images' else 'examples'}"
        each = of_each if len(shape) == 1 else f"of shape {shape}"
        raise ValueError(f"{what} are an array of whole numbers, {each}: got {found}")
    if numbers.min() < 0 or numbers.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{what}: {numbers.min()} to {numbers.max()}; they count from 0")
    return np.array(numbers, np.int64)


datasets = Registry("datasets", "dataset", "fedsim.datasets", SUPPLIES)


Count = Callable[[Mapping[str, Any]], int]
Word = Callable[[Mapping[str, Any]], str | None]
Shape = Callable[[Mapping[str, Any]], tuple[int, ...] | None]


def dataset(
    name: str,
    *,
    kind: str | Word | None = None,
    task: str | Word | None = CLASSIFICATION.name,
    offline: bool = False,
    aliases: tuple[str, ...] = (),
    shape: tuple[int, ...] | Shape | None = None,
    examples: int | Count | None = None,
    classes: int | Count | None = None,
    owners: int | Count | None = None,
) -> Callable[[Function], Function]:
    """Register a dataset; `offline` says that it needs no download.

    The others let a scenario that cannot run be refused before any data are read: the `kind` of the inputs, the `task`,
    the `shape` of an input, how many `examples` and `classes` there are in all and how many `owners` are trained on.
    Each is a value or a function of the settings; None where only the data can tell.
    """
    given = {"kind": kind, "task": task, "shape": shape, "examples": examples, "classes": classes}
    given |= {"owners": owners}
    told: dict[str, Any] = {trait: _told(value) for trait, value in given.items()}

    def decorate(function: Function) -> Function:
        datasets.register(name, function, aliases=aliases, offline=offline, **told)
        return function

    return decorate


datasets.adopt = lambda name, function: dataset(name)(function)


def _told(value: Any) -> Callable[[Mapping[str, Any]], Any] | None:
    """A function of the settings, also for what does not depend on them."""
    return value if callable(value) or value is None else lambda settings: value  # noqa: ARG005 - one signature for all
