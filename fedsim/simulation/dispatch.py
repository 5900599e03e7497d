"""Where a run's work is sent out: the shared arrays, and the jobs that read and write them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import islice
from math import prod
from typing import Any, NamedTuple, TypeVar

import numpy as np

from fedsim.array_types import Array, Integers
from fedsim.datasets.contract import Examples
from fedsim.errors import ClientFailed
from fedsim.execution.pool import JobFailed, Pool, WorkersDied
from fedsim.execution.sending import Sent
from fedsim.execution.shared_memory import Arrays, Shared
from fedsim.partitions.contract import Split
from fedsim.registry import Bound
from fedsim.scenario.chains import poisoning, retraining
from fedsim.scenario.scores import TRIGGERED
from fedsim.schedules.contract import factor_of
from fedsim.simulation.adversaries import Held
from fedsim.simulation.client_batches import grouped, worth_sending
from fedsim.simulation.client_momentum import client_rate
from fedsim.simulation.client_steps import normalise
from fedsim.simulation.client_variates import keeps_variates
from fedsim.simulation.client_work import SERVER, epochs_of, own_training
from fedsim.simulation.federation import Federation
from fedsim.simulation.scoring import asks
from fedsim.simulation.triggers import shown
from fedsim.training.batch import BatchResult, ClientBatch, train_batch
from fedsim.training.client import ClientJob, Poison, Site, Stretch
from fedsim.training.evaluation import Exam, Questions, answer, evaluate, joined, mean_loss
from fedsim.training.inference import RowOutputs
from fedsim.training.minibatches import Turn
from fedsim.training.recently_used import Recent

Job = TypeVar("Job")
Result = TypeVar("Result")

MOST_BYTES = 64 * 2**20
"""Of clients' drawn examples that are kept rather than drawn again."""


