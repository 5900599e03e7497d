"""A rule with its pre-aggregators for the server of another framework: arrays of clients in, arrays of a model out.

It is the judgement of the engine: rows are what clients send minus what they were sent, rows that are not finite are
set aside and f shrinks with them, and whatever has a past is given its memory back in the next round.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsim.aggregators.contract import aggregators
from fedsim.array_types import Array
from fedsim.errors import Problem, RowsDoNotSuffice, did_you_mean
from fedsim.exact_fractions import portion
from fedsim.integrations.model_arrays import Arrays, Form
from fedsim.kernels.rules.finite_rows import screen
from fedsim.plugins.named import is_address, named
from fedsim.preaggregators.contract import preaggregators
from fedsim.randomness import Stream
from fedsim.registry import BYZANTINE, Entry, Registry
from fedsim.scenario.choices import Choice
from fedsim.scenario.validation import check_settings
from fedsim.simulation.judging import Before, Inputs, Server, judged_by
from fedsim.simulation.state import Memory

SUPPLIED = {
    "updates", "counts", "previous", "parameters", "memory", "clients", "staleness", "layers", "round", "stream",
}  # fmt: skip
"""What another framework's server has, so that a rule can be given it."""
NOT_FINITE = "its numbers are not all finite"
DIVERGED = "the step leads to numbers that are not finite"

Step = str | tuple[str, Mapping[str, Any]]
"""A pre-aggregator by name, or its name and its settings."""


@dataclass(frozen=True)
class Reply:
    """What a client sent back."""

    client: int
    arrays: Arrays  # whole weights after its training
    examples: int


class Outcome(NamedTuple):
    """What became of a round."""

    arrays: dict[str, NDArray[Any]] | None  # of the model; None where it stays as it is
    clients: tuple[int, ...]  # whose rows were judged, in order
    weights: tuple[float, ...]  # how much each counted, summing to 1; empty where the rule could not be applied
    refused: Mapping[int, str]  # clients that were set aside, and why
    f: int | None  # rows that the rule took for Byzantine, after those set aside; None where it is told no number
    skipped: str  # why the model stays as it is, or ""


