"""Everything that is settled before the first round: the data and whose they are, the model, and who attacks.

Train, root, validation and test are disjoint by construction: root and validation examples are taken out of the
training examples first, and only the rest is divided among the clients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fedsim.array_types import Array, Integers, Progress, silent
from fedsim.blame import told
from fedsim.checked_calls import refusal
from fedsim.datasets.contract import Dataset, Examples, check_dataset, datasets, digest_of
from fedsim.errors import FedsimError, Problem, ScenarioError, WrongSetting
from fedsim.metrics.contract import metrics
from fedsim.partitions.contract import Shares, Split, check_shares, partitions
from fedsim.paths import path_settings
from fedsim.randomness import Stream
from fedsim.registry import Entry
from fedsim.scenario.adversary_checks import wrong_on_data
from fedsim.scenario.compatibility import told_of_data, unsuited
from fedsim.scenario.sections import Scenario, attackers_wanted
from fedsim.simulation.adversaries import ClientSet, draw_controlled
from fedsim.simulation.groups import Groups, build_groups
from fedsim.simulation.holders import among_honest
from fedsim.tasks import TASKS
from fedsim.training.flat import Layout
from fedsim.training.initial_parameters import fitted
from fedsim.training.torch_models import ModelKind


@dataclass(frozen=True)
class Federation:
    """A scenario with its data, split, model and attackers; nothing in it changes during a run."""

    scenario: Scenario
    stream: Stream
    train: Examples  # root and validation examples included, by index
    test: Examples
    root: Integers  # indices of `train`
    validation: Integers
    held: Integers  # indices of `train` that clients hold, ascending
    shares: Shares  # shares[c]: positions in `held` of client c's examples
    kind: ModelKind
    parameters: Array  # (d,) before the first round
    layout: Layout  # of such vectors
    controlled: tuple[ClientSet, ...]  # for each adversary the clients that it holds over the whole run
    free: ClientSet  # those that none holds
    groups: Groups | None = None  # of the clients, where there is a topology
    data: str = ""  # digest of all examples, of a person's own files

    @property
    def population(self) -> int:
        """Number of clients."""
        return len(self.shares)

    def claimed_by(self, client: int) -> int:
        """Examples behind a client's row, as the server is told: an attacker without any claims an honest share."""
        if self.scenario.partition.holders == "honest" and not self.free.among(np.array([client]))[0]:
            return round(len(self.held) / len(self.free)) if isinstance(self.shares, Split) else self._drawn
        return len(self.shares[client])

    @cached_property
    def _drawn(self) -> int:
        """Examples that an honest client draws, where each draws as many."""
        clients = np.arange(self.population)
        return len(self.shares[int(clients[self.free.among(clients)][0])])

    def examples_of(self, client: int) -> Integers:
        """Indices of `train` that a client holds."""
        return self.held[self.shares[client]]


def build_federation(scenario: Scenario, progress: Progress = silent) -> Federation:
    """Make or read the data, divide them, build the model and draw the attackers, each from its own stream."""
    stream = Stream.root(scenario.seed)
    data = _suited(scenario, _dataset(scenario, stream.at("data"), progress))
    root, validation, held = _carve(scenario, len(data.train), stream.at("held out"))
    _check_owners(scenario, data)
    shares, whose = _shared_out(scenario, data, held, stream)
    if scenario.clients.sampled > len(shares):
        message = f"cannot sample {scenario.clients.sampled} of {len(shares)} clients"
        raise ScenarioError([Problem(("clients", "sampled"), message)], scenario.name)
    if (absent := max(scenario.clients.absent or (0,))) >= len(shares):
        message = f"there is no client {absent}: they are numbered from 0 to {len(shares) - 1}"
        raise ScenarioError([Problem(("clients", "absent"), message)], scenario.name)
    kind = ModelKind(scenario.model, data.spec, data.classes, stream.at("model"), TASKS[data.task])
    start = fitted(kind, scenario, shares)
    return Federation(
        scenario, stream, data.train, _limited(data.test, scenario.evaluation.limit), root, validation, held, shares,
        kind, *start, *whose, build_groups(scenario, len(shares), stream.at("topology")),
        digest_of(data) if path_settings(datasets[scenario.data.name].settings) else "",
    )  # fmt: skip


def _dataset(scenario: Scenario, stream: Stream, progress: Progress) -> Dataset:
    entry = datasets[scenario.data.name]
    given: Mapping[str, Any] = {"stream": stream, "progress": progress}
    try:
        data = check_dataset(entry.call(given, scenario.data.settings))
    except FedsimError:
        raise
    except WrongSetting as error:
        raise ScenarioError([Problem(("data", error.key), str(error))], scenario.name) from error
    except Exception as error:  # whatever somebody's own data set raises
        words = _words(error, entry)
        raise ScenarioError([Problem(("data",), words)], scenario.name) from error
    return data


