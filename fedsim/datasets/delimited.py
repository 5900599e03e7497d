"""Tables in text files: a line an example, columns between commas."""

from pathlib import Path
from typing import Annotated, Literal

from annotated_types import MaxLen

from fedsim.array_types import Progress
from fedsim.datasets.contract import Dataset, dataset
from fedsim.datasets.lines import read_lines
from fedsim.datasets.own_data import Held, TestFraction
from fedsim.datasets.own_paths import file_named
from fedsim.datasets.tables import Column, Columns, Roles, Standardise, dataset_of
from fedsim.errors import DataUnavailable
from fedsim.paths import BESIDE
from fedsim.randomness import Stream


@dataset("csv", kind="features")
def csv(
    stream: Stream,
    progress: Progress,
    *,
    file: Annotated[str, MaxLen(4_096), BESIDE, "the file, relative to the scenario file"],
    target: Annotated[Column, "column that holds the class of each line, a number or a word"],
    owner: Annotated[Column | None, "column that says whose each line is"] = None,
    one_hot: Annotated[Columns, "columns of words, each word of which becomes a column of zeros and ones"] = (),
    leave_out: Annotated[Columns, "columns that are no features, such as a number of the line"] = (),
    test_file: Annotated[
        str | None,
        MaxLen(4_096),
        BESIDE,
        "file of lines to test on, of the same columns; when not given some are held out",
    ] = None,
    separator: Annotated[Literal[",", ";", "\t", "|", " "], "what stands between columns"] = ",",
    missing: Annotated[
        Literal["refuse", "drop"], "what is done with a line that lacks a value (empty, NA, NaN, null, ?)"
    ] = "refuse",
    standardise: Standardise = True,
    held: Held = "examples",
    test_fraction: TestFraction = None,
) -> Dataset:
    """A table of your own in a CSV file: numbers to learn from, a column to predict, perhaps a column of owners.

    Formula:
        The first line names the columns. All but those named otherwise are features and hold numbers. Classes are the
        different values of the target in ascending order (words by their letters). test_fraction of every class is held
        out, chosen at random, or all lines of that share of the owners; columns are then shifted and scaled to mean 0
        and variance 1 over the training set.
    Assumes:
        UTF-8, a decimal point, and numbers without signs between thousands.
    Differs:
        pandas guesses what is a number and what is missing; here a cell that is neither is refused with its line.
    Source:
        Shafranovich, Common Format and MIME Type for Comma-Separated Values (CSV) Files, RFC 4180, 2005.
    """
    roles = Roles(target, owner, one_hot, leave_out)
    path = file_named(file, "a CSV file")
    train = read_lines(path, roles, separator, missing, progress)
    test = None
    if test_file is not None:
        test = read_lines(file_named(test_file, "a CSV file"), roles, separator, missing, progress)
        if test.numbers.shape[1] != train.numbers.shape[1]:
            counts = f"{train.numbers.shape[1]} and {test.numbers.shape[1]}"
            raise DataUnavailable(f"{path.name} and {Path(test_file).name} have {counts} columns of numbers")
    return dataset_of(train, test, path.name, standardise, held, test_fraction, stream)