class Judge:
    """A rule and its pre-aggregators, and what they remember."""

    def __init__(
        self,
        rule: str,
        settings: Mapping[str, Any],
        steps: Sequence[Step],
        f: int | float | None,
        seed: int,
        beside: Sequence[str] = (),
    ) -> None:
        self._beside = beside  # other keywords of whoever asks, for suggestions only
        self.f = _checked_f(f)
        self.rule = self._choice(aggregators, rule, settings)
        self.preaggregators = tuple(self._choice(preaggregators, *_named(step)) for step in steps)
        self._stream = Stream.root(seed)
        self._memories: dict[str, Memory] = {}
        self._previous: Array | None = None
        self._clients: dict[int, int] = {}  # by what the framework calls them, in the order in which they were seen

    def judge(self, round: int, model: Arrays, replies: Iterable[Reply], refused: Mapping[int, str]) -> Outcome:
        """The model after a round; `refused` are clients whose answer could not even be read."""
        form, known = Form.of(model), sorted(replies, key=lambda reply: reply.client)
        gone = dict(refused) | {reply.client: why for reply in known if (why := form.unlike(reply.arrays))}
        start = form.row(model)
        fitting = [reply for reply in known if reply.client not in gone]
        sent = [form.row(reply.arrays) for reply in fitting]
        with np.errstate(over="ignore", invalid="ignore"):
            rows: Array = np.stack(sent) - start if sent else np.zeros((0, len(start)), start.dtype)
            finite = screen(rows) if len(rows) else np.zeros(0, np.bool_)
            gone |= {reply.client: NOT_FINITE for reply, good in zip(fitting, finite, strict=True) if not good}
            heard = [reply for reply, good in zip(fitting, finite, strict=True) if good]
            return self._judged(_Round(round, form, start, rows[finite], heard, gone))

    def _judged(self, given: "_Round") -> Outcome:
        n, gone = len(given.heard), len(given.gone)
        server, clients = self._server(given.number, n + gone), tuple(reply.client for reply in given.heard)
        byzantine = aggregators[server.aggregator.name].byzantine(server.aggregator.settings)
        left = None if byzantine is None else max(byzantine - gone, 0)
        if not n:
            return Outcome(None, clients, (), given.gone, left, "no usable update arrived")
        try:
            judged = judged_by(server, self._before(given), given.number, self._inputs(given), {})
        except RowsDoNotSuffice as error:
            return Outcome(None, clients, (), given.gone, left, str(error))
        weights, after = judged.verdict.weights, given.start + judged.verdict.update.astype(given.start.dtype)
        if not np.isfinite(after).all():
            return Outcome(None, clients, (), given.gone, left, DIVERGED)
        self._previous = np.array(judged.verdict.update)
        self._memories |= {path: _copied(kept) for path, kept in judged.memories.items() if kept is not None}
        whole = given.form.middle([reply.arrays for reply in given.heard], weights)
        return Outcome(given.form.arrays(after, whole), clients, tuple(weights.tolist()), given.gone, left, "")

    def _server(self, round: int, arrived: int) -> Server:
        """The steps with the f of this round."""
        f = self.f if not isinstance(self.f, float) else int(portion(self.f, arrived))
        mixers = tuple(chosen.told(preaggregators, f) for chosen in self.preaggregators)
        return Server(mixers, self.rule.told(aggregators, f), self._stream.at("round", round))

    def _before(self, given: "_Round") -> Before:
        previous = self._previous if self._previous is not None else np.zeros_like(given.start)
        return Before(given.start, previous, self._memories, given.form.layers)

    def _inputs(self, given: "_Round") -> Inputs:
        numbers = [self._clients.setdefault(reply.client, len(self._clients)) for reply in given.heard]
        counts = np.array([reply.examples for reply in given.heard], np.int64)
        return Inputs(given.rows, counts, np.array(numbers, np.int64), len(given.gone), np.zeros(len(counts), np.int64))

    def _choice(self, registry: Registry, name: str, settings: Mapping[str, Any]) -> "_Chosen":
        """The algorithm with its settings checked; its own f, the common one, or none."""
        entry = named(registry, name) if is_address(name) else registry[name]
        for item in entry.supplied:
            if item not in SUPPLIED:
                meaning = registry.supplies[item].meaning
                raise ValueError(f"{name} asks for `{item}`, {meaning}: only fedsim's own engine supplies that")
        common = BYZANTINE in entry.settings and BYZANTINE not in settings and self.f is not None
        values = {**settings, BYZANTINE: 0} if common else dict(settings)
        found, problems = check_settings(entry, values)
        if problems:
            raise ValueError("; ".join(_words(entry, problem, self._beside) for problem in problems))
        return _Chosen(Choice(name, found), common)


class _Chosen(NamedTuple):
    """An algorithm, and whether it takes the common f."""

    choice: Choice
    common: bool

    def told(self, registry: Registry, f: int | None) -> Choice:
        """With the f of this round."""
        choice = self.choice
        if not self.common or f is None:
            return choice
        return Choice(choice.name, registry[choice.name].with_byzantine(choice.settings, f))


@dataclass(frozen=True)
class _Round:
    """What is known when a round closes."""

    number: int
    form: Form
    start: Array  # (d,) what clients were sent
    rows: Array  # (n, d) finite updates
    heard: Sequence[Reply]  # whose they are
    gone: Mapping[int, str]


def _checked_f(f: int | float | None) -> int | float | None:
    """A number of rows, or a share of those that arrive."""
    if f is None or (isinstance(f, int) and not isinstance(f, bool) and f >= 0):
        return f
    if isinstance(f, float) and 0 <= f < 1:
        return f
    raise ValueError(f"f is a number of rows from 0, or a share of those that arrive, below 1: got {f!r}")


def _named(step: Step) -> tuple[str, Mapping[str, Any]]:
    if isinstance(step, str):
        return step, {}
    if isinstance(step, tuple) and len(step) == 2 and isinstance(step[0], str) and isinstance(step[1], Mapping):  # noqa: PLR2004
        return step[0], step[1]
    raise TypeError(f'a pre-aggregator is a name or a name and its settings, such as ("nnm", {{"f": 2}}): got {step!r}')


def _words(entry: Entry, problem: Problem, beside: Sequence[str]) -> str:
    """What is wrong with a setting, in one line with the algorithm's name."""
    key = str(problem.path[-1])
    if problem.message.startswith("unknown key"):
        return f"{entry.name} does not take `{key}`{did_you_mean(key, [*entry.settings, *beside])}"
    return problem.message if problem.message.startswith("missing") else f"{entry.name}: {key} {problem.message}"


def _copied(memory: Memory) -> Memory:
    """Arrays of its own: a rule may answer with a view of this round's rows."""
    return {name: np.array(array) for name, array in memory.items()}