def _suited(scenario: Scenario, data: Dataset) -> Dataset:
    """The data, once the other parts are known to take what they turned out to be."""
    unfit = unsuited(scenario, data.kind, data.task, f"the data are {data.spec.words}")
    problems = unfit or _refused_by_attacks(scenario, data)
    if problems:
        raise ScenarioError(problems, scenario.name)
    return data


def _refused_by_attacks(scenario: Scenario, data: Dataset) -> list[Problem]:
    """What attacks on the data have against these, where not all was known of them before they were read."""
    found = {"kind": data.kind, "shape": data.spec.shape, "classes": data.classes}
    return [] if told_of_data(scenario) == found else wrong_on_data(scenario, found | {"dtype": data.spec.dtype})


def _check_owners(scenario: Scenario, data: Dataset) -> None:
    """A metric over owners needs examples whose owners are known."""
    scored = {"test": data.test, **({"training": data.train} if scenario.evaluation.validation else {})}
    unknown = [part for part, examples in scored.items() if examples.owners is None]
    for place, choice in enumerate(scenario.evaluation.metrics):
        if unknown and "owners" in metrics[choice.name].supplied:
            whose = f"{scenario.data.name} does not know whose its {' and '.join(unknown)} examples are"
            message = f"{choice.name} needs data that know it, such as glyphs and femnist: {whose}"
            raise ScenarioError([Problem(("evaluation", "metrics", place), message, choice.name)], scenario.name)


def _carve(scenario: Scenario, count: int, stream: Stream) -> tuple[Integers, Integers, Integers]:
    """Root, validation and client-held examples."""
    root, validation = scenario.root.size, scenario.evaluation.validation
    if root + validation >= count:
        message = f"root ({root}) and validation ({validation}) leave nothing of {count} training examples"
        raise ScenarioError([Problem(("root", "size"), message)], scenario.name)
    order = stream.numpy().permutation(count)
    parts = np.split(order, [root, root + validation])
    return parts[0], parts[1], np.sort(parts[2])


Controlled = tuple[tuple[ClientSet, ...], ClientSet]
"""The clients of each adversary, and those of none."""


def _shared_out(scenario: Scenario, data: Dataset, held: Integers, stream: Stream) -> tuple[Shares, Controlled]:
    """Whose examples are whose and who attacks; which of the two is settled first depends on who holds any."""
    population = scenario.clients.population
    if scenario.partition.holders == "all" or population is None:
        shares = _divide(scenario, data, held, population, stream.at("partition"))
        return shares, _controlled(scenario, len(shares), stream.at("attackers"))
    controlled = _controlled(scenario, population, stream.at("attackers"))
    attacking = ~controlled[1].among(np.arange(population))
    shares = _divide(scenario, data, held, int((~attacking).sum()), stream.at("partition"))
    return among_honest(shares, attacking), controlled


def _divide(scenario: Scenario, data: Dataset, held: Integers, clients: int | None, stream: Stream) -> Shares:
    entry = partitions[scenario.partition.name]
    given: Mapping[str, Any] = {
        "targets": data.train.targets[held],
        "owners": None if data.train.owners is None else data.train.owners[held],
        "classes": data.classes,
        "clients": clients,
        "stream": stream,
    }
    try:
        shares: Shares = entry.call(given, scenario.partition.settings)
        check_shares(shares, len(held), shared="partition" in entry.breaks)
    except FedsimError:
        raise
    except Exception as error:  # likewise
        words = _words(error, entry)
        raise ScenarioError([Problem(("partition",), words)], scenario.name) from error
    return shares


def _words(error: Exception, entry: Entry) -> str:
    """A refusal of fedsim's own algorithms in their own words; of anybody else's with the file and the line."""
    if entry.file is None:
        return refusal(error, entry.name, entry.function)
    return f"`{entry.name}` {told(error, entry.function)}"


def _limited(test: Examples, limit: int | None) -> Examples:
    if limit is None or limit >= len(test):
        return test
    chosen = np.linspace(0, len(test) - 1, limit).astype(np.int64)
    return Examples(test.inputs[chosen], test.targets[chosen], None if test.owners is None else test.owners[chosen])


def _controlled(scenario: Scenario, population: int, stream: Stream) -> Controlled:
    wanted = [attackers_wanted(adversary, population) for adversary in scenario.attacks]
    named = np.array([client for adversary in scenario.attacks for client in adversary.ids or ()], np.int64)
    if sum(wanted) > population or (len(named) and named.max() >= population):
        message = f"want {sum(wanted)} clients, ids up to {max(named, default=0)}, and there are {population} clients"
        raise ScenarioError([Problem(("attacks",), message)], scenario.name)
    return draw_controlled([adversary.ids for adversary in scenario.attacks], wanted, population, stream)
