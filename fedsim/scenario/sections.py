"""What a run is: one frozen value, read from one TOML file.

`load_scenario` is the only way in from outside. It refuses unknown keys, reports every problem at once with its place
in the file, and rehearses the rule and the attacks on a tiny matrix, so that a scenario it returns can run.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MaxLen
from pydantic import StringConstraints

from fedsim.exact_fractions import portion
from fedsim.scenario.choices import Choice, In, section
from fedsim.scenario.keeping import Execution, Output, Tracking
from fedsim.scenario.learning import Server, Training
from fedsim.scenario.topology import Topology
from fedsim.scenario.validation import PLAIN_PATH, PLAIN_WORD

__all__ = [
    "Attack", "Choice", "Clients", "Evaluation", "Execution", "In", "Output", "Partition", "Root", "Scenario", "Server",
    "Topology", "Tracking", "Training", "attackers", "attackers_wanted", "section",
]  # fmt: skip

Count = Annotated[int, Ge(1), Le(10**9)]
Seconds = Annotated[float, Gt(0), Le(1e12)]
Share = Annotated[float, Ge(0), Le(1)]


@section
class Clients:
    """Who there is, who is asked, and who answers in time."""

    population: Count | None = None
    """Clients in the federation; when not given the partition decides: one a writer, or 100."""
    sampled: Count = 10
    """Clients sampled in each round, without replacement."""
    sampling: Literal["uniform", "stratified", "grouped"] = "uniform"
    """uniform: every cohort is as likely; stratified: as many clients of each adversary; grouped: of each group."""
    risk: Annotated[float, Gt(0), Lt(1)] | None = None
    """Risk that f = "auto" takes: the chance in a round of more Byzantine clients stays below it; 0.05 if not given."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Chance that a sampled client never answers, drawn for each client and round."""
    absent: Annotated[tuple[Annotated[int, Ge(0)], ...], MaxLen(10**6)] | None = None
    """Clients that never answer when they are sampled; cohorts and batches are those of a run in which they do."""
    latency: Annotated[Choice, In("latencies")] = Choice("constant")
    """Law of the simulated seconds from being sampled until the update arrives."""
    availability: Annotated[Choice | None, In("availabilities")] = None
    """Law of when clients are there to be sampled, always if not given; whoever leaves before answering is lost."""
    at_least: Count | None = None
    """Clients that must be there for a round to begin, 1 if not given; it samples fewer where fewer are there."""
    deadline: Seconds | None = None
    """Simulated seconds after which a round closes whoever is missing; when not given it waits for everyone."""
    quorum: Count | None = None
    """Updates after which a round closes early; when not given it waits for everyone or the deadline."""
    buffer: Count | None = None
    """Updates after which an asynchronous server steps; `sampled` clients are at work at a time, at their own pace."""
    late: Literal["discard", "keep"] = "discard"
    """What becomes of an update that misses its round: thrown away, or used in the round in which it arrives."""


@section
class Partition:
    """Whose examples are whose."""

    choice: Annotated[Choice, In("partitions", flat=True)] = Choice("iid")
    """The partition by name, its settings beside it."""
    holders: Literal["all", "honest"] = "all"
    """Who is dealt examples: all clients, or the honest alone, so that attackers know what their knowledge says."""

    @property
    def name(self) -> str:
        """The partition's."""
        return self.choice.name

    @property
    def settings(self) -> Mapping[str, Any]:
        """The partition's own."""
        return self.choice.settings


@section
class Attack:
    """An adversary: what it does, the clients that it holds, and when it acts."""

    attack: Annotated[Choice | None, In("attacks", flat=True)] = None
    """The attack by name, its settings beside it; or leave out the name and give a chain of data, training, updates."""
    data: tuple[Annotated[Choice, In("attacks")], ...] | None = None
    """Of a chain: the attacks on its clients' examples, in order."""
    training: tuple[Annotated[Choice, In("attacks")], ...] | None = None
    """Of a chain: the attack that its clients carry out in the place of the local algorithm; one at most."""
    updates: tuple[Annotated[Choice, In("attacks")], ...] | None = None
    """Of a chain: the attacks on the rows that its clients send, in order, each on what the one before left."""
    count: Annotated[int, Ge(0), Le(10**9)] | None = None
    """How many clients it holds, drawn once for the whole run; give one of count, fraction, ids and per_round."""
    fraction: Share | None = None
    """The share of the population it holds, rounded down."""
    ids: Annotated[tuple[Annotated[int, Ge(0)], ...], MaxLen(10**6)] | None = None
    """Exactly which clients it holds, from 0."""
    per_round: Annotated[int, Ge(0), Le(10**9)] | None = None
    """How many of the sampled clients it holds, drawn anew in each round in which it acts."""
    start: Annotated[int, Ge(1)] = 1
    """First round in which it acts."""
    stop: Annotated[int, Ge(1)] | None = None
    """Last round in which it acts; when not given it never stops."""
    every: Annotated[int, Ge(1)] = 1
    """It acts in every so many rounds from the first; between, its clients are honest."""
    latency: Annotated[Choice | None, In("latencies")] = None
    """Law of the seconds that its clients take; when not given they take what everybody takes."""
    knowledge: Literal["all", "colluders", "own"] = "all"
    """Honest updates it sees: all of them, those its own clients would have sent, or each client only its own."""

    @property
    def steps(self) -> tuple[Choice, ...]:
        """What it does, in order."""
        chain = (self.data, self.training, self.updates)
        return (self.attack,) if self.attack is not None else tuple(step for kind in chain for step in kind or ())

    @property
    def name(self) -> str:
        """Its steps by name: `label_flip → scale`."""
        return " → ".join(step.name for step in self.steps)

    def acts(self, round: int) -> bool:
        """Whether it acts in this round."""
        started = round >= self.start and (round - self.start) % self.every == 0
        return started and (self.stop is None or round <= self.stop)