class Dispatcher:
    """The arrays that all processes of a run share, and the three kinds of work done on them."""

    def __init__(self, federation: Federation, pool: Pool, arena: Arrays) -> None:
        self._federation, self._pool = federation, pool
        size, clients = len(federation.parameters), federation.scenario.clients
        capacity = clients.sampled + (clients.buffer or 1)  # all that may begin in a round, and the server itself
        parameters, self._parameters = arena.empty((size,))
        rows, self.rows = arena.empty((capacity, size))  # one for each sampled client and one for the server itself
        inputs, targets = arena.of(federation.train.inputs), arena.of(federation.train.targets)
        self._own = _examples(federation, arena)
        training = federation.scenario.training
        variates: Shared | None = None
        self.variates: Array | None = None
        if keeps_variates(training):
            variates, self.variates = arena.empty((capacity, size))
        self._site = Site(federation.kind, training, inputs, targets, parameters, rows, variates)
        self._poisons = [  # of each adversary the data attacks of its chain
            [
                (Sent(step.entry.bound(step.choice.settings)), bool(step.entry.traits["apart"]))
                for step in poisoning(each)
            ]
            for each in federation.scenario.attacks
        ]
        retrained = [retraining(each) for each in federation.scenario.attacks]
        self._attacks = [Sent(step.entry.bound(step.choice.settings)) if step else None for step in retrained]
        self._previous = arena.empty((size,)) if any(retrained) else None
        validation = [_chosen(federation.train, federation.validation)] if len(federation.validation) else []
        self._exams = [self._exam(arena, examples) for examples in (federation.test, *validation)]
        judged = (federation.test, *validation) if asks(federation, TRIGGERED) else ()
        self._shown = [shown(federation, examples) for examples in judged]
        self._exams += [self._exam(arena, Examples(*each, None)) for each in self._shown if len(each.targets)]
        self._root = arena.of(federation.train.inputs[federation.root])
        self._asking = partial(_asking, federation, parameters, self._root, arena, capacity)
        self._trusted: tuple[int, Array] | None = None  # round and update

    def broadcast(self, parameters: Array, previous: Array | None = None) -> None:
        """Let every process see these global parameters, and the last aggregate where somebody looks at it."""
        self._parameters[:] = parameters
        if self._previous is not None and previous is not None:
            self._previous[1][:] = previous

    def train(self, round: int, work: Sequence[tuple[int, int, Held | None]]) -> Iterator[BatchResult]:
        """Local work of (client, its row, who holds it in this round), in fixed batches and in order."""
        factor, stream = self.factor(round), self._federation.stream
        here, passes = stream.at("round", round, "client"), stream.at("passes", "client")
        epochs = epochs_of(self._site.training, stream, [client for client, *_ in work], round)
        jobs = [
            ClientJob(
                client,
                row,
                self._own(client),
                Turn(here.at(client), passes.at(client), round - 1, own),
                self._poisoned(round, client, held),
                factor,
                *self._attacked(held),
            )
            for (client, row, held), own in zip(work, epochs, strict=True)
        ]
        return self._sent(round, jobs)

    def turn(self, round: int, client: int | None) -> Turn:
        """A client's turn in this round, or the server's own on its root data."""
        stream, who = self._federation.stream, ("server",) if client is None else ("client", client)
        (epochs,) = epochs_of(self._site.training, stream, [SERVER if client is None else client], round)
        return Turn(stream.at("round", round, *who), stream.at("passes", *who), round - 1, epochs)

    def extras(self, round: int) -> dict[str, Callable[[Array], Any]]:
        """What costs work and is made only for a rule that asks for it, each from the rows it is given."""
        return {
            "trusted": lambda _: self.trusted(round),
            "root_logits": self.root_logits,
            "root_losses": self.root_loss,
            "root_loss": lambda _: self.root_loss,
            "outputs": lambda _: RowOutputs(self._federation.kind, np.array(self._parameters)),
        }

    def trusted(self, round: int) -> Array:
        """The server's own update, (d,): the same local work on the root data."""
        if self._trusted is None or self._trusted[0] != round:
            row = len(self.rows) - 1
            if self.variates is not None:
                self.variates[row] = 0  # the server's own work is one client's alone: nothing drifts
            own, turn = self._federation.root, self.turn(round, None)
            for _ in self._sent(round, [ClientJob(-1, row, own, turn, (), self.factor(round))]):
                pass
            trusted, trained = self.rows[row].copy(), self._federation.layout.trained
            trusted[:trained] *= np.float32(client_rate(self._site.training, self.factor(round)))
            normalise([(trusted, len(own), own_training(self._site.training, turn.epochs))], trained)
            self._trusted = round, trusted
        return self._trusted[1]

    def factor(self, round: int) -> float:
        """Of the local optimizer's rate in this round."""
        scenario = self._federation.scenario
        plan = scenario.training.schedule
        return factor_of(plan.name, plan.settings, round, scenario.rounds, scenario.training.warmup)

    def root_logits(self, matrix: Array) -> Array:
        """(n, r, classes) outputs of the model with each row applied, on the root examples."""
        most = len(self.rows)
        return np.concatenate([self._answered(matrix[begin : begin + most]) for begin in range(0, len(matrix), most)])

    def predict(self) -> list[dict[str, Any]]:
        """What the global model makes of the test examples and, where there are any, of the validation examples.

        With it, where a metric asks for that, what it makes of them when they carry a trigger.
        """
        pieces = [exam.pieces() for exam in self._exams]
        found = iter(list(self._pool.map(evaluate, [piece for exam in pieces for piece in exam])))
        told = (joined(islice(found, len(exam))) for exam in pieces)
        scored = [next(told)._asdict() for _ in range(1 + bool(len(self._federation.validation)))]
        for items, wanted in zip(scored, self._shown, strict=False):
            made = next(told).predictions if len(wanted.targets) else np.empty(0, np.int32)
            items |= {"triggered_predictions": made, "triggered_targets": wanted.targets}
        return scored

    def root_loss(self, matrix: Array) -> Array:
        """(m, d) -> (m,) mean loss on the root examples of the model with each row applied."""
        targets = self._federation.train.targets[self._federation.root]
        return np.array([mean_loss(logits, targets) for logits in self.root_logits(matrix)])

    def _answered(self, matrix: Array) -> Array:
        n, asking = len(matrix), self._asked
        asking.rows[:n] = matrix
        for _ in self._pool.map(answer, [replace(asking.questions, which=(row,)) for row in range(n)]):
            pass
        return np.array(asking.answers[:n])

    @cached_property
    def _asked(self) -> "Asking":
        """Made when a rule first asks: it takes as much memory as the clients' rows."""
        return self._asking()

    def _exam(self, arena: Arrays, examples: Examples) -> Exam:
        inputs, targets = arena.of(examples.inputs), arena.of(examples.targets)
        return Exam(self._federation.kind, self._site.parameters, inputs, targets, asks(self._federation, "logits"))

    def _poisoned(self, round: int, client: int, held: Held | None) -> tuple[Poison, ...]:
        """The data attacks of the adversary that holds this client in this round."""
        if held is None:
            return ()
        stream = self._federation.stream.at("attack", held.adversary, "client", client)
        return tuple(
            Poison(attack, stream.at("step", place) if place else stream, apart, round, held.index, held.colluders)
            for place, (attack, apart) in enumerate(self._poisons[held.adversary])
        )

    def _attacked(self, held: Held | None) -> tuple[Sent[Bound] | None, Shared | None]:
        """What the adversary that holds a client puts in the place of the local algorithm, and what that looks at."""
        attack = None if held is None else self._attacks[held.adversary]
        return attack, self._previous[0] if attack and self._previous else None

    def _sent(self, round: int, jobs: Sequence[ClientJob]) -> Iterator[BatchResult]:
        most, site = self._federation.scenario.execution.batch, self._site
        batches = [ClientBatch(site, part) for part in grouped(jobs, most, worth_sending(site))]
        try:
            yield from self._pool.map(train_batch, batches)
        except (JobFailed, WorkersDied) as error:
            clients = [job.client for job in batches[error.job].jobs]
            raise ClientFailed(round, clients, str(error)) from error.__cause__


class Asking(NamedTuple):
    """Rows whose outputs are wanted, often not the clients' own, and where the answers come."""

    questions: Questions
    rows: Array
    answers: Array


def _asking(federation: Federation, parameters: Shared, root: Shared, arena: Arrays, capacity: int) -> Asking:
    shape = federation.kind.answers(len(federation.root))
    answers, made = arena.empty((capacity, prod(shape[:-1]), shape[-1]))
    rows, asked = arena.empty((capacity, len(federation.parameters)))
    return Asking(Questions(federation.kind, parameters, rows, root, answers, ()), asked, made)


def _examples(federation: Federation, arena: Arrays) -> Callable[[int], Integers | Stretch]:
    """What tells which examples are a client's: of a true partition their place, of draws those drawn lately."""
    shares = federation.shares
    if isinstance(shares, Split):
        order, ends = arena.of(federation.held[shares.order]), shares.offsets
        return lambda client: Stretch(order, int(ends[client]), int(ends[client + 1]))
    recent = Recent(MOST_BYTES)
    return lambda client: recent.of(client, lambda: federation.examples_of(client))


def _chosen(examples: Examples, indices: Integers) -> Examples:
    return Examples(examples.inputs[indices], examples.targets[indices], None)
