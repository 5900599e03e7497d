"""What is asked of a model about an example: its class, or the next token at every place.

A task tells the shape of an example's target and of a model's answer, and how far the one is from the other. A dataset
says which task is its own.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Task:
    """A question with one answer among `classes`, asked once of an example or at each of its places."""

    name: str
    words: str  # what an example's target is
    everywhere: bool  # whether each place of the input has a target of its own

    def places(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the target of an example of this shape: () for one target."""
        return shape[:1] if self.everywhere else ()

    def flat(self, outputs: "Tensor", targets: "Tensor") -> tuple["Tensor", "Tensor"]:
        """(p, classes) outputs and (p,) targets, a row for each answer that was asked for."""
        return (outputs.flatten(0, -2), targets.flatten()) if self.everywhere else (outputs, targets)

    def loss(self, outputs: "Tensor", targets: "Tensor", smoothing: float = 0.0) -> "Tensor":
        """The mean cross-entropy of all answers; `smoothing` is the share of a target spread over all classes."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(*self.flat(outputs, targets), label_smoothing=smoothing)


CLASSIFICATION = Task("classification", "the class of an example", everywhere=False)
NEXT_TOKEN = Task("next_token", "the next token at every place", everywhere=True)
TASKS = {task.name: task for task in (CLASSIFICATION, NEXT_TOKEN)}
"""Every task by name."""
