"""Scores of the global model, and the outputs that some rules ask of every client's model.

Both are cut into fixed pieces that do not depend on the number of workers, and pieces are added in order.
"""

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


class Score(NamedTuple):
    """Sums over some examples."""

    examples: int
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
        whole = self.targets.shape[0]
        return [
            Exam(self.kind, self.parameters, self.inputs, self.targets, begin, min(begin + PIECE, whole))
            for begin in range(0, whole, PIECE)
        ]


def evaluate(exam: Exam) -> Score:
    """The score of one piece."""
    part = slice(exam.begin, exam.end)
    run = outputs(exam.kind, torch.from_numpy(exam.parameters.open()))
    logits = run(exam.inputs.open()[part])
    targets = torch.tensor(exam.targets.open()[part])
    right = (logits.argmax(dim=1) == targets) & ~logits.isnan().any(dim=1)  # a broken model is right in nothing
    loss = cross_entropy(logits.double(), targets, reduction="sum").item()
    return Score(exam.end - exam.begin, int(right.sum()), loss)


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
    inputs: Shared  # (r, channels, height, width)
    answers: Shared  # (n, r, classes), written here
    which: tuple[int, ...]  # rows of this job


def answer(questions: Questions) -> None:
    """Write the logits of each row's model."""
    start, inputs = questions.parameters.open(), questions.inputs.open()
    layout = flat_model(questions.kind, channels_last=True).layout
    for row in questions.which:
        run = outputs(questions.kind, torch.from_numpy(layout.mend(start + questions.rows.open()[row])))
        questions.answers.open()[row] = run(inputs).numpy()
