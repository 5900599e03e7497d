"""Scores of the global model, and the outputs that some rules ask of every client's model.

Both are cut into fixed pieces that do not depend on the number of workers, and pieces are added in order.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.nn.functional import cross_entropy

from fedsim.execution.shared_memory import Shared
from fedsim.training.inference import outputs
from fedsim.training.torch_models import ModelKind, flat_model

PIECE = 500
"""Examples in one job."""
MOST_NUMBERS = 2**21
"""Outputs in one job: where every place is asked, an example has many."""


class Score(NamedTuple):
    """Sums over some examples, or over all their places where each is asked."""

    examples: int  # answers that were asked for
    correct: int
    loss: float  # summed cross-entropy

    @property
    def accuracy(self) -> float:
        """Share of the examples classified rightly."""
        return self.correct / self.examples

    @property
    def mean_loss(self) -> float:
        """Mean cross-entropy of an example."""
        return self.loss / self.examples


@dataclass(frozen=True)
class Exam:
    """Labelled examples for scoring a vector of parameters."""

    kind: ModelKind
    parameters: Shared  # (d,)
    inputs: Shared
    targets: Shared
    begin: int = 0
    end: int = 0

    def pieces(self) -> list["Exam"]:
        """The exam as jobs."""
        whole, answers = self.targets.shape[0], math.prod(self.kind.answers(1))
        piece = max(1, min(PIECE, MOST_NUMBERS // answers))
        return [
            Exam(self.kind, self.parameters, self.inputs, self.targets, begin, min(begin + piece, whole))
            for begin in range(0, whole, piece)
        ]


def evaluate(exam: Exam) -> Score:
    """The score of one piece."""
    part = slice(exam.begin, exam.end)
    run = outputs(exam.kind, torch.from_numpy(exam.parameters.open()))
    logits = run(exam.inputs.open()[part])
    logits, targets = exam.kind.task.flat(logits, torch.tensor(exam.targets.open()[part]))
    right = (logits.argmax(dim=1) == targets) & ~logits.isnan().any(dim=1)  # a broken model is right in nothing
    loss = cross_entropy(logits.double(), targets, reduction="sum").item()
    return Score(len(targets), int(right.sum()), loss)


def total(scores: Iterable[Score]) -> Score:
    """The sum of pieces, in their order."""
    examples, correct, loss = zip(*scores, strict=True)
    return Score(sum(examples), sum(correct), sum(loss))


@dataclass(frozen=True)
class Questions:
    """Rows whose models are to answer on the root data."""

    kind: ModelKind
    parameters: Shared  # (d,)
    rows: Shared  # (n, d) differences
    inputs: Shared  # (r, *shape)
    answers: Shared  # (n, r, classes), written here; r times the places where each is asked
    which: tuple[int, ...]  # rows of this job


def answer(questions: Questions) -> None:
    """Write the logits of each row's model."""
    start, inputs = questions.parameters.open(), questions.inputs.open()
    layout = flat_model(questions.kind, channels_last=True).layout
    for row in questions.which:
        run = outputs(questions.kind, torch.from_numpy(layout.mend(start + questions.rows.open()[row])))
        questions.answers.open()[row] = run(inputs).flatten(0, -2).numpy()