@section
class Root:
    """Data that the server holds itself, taken out of the training examples before clients get any."""

    size: Annotated[int, Ge(0), Le(10**7)] = 100
    """Examples; disjoint from every client's, from validation and from test."""


@section
class Evaluation:
    """How the global model is scored."""

    every: Annotated[int, Ge(1)] = 1
    """Rounds between evaluations; the last round is always scored."""
    validation: Annotated[int, Ge(0), Le(10**7)] = 200
    """Examples held out of training for choosing a round honestly; 0 means no selected accuracy."""
    limit: Annotated[int, Ge(1)] | None = None
    """Most test examples to use, an even spread over the test set; when not given all of them."""
    metrics: tuple[Annotated[Choice, In("metrics")], ...] = ()
    """What is scored besides accuracy and loss, by name or as tables with settings."""


@section
class Scenario:
    """One experiment."""

    name: Annotated[str, StringConstraints(pattern=PLAIN_WORD)] = "scenario"
    """A plain word for the results folder; when not given the file's name."""
    question: Annotated[str, MaxLen(300)] = ""
    """What the experiment asks; when not given the file's first comment line."""
    seed: Annotated[int, Ge(0), Lt(2**63)] = 1
    """Root of every draw in the run."""
    rounds: Annotated[int, Ge(1), Le(10**7)] = 20
    """Rounds to simulate."""
    plugins: Annotated[tuple[Annotated[str, StringConstraints(pattern=PLAIN_PATH)], ...], MaxLen(100)] = ()
    """Own code that brings algorithms: files beside the scenario, such as "my_rules.py", or modules."""
    data: Annotated[Choice, In("datasets")] = Choice("glyphs")
    """The data set: labelled examples to train and to test on."""
    partition: Partition = Partition()
    """The partition: how the training examples are divided among the clients."""
    model: Annotated[Choice, In("models")] = Choice("mlp")
    """The model: the network that is trained."""
    clients: Clients = Clients()
    """The clients of the federation: how many there are, how many are sampled, and who answers in time."""
    training: Training = Training()
    """Local training: the work of one sampled client in one round."""
    attacks: tuple[Attack, ...] = ()
    """The adversaries: what each does, through which clients and when; each has clients of its own."""
    preaggregators: tuple[Annotated[Choice, In("preaggregators")], ...] = ()
    """Pre-aggregators: what is done to the clients' updates before the rule sees them, in order."""
    aggregator: Annotated[Choice, In("aggregators")] = Choice("fedavg")
    """The aggregation rule: what makes one update of those of the clients."""
    topology: Topology | None = None
    """The topology: groups of clients with a rule of their own below that rule; when not given there is one server."""
    server: Server = Server()
    """The server's step: how the aggregate changes the global parameters."""
    root: Root = Root()
    """Root data: examples that the server holds itself, for the rules that need them."""
    evaluation: Evaluation = Evaluation()
    """Evaluation: how the global model is scored, how often and on which examples."""
    execution: Execution = Execution()
    """Execution: worker processes and batches of work; nothing here changes a result."""
    output: Output = Output()
    """Output: where results are kept, and how many checkpoints."""
    tracking: Tracking = Tracking()
    """Tracking: other places that the numbers are told to while the run goes on; nothing here changes a result."""

    def _repr_html_(self) -> str:
        from fedsim.scenario.notebook import scenario_html

        return scenario_html(self)


def attackers_wanted(adversary: Attack, population: int) -> int:
    """How many clients an adversary holds in a population for the whole run."""
    if adversary.ids is not None:
        return len(adversary.ids)
    return adversary.count if adversary.count is not None else int(portion(adversary.fraction or 0, population))


def attackers(scenario: Scenario, round: int) -> Iterable[tuple[int, Attack]]:
    """The attacks that act in this round, with their places in the scenario."""
    return ((index, attack) for index, attack in enumerate(scenario.attacks) if attack.acts(round))
