"""Examples from a person's own files: targets become classes, owners numbers, and some are held out for the test."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Gt, Lt
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.datasets.contract import Examples
from fedsim.datasets.splitting import held_out, owners_held_out
from fedsim.errors import DataUnavailable, WrongSetting
from fedsim.randomness import Stream

MOST_CLASSES = 10_000
FEW_CLASSES = 20
"""Of more classes than these there are two examples each on average, or they are no classes."""
FRACTION = 0.2

TestFraction = Annotated[
    float | None, Gt(0), Lt(1), "share held out for the test where the data bring none; 0.2 when left out"
]
Held = Annotated[
    Literal["examples", "owners"], "what is held out: the same share of every class, or all that some owners hold"
]


@dataclass(frozen=True)
class Part:
    """Examples as a file has them: targets of any kind, owners of any kind."""

    inputs: NDArray[Any]
    targets: NDArray[Any]
    owners: NDArray[Any] | None = None


def classes_of(targets: NDArray[Any], where: str) -> NDArray[Any]:
    """The different targets in ascending order; DataUnavailable where they cannot be classes."""
    if targets.dtype.kind == "f" and (strange := targets[targets != np.rint(targets)]).size:
        raise DataUnavailable(f"{where}: targets are classes, and {strange.flat[0]} among them is no whole number")
    found = np.unique(targets)
    if len(found) < 2:  # noqa: PLR2004 - one class leaves nothing to tell apart
        raise DataUnavailable(f"{where}: every target is {_shown(found[0])}: there is but one class, two are needed")
    if len(found) > MOST_CLASSES or len(found) > max(FEW_CLASSES, len(targets) / 2):
        most = f"at most {MOST_CLASSES:,}, and two examples each on average"
        raise DataUnavailable(
            f"{where}: {len(found):,} different targets in {len(targets):,} examples are too many classes ({most}); "
            f"the first are {', '.join(map(_shown, found[:3]))}"
        )
    return found


def numbered(targets: NDArray[Any], known: NDArray[Any], where: str) -> Integers:
    """The place of each target among the known classes; DataUnavailable where one is none of them."""
    places = np.minimum(np.searchsorted(known, targets), len(known) - 1)
    strange = known[places] != targets
    if strange.any():
        row = int(strange.argmax())
        words = _shown(targets[row])
        raise DataUnavailable(f"{where}: example {row} to test on is of class {words}, and no training example is")
    return places.astype(np.int64)


def whole_or_words(values: NDArray[Any]) -> NDArray[Any]:
    """Texts as whole numbers where all of them are, so that class 10 stands behind class 9."""
    try:
        return values.astype(np.int64) if values.dtype.kind in "US" else values
    except (ValueError, OverflowError):
        return values


def together(train: Part | None, test: Part | None) -> tuple[Integers | None, Integers | None]:
    """Both parts' owners by number, the same number for the same owner."""
    given = [None if part is None else part.owners for part in (train, test)]
    names = [owners for owners in given if owners is not None]
    if not names:
        return None, None
    _, found = np.unique(np.concatenate(names), return_inverse=True)
    border = 0 if given[0] is None else len(given[0])
    first, second = found[:border].astype(np.int64), found[border:].astype(np.int64)
    return (None if given[0] is None else first), (None if given[1] is None else second)


def divided(everything: Examples, held: str, fraction: float | None, stream: Stream) -> tuple[Examples, Examples]:
    """Examples to train and to test on."""
    share = FRACTION if fraction is None else fraction
    if len(everything) < 2:  # noqa: PLR2004 - one to train on and one to test on
        raise DataUnavailable("one example cannot be divided into some to train and some to test on")
    if held == "owners":
        if everything.owners is None:
            raise WrongSetting("held", "whole owners cannot be held out where nothing says whose the examples are")
        if everything.owners.min() == everything.owners.max():
            raise WrongSetting("held", "whole owners cannot be held out where all examples have the same owner")
        tested = np.isin(everything.owners, owners_held_out(np.unique(everything.owners), share, stream))
    else:
        one_each = everything.targets.ndim == 1
        tested = held_out(everything.targets if one_each else np.zeros(len(everything), np.int64), share, stream)
    if not tested.any():
        raise DataUnavailable("no class has two examples: one to train and one to test on are needed")
    return _rows(everything, ~tested), _rows(everything, tested)


def given_test(fraction: float | None, held: str) -> None:
    """WrongSetting where a test set is given and yet one is to be held out."""
    if fraction is not None:
        raise WrongSetting("test_fraction", "the data bring examples to test on: leave this out")
    if held == "owners":
        raise WrongSetting("held", "the data bring examples to test on: leave this out")


def _rows(examples: Examples, rows: NDArray[np.bool_]) -> Examples:
    owners = None if examples.owners is None else examples.owners[rows]
    return Examples(examples.inputs[rows], examples.targets[rows], owners)


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"  # noqa: PLR2004 - a part of a line
