"""How many Byzantine clients a round may bring: who is sampled, who of them answers, and the f that bears them.

A cohort is drawn without replacement, so the number of Byzantine clients in it is hypergeometric. Chances are ratios
of whole numbers, exact to the last digit, for cohorts of up to 2,000 clients, and logarithms of factorials beyond.
Clients that are absent bring nothing. Rows that were late and are kept come on top and are not foreseen.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from fedsim.aggregators.contract import aggregators
from fedsim.datasets.contract import datasets
from fedsim.exact_fractions import apportioned
from fedsim.preaggregators.contract import preaggregators
from fedsim.registry import Entry
from fedsim.scenario.sections import Attack, Choice, Scenario, Topology, attackers_wanted

MOST_ROUNDS = 100_000
"""Schedules of attacks are counted round by round up to here, and taken to go on in the same proportions."""

MOST_EXACT = 2_000
"""Cohorts up to here are counted in whole numbers; the binomials of larger ones have too many digits."""

Acting = frozenset[int]
"""Places of the adversaries that act together."""
Chances = dict[int, float]
"""Of each number, its chance."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """How often more Byzantine clients are sampled than the rule is told to bear."""

    tolerated: int  # Byzantine rows in a round that the rule is set up for
    byzantine: int  # clients that attack in a round, at most
    worst: float  # chance of more in one round, while all of them attack
    expected: float  # rounds of the run in which there are more


def exposure(scenario: Scenario, population: int, f: int | None = None) -> Exposure | None:
    """How often the cohort holds more Byzantine clients than f, or than are tolerated; None where nobody attacks.

    Of a topology: how often more groups are lost than are borne, None too where that takes too long to count.
    """
    if scenario.topology is not None and f is None:
        from fedsim.scenario.group_exposure import exposure_of_groups

        return exposure_of_groups(scenario, population)
    held = Held(scenario, population)
    if not any(held.whole) and not any(held.anew):
        return None
    bearable = tolerated(scenario) if f is None else f
    schedule = schedule_of(scenario.attacks, scenario.rounds)
    chances = {acting: held.chance_of_more(acting, bearable) for acting in schedule}
    most = max((min(population, sum(held.whole[i] + held.anew[i] for i in acting)) for acting in schedule), default=0)
    expected = sum(rounds * chances[acting] for acting, rounds in schedule.items())
    return Exposure(bearable, most, max(chances.values(), default=0.0), expected)


def least_bearable(scenario: Scenario, population: int, risk: float) -> int:
    """The smallest f that more Byzantine clients than it are sampled with a chance below the risk in any round."""
    held = Held(scenario, population)
    together = [acting for acting in schedule_of(scenario.attacks, scenario.rounds) if acting]
    fs = range(held.sampled)  # with all of the cohort nothing is risked
    return bisect_left(fs, True, key=lambda f: all(held.chance_of_more(acting, f) < risk for acting in together))


def tolerated(scenario: Scenario) -> int:
    """Byzantine rows a round that the scenario is set up for."""
    return borne(scenario, rows_of_a_step(scenario))


def rows_of_a_step(scenario: Scenario) -> int:
    """Rows that the server takes where everybody answers: a cohort's, or what an asynchronous server waits for."""
    return scenario.clients.buffer or scenario.clients.sampled


def borne(scenario: Scenario, rows: int, nonfinite: int = 0) -> int:
    """Byzantine rows among these that the server is set up to bear: the smallest f it is told, or a bare minority.

    Rows that are not finite and were set aside have lowered f. Of a topology these are the groups' rows.
    """
    return borne_by(server_steps(scenario), rows, nonfinite)


def borne_by(steps: "Steps", rows: int, nonfinite: int = 0) -> int:
    """Byzantine rows among these that such steps are set up to bear."""
    given = [f for entry, choice in steps if (f := entry.byzantine(choice.settings)) is not None]
    return max(min(given) - nonfinite, 0) if given else (rows - 1) // 2


Steps = Sequence[tuple[Entry, Choice]]
"""The pre-aggregators of a server in turn, then its rule, each with its settings."""


def server_steps(scenario: Scenario) -> Steps:
    """Those of the server; of a topology those at the top."""
    return _steps(scenario)


def edge_steps(scenario: Scenario) -> Steps:
    """Those of each edge server; none where there is no topology."""
    return _steps(scenario.topology) if scenario.topology is not None else ()


def _steps(server: Scenario | Topology) -> Steps:
    mixers = [(preaggregators[choice.name], choice) for choice in server.preaggregators]
    return [*mixers, (aggregators[server.aggregator.name], server.aggregator)]


def known_population(scenario: Scenario) -> int | None:
    """The number of clients where it can be known without loading any data."""
    given = scenario.clients.population
    if given is None and scenario.partition.name == "by_writer":
        owners = datasets[scenario.data.name].traits.get("owners")
        return None if owners is None else int(owners(scenario.data.settings))
    return 100 if given is None else given


def chance_of_more(population: int, byzantine: int, sampled: int, tolerated: int) -> float:
    """Chance that a cohort of `sampled` out of `population` holds more than `tolerated` of the `byzantine`."""
    low = max(tolerated + 1, 0, sampled - (population - byzantine))
    return _chance(population, byzantine, sampled, range(low, min(byzantine, sampled) + 1))


