"""Arrays of one's own: a file of numpy's with inputs, targets and perhaps owners."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MaxLen
from numpy.typing import NDArray

from fedsim.datasets.contract import Dataset, Examples, dataset
from fedsim.datasets.npz_arrays import read_arrays
from fedsim.datasets.overlap import refuse_overlap
from fedsim.datasets.own_arrays import count_classes, count_tokens, examples_of, part_of
from fedsim.datasets.own_data import (
    MOST_CLASSES,
    Held,
    TestFraction,
    divided,
    given_test,
    together,
)
from fedsim.datasets.own_inputs import kind_of
from fedsim.datasets.own_paths import file_named
from fedsim.datasets.standardising import standardised
from fedsim.errors import WrongSetting
from fedsim.paths import BESIDE
from fedsim.randomness import Stream

Name = Annotated[str, MaxLen(255)]
USUAL = {"owners": "owners", "test_inputs": "test_inputs", "test_targets": "test_targets", "test_owners": "test_owners"}


@dataset("npz", kind=lambda settings: settings["kind"], task=None)
def npz(
    stream: Stream,
    *,
    file: Annotated[str, MaxLen(4_096), BESIDE, "the .npz file, relative to the scenario file"],
    kind: Annotated[
        Literal["images", "features", "tokens"] | None, "what the inputs are; when not given their shape and type tell"
    ] = None,
    inputs: Annotated[Name, "array of the inputs, one example after another along its first axis"] = "inputs",
    targets: Annotated[Name, "array of the targets: classes from 0, or the next token at every place"] = "targets",
    owners: Annotated[Name, "array that says whose each example is, where the file has one"] = "owners",
    test_inputs: Annotated[Name, "array of inputs to test on, where the file has one"] = "test_inputs",
    test_targets: Annotated[Name, "array of their targets"] = "test_targets",
    test_owners: Annotated[Name, "array of their owners"] = "test_owners",
    classes: Annotated[
        int | None, Ge(2), Le(MOST_CLASSES), "how many there are; when not given one more than the last"
    ] = None,
    vocabulary: Annotated[
        int | None, Ge(1), Le(10**6), "how many tokens there are; when not given one more than the last"
    ] = None,
    standardise: Annotated[
        bool, "whether each column of features gets mean 0 and variance 1 over the training set"
    ] = False,
    held: Held = "examples",
    test_fraction: TestFraction = None,
) -> Dataset:
    """Arrays of your own in a file of numpy.savez: inputs, targets, perhaps owners, perhaps a test set.

    Formula:
        images: (m, channels, height, width), (m, height, width, channels) or (m, height, width), bytes or floats;
        features: (m, d) or longer, floats; tokens: (m, length), whole numbers. Targets are (m,) classes 0 … C − 1, or
        for tokens (m, length), the next token at every place. Where the file has no test set, test_fraction of every
        class is held out, or all examples of that share of the owners.
    Assumes:
        Every class from 0 to the last has an example, unless `classes` says how many there are; no number is missing or
        infinite; nothing is pickled.
    Differs:
        Bytes of images mean value / 255, as everywhere here; floats are taken as they are.
    Source:
        numpy.savez, numpy.org.
    """
    path = file_named(file, "a file of numpy.savez")
    names = {"inputs": inputs, "targets": targets, "owners": owners, "test_inputs": test_inputs,
             "test_targets": test_targets, "test_owners": test_owners}  # fmt: skip
    arrays = read_arrays(path, {key: (name, USUAL.get(key) != name) for key, name in names.items()})
    _refuse_half(arrays, names, path.name)
    train, test = (part_of(arrays, names, lead, path.name) for lead in ("", "test_"))
    found = kind_of(arrays["inputs"], kind, f"{path.name}: {inputs}")
    parts = [
        examples_of(part, found, owned, path.name)
        for part, owned in zip((train, test), together(train, test), strict=True)
        if part is not None
    ]
    everywhere = parts[0].targets.ndim > 1
    tokens = count_tokens(parts, vocabulary, path.name) if found == "tokens" else None
    labels = [each.targets for each in parts]
    count = tokens if everywhere and tokens else count_classes(labels, classes, f"{path.name}: {targets}")
    learnt, tested = _divided(parts, held, test_fraction, stream, path.name)
    if standardise:
        learnt, tested = _standardised(learnt, tested, found)
    task = "next_token" if everywhere else "classification"
    return Dataset(learnt, tested, count, found, task, tokens, "owner")


def _refuse_half(arrays: Mapping[str, NDArray[Any]], names: Mapping[str, str], where: str) -> None:
    """WrongSetting where there are inputs to test on without targets, or the other way round."""
    for there, lacking in (("test_inputs", "test_targets"), ("test_targets", "test_inputs")):
        if there in arrays and lacking not in arrays:
            raise WrongSetting(lacking, f"{where} holds `{names[there]}` and no array `{names[lacking]}`")


def _divided(
    parts: Sequence[Examples], held: str, fraction: float | None, stream: Stream, where: str
) -> tuple[Examples, Examples]:
    """Examples to train on and examples to test on: those that the file has, or some that are held out."""
    if len(parts) == 1:
        return divided(parts[0], held, fraction, stream)
    given_test(fraction, held)
    learnt, tested = parts
    if learnt.targets.ndim == 1:
        refuse_overlap((learnt.inputs, learnt.targets), (tested.inputs, tested.targets), where)
    return learnt, tested


def _standardised(learnt: Examples, tested: Examples, kind: str) -> tuple[Examples, Examples]:
    if kind != "features":
        raise WrongSetting("standardise", f"columns of features are standardised, and the inputs are {kind}")
    inputs = standardised(learnt.inputs, tested.inputs)
    return Examples(inputs[0], learnt.targets, learnt.owners), Examples(inputs[1], tested.targets, tested.owners)
