"""Which of its examples a client takes at each step: shuffled passes over its own data.

Whole passes are shuffled anew in every round. Where the work is counted in steps, the passes go on from round to
round: in round r the client takes the steps from (r − 1) · steps on of its own endless passes, so that whoever takes
part in every round meets each example once a pass, as with a loader that is never started over. The place of a step
follows from the round's number alone, so nothing has to be remembered between rounds.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from fedsim.array_types import Integers
from fedsim.local_algorithms.contract import local_algorithms
from fedsim.randomness import Stream
from fedsim.scenario.sections import Training
from fedsim.training.recently_used import Recent

MOST_BYTES = 64 * 2**20
"""Of the orders of passes under way that a process keeps: a step should not pay for the shuffling of a whole pass."""

_orders = Recent(MOST_BYTES)


class Turn(NamedTuple):
    """One client's turn in one round, and where its draws come from."""

    stream: Stream  # the client's randomness in this round
    passes: Stream  # its randomness in all rounds
    before: int = 0  # rounds before this one
    epochs: int | None = None  # of this client in this round, where a law gives them


def counted(training: Training) -> Training:
    """The same local work with its steps counted where the algorithm takes one a round, as `batches` needs it."""
    one_step = local_algorithms[training.algorithm.name].traits["one_step"]
    return replace(training, steps=1) if one_step else training


def batches(count: int, training: Training, turn: Turn) -> Iterator[Integers]:
    """Positions of the examples of each step among the client's own."""
    size = min(training.batch_size, count)
    if size == 0:
        return
    a_pass = count // size if training.drop_last else -(-count // size)
    if training.steps is None:
        walk = _whole(count, a_pass, _epochs(training, turn), turn)
    else:
        walk = _part(count, a_pass, training.steps, turn)
    for order, place in walk:
        yield order[place * size : (place + 1) * size].copy()


def _epochs(training: Training, turn: Turn) -> int:
    if not isinstance(training.epochs, int) and turn.epochs is None:
        raise ValueError(f"epochs by {training.epochs.name} are drawn for each turn, and this one has none")
    return training.epochs if isinstance(training.epochs, int) else turn.epochs or 1


def _whole(count: int, a_pass: int, epochs: int, turn: Turn) -> Iterator[tuple[Integers, int]]:
    """The order of the pass and the place in it, step by step through whole passes."""
    generator = turn.stream.at("batches").numpy()
    for _ in range(epochs):
        order = generator.permutation(count)
        yield from ((order, place) for place in range(a_pass))


def _part(count: int, a_pass: int, steps: int, turn: Turn) -> Iterator[tuple[Integers, int]]:
    """The same through as many steps of the passes that go on."""
    for step in range(turn.before * steps, (turn.before + 1) * steps):
        number, place = divmod(step, a_pass)
        yield _order(turn.passes, number, count), place


def _order(passes: Stream, number: int, count: int) -> Integers:
    return _orders.of((passes.key, number, count), lambda: passes.at(number).numpy().permutation(count))