def chance_of_fewer(sampled: int, dropout: float, needed: int) -> float:
    """Chance that fewer than `needed` of `sampled` clients answer, each lost with chance `dropout` on its own."""
    if dropout == 0:
        return float(sampled < needed)
    terms = (
        log_choose(sampled, k) + k * math.log1p(-dropout) + (sampled - k) * math.log(dropout)
        for k in range(min(needed, sampled + 1))
    )
    return min(1.0, math.fsum(map(math.exp, terms)))


class Held:
    """The clients that adversaries hold, and how many of them come to a round and answer."""

    def __init__(self, scenario: Scenario, population: int) -> None:
        plans, clients = scenario.attacks, scenario.clients
        self.population, self.sampled = population, min(rows_of_a_step(scenario), population)
        self.whole = [attackers_wanted(plan, population) for plan in plans]
        self.anew = [plan.per_round or 0 for plan in plans]
        absent = set(clients.absent or ())
        ids = {place: {*plan.ids} for place, plan in enumerate(plans) if plan.ids is not None}
        self._named = {place: min(len(given - absent), population) for place, given in ids.items()}
        named = {client for given in ids.values() for client in given}
        self._others = max(population - len(named), 0)  # clients that no adversary names, and those who answer of them
        self._answering = max(self._others - len(absent - named), 0)
        strata = [max(population - sum(self.whole), 0), *self.whole]
        self._seats = apportioned(self.sampled, strata)[1:] if clients.sampling == "stratified" else None

    def chance_of_more(self, acting: Acting, f: int) -> float:
        """The chance that more than f Byzantine clients are sampled and answer, while these adversaries act."""
        return math.fsum(
            sure * chance * chance_of_more(self.population, among, self.sampled, f - seated)
            for seated, sure in self._seated(acting).items()
            for among, chance in self._among(acting).items()
        )

    def chances(self, acting: Acting, most: int) -> list[float]:
        """The chances that none, one … and so many Byzantine clients are sampled and answer."""
        more = [self.chance_of_more(acting, f) for f in range(-1, most + 1)]
        return [before - after for before, after in pairwise(more)]

    def _seated(self, acting: Acting) -> Chances:
        """How many answer of those that are in every cohort."""
        drawn = sum(self.anew[place] for place in acting)
        if self._seats is None:
            return self._present(drawn)
        drawn += sum(self._seats[place] for place in acting if place not in self._named)
        named = (
            _numbers(self.whole[place], self._named[place], self._seats[place]) for place in acting & {*self._named}
        )
        return _sums([self._present(drawn), *named])

    def _among(self, acting: Acting) -> Chances:
        """How many answer, when they are sampled, of those among whom a cohort is drawn."""
        if self._seats is not None:
            return {0: 1.0}
        named = min(sum(self._named.get(place, 0) for place in acting), self.population - self._others)
        drawn = sum(self.whole[place] for place in acting if place not in self._named)
        return {named + many: chance for many, chance in self._present(drawn).items()}

    def _present(self, drawn: int) -> Chances:
        """How many answer of so many that were drawn from whoever no adversary names."""
        drawn = max(min(drawn, self._others), 0)
        return _numbers(self._others, self._answering, drawn)


def _numbers(population: int, marked: int, drawn: int) -> Chances:
    """How many are marked among those drawn."""
    if marked == population:
        return {drawn: 1.0}
    possible = range(max(0, drawn - (population - marked)), min(marked, drawn) + 1)
    return {many: _chance(population, marked, drawn, (many,)) for many in possible}


def _sums(parts: Iterable[Chances]) -> Chances:
    """The sum of numbers that know nothing of each other."""
    total: Chances = {0: 1.0}
    for part in parts:
        found: Chances = {}
        for (one, chance), (other, more) in ((a, b) for a in total.items() for b in part.items()):
            found[one + other] = found.get(one + other, 0.0) + chance * more
        total = found
    return total


def _chance(population: int, marked: int, drawn: int, numbers: Sequence[int]) -> float:
    """The chance that the number of marked ones among those drawn is one of these."""
    others = population - marked
    if min(drawn, population - drawn) <= MOST_EXACT:
        ways = sum(math.comb(marked, k) * math.comb(others, drawn - k) for k in numbers)
        return ways / math.comb(population, drawn)
    whole = log_choose(population, drawn)
    terms = (log_choose(marked, k) + log_choose(others, drawn - k) - whole for k in numbers)
    return min(1.0, math.fsum(map(math.exp, terms)))


def schedule_of(adversaries: tuple[Attack, ...], rounds: int) -> dict[Acting, float]:
    """Which attacks act together, and in how many rounds."""
    counted = min(rounds, MOST_ROUNDS)
    sets = Counter(
        frozenset(index for index, adversary in enumerate(adversaries) if adversary.acts(number))
        for number in range(1, counted + 1)
    )
    return {acting: times * rounds / counted for acting, times in sets.items()}


def log_choose(n: int, k: int) -> float:
    """The logarithm of the number of ways to choose k of n."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
