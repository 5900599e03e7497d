"""Scores of the global model, and the outputs that some rules ask of every client's model.

Both are cut into fixed pieces that do not depend on the number of workers, and pieces are added in order.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy, log_softmax, nll_loss

from fedsim.array_types import Array
from fedsim.execution.own_rows import Rows
from fedsim.execution.shared_memory import Shared
from fedsim.training.inference import outputs
from fedsim.training.torch_models import ModelKind, flat_model

PIECE = 500
"""Examples in one job."""
MOST_NUMBERS = 2**21
"""Outputs in one job: where every place is asked, an example has many."""


NO_CLASS = -1
"""The prediction of a model with an output that is not a number: it is right in nothing."""


class Predicted(NamedTuple):
    """What a model makes of some examples, or of all their places where each is asked."""

    predictions: NDArray[np.int32]  # (k,) classes, or NO_CLASS
    losses: Array  # (k,) float64 cross-entropy of each
    loss_sum: float  # of these losses, in fixed pieces and in order
    logits: Array | None = None  # (k, classes), where they are asked for


@dataclass(frozen=True)
class Exam:
    """Labelled examples for scoring a vector of parameters."""

    kind: ModelKind
    parameters: Shared  # (d,)
    inputs: Shared
    targets: Shared
    logits: bool = False  # whether the outputs themselves are asked for
    begin: int = 0
    end: int = 0

    def pieces(self) -> list["Exam"]:
        """The exam as jobs."""
        whole, answers = self.targets.shape[0], math.prod(self.kind.answers(1))
        piece = max(1, min(PIECE, MOST_NUMBERS // answers))
        return [replace(self, begin=begin, end=min(begin + piece, whole)) for begin in range(0, whole, piece)]


def evaluate(exam: Exam) -> Predicted:
    """What the model makes of one piece."""
    part = slice(exam.begin, exam.end)
    run = outputs(exam.kind, torch.from_numpy(exam.parameters.open()))
    logits = run(exam.inputs.open()[part])
    logits, targets = exam.kind.task.flat(logits, torch.tensor(exam.targets.open()[part]))
    predictions, likelihoods = logits.argmax(dim=1), log_softmax(logits.double(), dim=1)
    losses = nll_loss(likelihoods, targets, reduction="none").numpy()
    loss_sum = nll_loss(likelihoods, targets, reduction="sum").item()
    if math.isnan(loss_sum):  # an output that is not a number makes its example's loss none
        predictions.masked_fill_(logits.isnan().any(dim=1), NO_CLASS)
    return Predicted(predictions.to(torch.int32).numpy(), losses, loss_sum, logits.numpy() if exam.logits else None)


def joined(pieces: Iterable[Predicted]) -> Predicted:
    """The whole of pieces, in their order."""
    predictions, losses, sums, logits = zip(*pieces, strict=True)
    asked = None if logits[0] is None else np.concatenate(logits)
    return Predicted(np.concatenate(predictions), np.concatenate(losses), sum(sums), asked)


@dataclass(frozen=True)
class Questions:
    """Rows whose models are to answer on the root data."""

    kind: ModelKind
    parameters: Shared  # (d,)
    differences: Shared  # (n, d)
    inputs: Shared  # (r, *shape)
    answers: Shared  # (n, r, classes), written here; r times the places where each is asked
    which: tuple[int, ...]  # rows of this job

    def rows(self) -> Rows:
        """Each row is read, and its answers are written."""
        return Rows(
            self.which, (self.differences,), (self.answers,), replace(self, which=tuple(range(len(self.which))))
        )


def answer(questions: Questions) -> None:
    """Write the logits of each row's model."""
    start, inputs = questions.parameters.open(), questions.inputs.open()
    layout = flat_model(questions.kind, channels_last=True).layout
    for row in questions.which:
        run = outputs(questions.kind, torch.from_numpy(layout.mend(start + questions.differences.open()[row])))
        questions.answers.open()[row] = run(inputs).flatten(0, -2).numpy()


def mean_loss(logits: Array, targets: NDArray[Any]) -> float:
    """(p, classes), as many targets -> the mean cross-entropy; infinite where the outputs are not finite."""
    loss = cross_entropy(torch.from_numpy(logits).double(), torch.from_numpy(targets.reshape(-1).astype(np.int64)))
    value = float(loss)
    return value if math.isfinite(value) else math.inf
