"""Tables of one's own: columns of features, one of targets and perhaps one of owners, made into a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import MaxLen
from numpy.typing import NDArray

from fedsim.datasets.contract import Dataset, Examples
from fedsim.datasets.own_data import Part, classes_of, divided, given_test, numbered, together, whole_or_words
from fedsim.datasets.standardising import standardised
from fedsim.errors import DataUnavailable, WrongSetting, did_you_mean
from fedsim.randomness import Stream

MOST_NUMBERS = 2**31
"""In a table, after every word of a column has got a column of its own."""
MOST_WORDS = 1_000
"""Different ones in a column that is spread out."""

Column = Annotated[str, MaxLen(255)]
Columns = Annotated[tuple[Annotated[str, MaxLen(255)], ...], MaxLen(10_000)]
Standardise = Annotated[bool, "whether each column gets mean 0 and variance 1 over the training set"]


@dataclass(frozen=True)
class Roles:
    """Which column of a table is what."""

    target: str
    owner: str | None = None
    one_hot: Sequence[str] = ()
    leave_out: Sequence[str] = ()

    def features(self, names: Sequence[str], where: str) -> list[str]:
        """The columns that are numbers; WrongSetting where one that is named is not there, or has two roles."""
        given = {"target": [self.target], "owner": [self.owner] if self.owner else [], "one_hot": list(self.one_hot),
                 "leave_out": list(self.leave_out)}  # fmt: skip
        taken: dict[str, str] = {}
        for key, columns in given.items():
            for column in columns:
                if column not in names:
                    known = did_you_mean(column, names) or f"; its columns are {_listed(names)}"
                    raise WrongSetting(key, f"{where} has no column `{column}`{known}")
                if column in taken:
                    raise WrongSetting(key, f"column `{column}` is given as {taken[column]} already")
                taken[column] = key
        found = [name for name in names if name not in taken]
        if not found and not self.one_hot:
            raise DataUnavailable(f"{where}: no column is left for the features; its columns are {_listed(names)}")
        return found


@dataclass(frozen=True)
class Table:
    """A table as read."""

    numbers: NDArray[np.float64]  # (m, columns) of features that are numbers
    words: dict[str, NDArray[Any]]  # (m,) texts of each column that is spread out
    targets: NDArray[Any]  # (m,)
    owners: NDArray[Any] | None


def dataset_of(
    train: Table, test: Table | None, where: str, standardise: bool, held: str, fraction: float | None, stream: Stream
) -> Dataset:
    """The dataset in a table, or in two of which the second is to test on."""
    known = classes_of(targets := whole_or_words(train.targets), where)
    words = {name: np.unique(column) for name, column in train.words.items()}
    parts = [Part(_spread(train, words, where), targets, train.owners)]
    if test is not None:
        parts.append(Part(_spread(test, words, where), whole_or_words(test.targets).astype(targets.dtype), test.owners))
    owners = together(parts[0], parts[1] if test is not None else None)
    found = [
        Examples(part.inputs, numbered(part.targets, known, where), owned)
        for part, owned in zip(parts, owners, strict=False)
    ]
    if test is None:
        learnt, tested = divided(found[0], held, fraction, stream)
    else:
        given_test(fraction, held)
        learnt, tested = found
    inputs = standardised(learnt.inputs, tested.inputs) if standardise else _single(learnt.inputs, tested.inputs, where)
    return Dataset(
        Examples(inputs[0], learnt.targets, learnt.owners), Examples(inputs[1], tested.targets, tested.owners),
        len(known), "features", owner="owner",
    )  # fmt: skip


def _spread(table: Table, words: dict[str, NDArray[Any]], where: str) -> NDArray[np.float64]:
    """The numbers, and for each text column a column of zeros and ones for each of its words."""
    for name, known in words.items():
        if len(known) > MOST_WORDS:
            message = f"column `{name}` has {len(known):,} different texts, at most {MOST_WORDS:,} are spread out"
            raise WrongSetting("one_hot", message)
    width = table.numbers.shape[1] + sum(map(len, words.values()))
    if (size := len(table.targets) * width) > MOST_NUMBERS:
        raise DataUnavailable(f"{where}: {size:,} numbers in all; at most {MOST_NUMBERS:,} are kept")
    spread = [(table.words[name][:, None] == known).astype(np.float64) for name, known in words.items()]
    return np.concatenate([table.numbers, *spread], axis=1)


def _single(
    train: NDArray[np.float64], test: NDArray[np.float64], where: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    with np.errstate(over="ignore"):
        found = train.astype(np.float32), test.astype(np.float32)
    if not all(np.isfinite(part).all() for part in found):
        raise DataUnavailable(f"{where}: holds numbers that four bytes cannot: say standardise = true, or scale them")
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")  # noqa: PLR2004
