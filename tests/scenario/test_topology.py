"""Topologies in a scenario: what is refused and how, what is said of them, and chances against counting."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from fedsim.errors import ScenarioError
from fedsim.exact_fractions import apportioned
from fedsim.partitions.contract import Split, partition, partitions
from fedsim.scenario.capabilities import capabilities
from fedsim.scenario.exposure import exposure
from fedsim.scenario.group_exposure import fewest_rows, silent_groups, tolerated_by_groups
from fedsim.scenario.guarantees import guarantees
from fedsim.scenario.labels import labels
from fedsim.scenario.load import dump_scenario, parse_scenario
from fedsim.simulation.federation import build_federation
from tests.small_runs import registered

BASE = """
data = "digits"
model = "logistic"
aggregator = "median"
[clients]
population = 12
sampled = 12
"""
EDGE = '[topology]\ngroups = 4\n[topology.aggregator]\nname = "trimmed_mean"\nf = 1\n'
ATTACK = '[[attacks]]\nname = "zero"\n'


def problems(text, *overrides):
    with pytest.raises(ScenarioError) as refused:
        parse_scenario(text, overrides)
    return [(each.where, each.message, each.line) for each in refused.value.problems]


@pytest.mark.parametrize(
    ("topology", "where", "message"),
    [
        ("groups = 13", "topology.groups", "cannot make 13 groups of 12 clients: every group needs a client"),
        ("groups = 0", "topology.groups", "must be ≥ 1 or a list, got 0"),
        (
            "groups = []",
            "topology.groups",
            "a topology needs a group: give a number, or a list of clients for each",
        ),
        (
            "groups = [[0, 1, 2, 3, 4, 5], [], [6, 7, 8, 9, 10, 11]]",
            "topology.groups[1]",
            "group 1 has no members: every group needs a client",
        ),
        (
            "groups = [[0, 1, 2, 3, 4, 5], [5, 6, 7, 8, 9, 10, 11]]",
            "topology.groups[0]",
            "client 5 has 2 places, in groups 0 and 1: it needs one",
        ),
        (
            "groups = [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 12]]",
            "topology.groups[1]",
            "there is no client 12: they are numbered from 0 to 11",
        ),
        (
            "groups = [[0, 1, 2, 3, 4], [6, 7]]",
            "topology.groups",
            "clients 5, 8, 9 and 2 more of 12 are in no group: list every client",
        ),
        (
            "groups = [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]\nassignment = 'random'",
            "topology.assignment",
            "means nothing where the groups' clients are listed: leave it out, or give a number of groups",
        ),
        (
            "groups = 3\nassignment = 'contigous'",
            "topology.assignment",
            "must be 'contiguous' or 'random', got 'contigous'; did you mean `contiguous`?",
        ),
        ("assignment = 'random'", "topology.groups", "missing"),
        ("groups = 3\nsize = 4", "topology.size", None),
        (
            "groups = 6\naggregator = { name = 'trimmed_mean', f = 1 }",
            "topology.aggregator.f",
            "trimmed_mean needs n > 2f: got n = 2, f = 1; here f is at most 0"
            " (in the smallest group, of at most 2 rows a round)",
        ),
        (
            "groups = 5\npreaggregators = [{ name = 'nnm', f = 2 }]",
            "topology.preaggregators[0].f",
            "nnm needs n > f: got n = 2, f = 2; here f is at most 1 (in the smallest group, of at most 2 rows a round)",
        ),
        (
            "groups = 3\naggregator = 'fltrust'",
            "topology.aggregator.name",
            "fltrust needs root data, which only the server at the top holds: use it in [aggregator]",
        ),
        (
            "groups = 3\naggregator = { name = 'trimmed_mean', f = 'auto' }",
            "topology.aggregator.f",
            '"auto" is for one server: with groups every level has an f of its own, give each as a number',
        ),
        ("groups = 3\naggregator = 'medain'", "topology.aggregator.name", None),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(topology, where, message):
    (found,) = problems(f"{BASE}[topology]\n{topology}\n")
    assert found[0] == where
    assert found[2] is not None
    if message is not None:
        assert found[1] == message


def test_what_is_for_one_server_is_refused_beside_groups():
    asynchronous = problems(BASE + EDGE, "clients.population=40", "clients.buffer=5")
    assert [each[:2] for each in asynchronous] == [
        (
            "clients.buffer",
            "an asynchronous server has no rounds in which groups could answer: leave this out, or [topology]",
        )
    ]
    (risky,) = problems(BASE + EDGE, "clients.risk=0.1")
    assert risky[0] == "clients.risk"
    auto = problems(BASE + EDGE, 'aggregator={name="trimmed_mean", f="auto"}')
    assert [each[0] for each in auto] == ["aggregator.f"]


def test_the_rule_at_the_top_must_hold_on_the_groups():
    (found,) = problems(BASE + EDGE, 'aggregator={name="krum", f=1}')
    assert found[0] == "aggregator.f"
    assert found[1] == "krum needs n ≥ 2f + 3: got n = 4, f = 1; here f is at most 0"


def test_groups_that_only_the_data_can_count_are_checked_then():
    with registered(partitions, "seven"):

        @partition("seven")
        def _seven(targets):
            return Split.of(np.array_split(np.arange(len(targets)), 7))

        text = 'partition = "seven"\n' + BASE.replace("population = 12\nsampled = 12", "sampled = 5")
        wrong = {9: "cannot make 9 groups of 7 clients", ((0, 1),): "clients 2, 3, 4 and 2 more of 7"}
        for groups, message in wrong.items():
            given = parse_scenario(text, [f"topology.groups={[[*range(100)]]}"])
            with pytest.raises(ScenarioError, match=message):
                build_federation(replace(given, topology=replace(given.topology, groups=groups)))


def test_writing_it_down_loses_nothing():
    for text in (EDGE, "[topology]\ngroups = [[0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9, 11]]\n", ""):
        given = parse_scenario(BASE + text)
        assert parse_scenario(dump_scenario(given)) == given


def test_both_levels_are_named_wherever_the_rule_is():
    given = parse_scenario(BASE + EDGE + ATTACK.replace("zero", "optimal_ipm") + "count = 2\n")
    assert labels(given)["rule"] == "trimmed_mean(f=1) in 4 groups → median"
    assert "the server's own trimmed_mean in its groups → median on rows it makes up" in capabilities(given)[0].text


def told(text, *overrides):
    return [(each.verdict, each.text) for each in guarantees(parse_scenario(text, overrides))]


def test_both_levels_are_promised_for():
    assert told(BASE + EDGE) == [
        ("holds", "trimmed_mean needs n > 2f: n = 3 at most in the smallest group, f = 1"),
        (
            "holds",
            "of 12 rows a round 3 (25%) may be Byzantine wherever they are; "
            "4 (33.3%) that fill group after group, 5 (41.7%) spread evenly",
        ),
    ]


def test_grouped_sampling_gives_every_group_its_share():
    found = told(BASE + EDGE, "clients.sampled=8", "clients.sampling='grouped'", "topology.aggregator.f=0")
    assert found[0] == ("holds", "trimmed_mean needs n > 2f: n = 2 at most in the smallest group, f = 0")
    (few,) = problems(BASE + EDGE, "clients.sampled=8", "clients.sampling='grouped'")
    assert few[0] == "topology.aggregator.f"
    (alone,) = problems(BASE, "clients.sampling='grouped'")
    assert alone[:2] == ("clients.sampling", "means nothing without groups: give [topology], or sample uniformly")


def test_groups_with_too_few_rows_are_told():
    found = told(BASE + EDGE, "clients.sampled=6")
    assert found[0] == ("holds", "trimmed_mean needs n > 2f: n = 3 at most in the smallest group, f = 1")
    assert found[-1][0] == "warning"
    assert found[-1][1].startswith("expect 3.6 of 4 groups to be silent in a round: sampling leaves too few rows")


def placed(byzantine, sizes, edge, top):
    """Whether Byzantine clients, so many in each group, are borne."""
    return sum(b > f for b, f in zip(byzantine, edge, strict=True)) <= top


@pytest.mark.parametrize("groups", [2, 3, 4, 5])
@pytest.mark.parametrize("edge", ["median", '{name="trimmed_mean", f=1}', '{name="trimmed_mean", f=0}'])
@pytest.mark.parametrize("top", ["median", '{name="trimmed_mean", f=1}'])
def test_tolerated_is_what_every_placement_says(groups, edge, top):
    rules = [f"topology.groups={groups}", f"topology.aggregator={edge}", f"aggregator={top}"]
    try:
        given = parse_scenario(BASE + EDGE, rules)
    except ScenarioError:
        return  # too few groups or clients for the rule
    sizes = [len(part) for part in np.array_split(np.arange(12), groups)]
    bears = [(size - 1) // 2 if edge == "median" else int(edge[-2]) for size in sizes]
    lost = (groups - 1) // 2 if top == "median" else 1
    found = tolerated_by_groups(given, 12)
    ways = [
        way for way in itertools.product(*(range(size + 1) for size in sizes)) if not placed(way, sizes, bears, lost)
    ]
    assert found.anywhere == min(map(sum, ways)) - 1
    even = [way for way in ways if max(way) - min(way) <= 1]
    assert found.spread == min((sum(way) for way in even), default=13) - 1
    filled = [
        [min(max(b - sum(sorted(sizes)[:k]), 0), size) for k, size in enumerate(sorted(sizes))] for b in range(13)
    ]
    paired = [bears[sizes.index(size)] for size in sorted(sizes)]
    assert found.filled == min((sum(way) for way in filled if not placed(way, sizes, paired, lost)), default=13) - 1


DRAWN = [
    (ATTACK + "count = 4\n", ["clients.sampled=7"]),
    (ATTACK + "ids = [0, 1, 3, 4, 7]\n", ["clients.sampled=8"]),
    (ATTACK + "ids = [0, 1, 3, 4]\n", ["clients.sampled=7", "topology.assignment='random'"]),
    (ATTACK + "per_round = 3\n", ["clients.sampled=6"]),
    (ATTACK + "count = 5\n", ["clients.sampled=12"]),
    (ATTACK + "count = 4\n", ["clients.sampled=10", "clients.sampling='grouped'", "topology.groups=3"]),
    (ATTACK + "ids = [0, 1, 4, 5, 6]\n", ["clients.sampled=11", "clients.sampling='grouped'", "topology.groups=3"]),
]


@pytest.mark.parametrize("top", ["median", '{name="trimmed_mean", f=1}'])
@pytest.mark.parametrize(("attack", "changes"), DRAWN)
def test_chances_are_those_of_rounds_that_are_drawn(attack, changes, top):
    given = parse_scenario(BASE + EDGE + attack, [*changes, f"aggregator={top}"])
    generator, plan = np.random.default_rng(1), given.attacks[0]
    broken, silent, rounds = 0, 0, 4000
    for _ in range(rounds):
        groups = given.topology.groups
        homes = np.arange(12) * groups // 12
        if given.topology.assignment == "random":
            homes = generator.permutation(homes)
        cohort = generator.choice(12, given.clients.sampled, replace=False)
        if given.clients.sampling == "grouped":
            seats = apportioned(given.clients.sampled, [4, 4, 4])
            drawn = [generator.choice(np.arange(4 * g, 4 * g + 4), many, replace=False) for g, many in enumerate(seats)]
            cohort = generator.permutation(np.concatenate(drawn))
        if plan.per_round:
            bad = cohort[: plan.per_round]
        else:
            bad = np.array(plan.ids) if plan.ids else generator.choice(12, plan.count, replace=False)
        rows = np.bincount(homes[cohort], minlength=groups)
        byzantine = np.bincount(homes[np.intersect1d(cohort, bad)], minlength=groups)
        answered = rows >= 3
        silent += groups - answered.sum()
        bearable = (answered.sum() - 1) // 2 if top == "median" else 1
        broken += answered.any() and (byzantine > 1)[answered].sum() > bearable
    chance = exposure(given, 12).worst
    assert abs(broken / rounds - chance) < 0.005 + 4 * np.sqrt(chance * (1 - chance) / rounds)
    assert silent_groups(given, 12) == pytest.approx(silent / rounds, abs=0.06)


def test_where_some_places_are_known_and_others_not_nothing_is_said_of_chances():
    mixed = ATTACK + "ids = [0, 1]\n" + ATTACK + "count = 2\n"
    given = parse_scenario(BASE + EDGE + mixed)
    assert exposure(given, 12) is None
    assert not any("lose" in text for _, text in told(BASE + EDGE + mixed))


def test_chances_that_would_take_long_are_left_out():
    large = ["clients.population=100_000", "clients.sampled=5000", "topology.groups=1000"]
    given = parse_scenario(BASE + EDGE + ATTACK + "fraction = 0.1\n", [*large, "partition={name='virtual', samples=5}"])
    assert exposure(given, 100_000) is None


def test_fewest_rows_looks_through_preaggregators():
    pre = 'topology.preaggregators=[{name="bucketing", s=2}]'
    assert fewest_rows(parse_scenario(BASE + EDGE, [pre, "topology.groups=2"]), 12) == 5
    assert fewest_rows(parse_scenario(BASE + EDGE), 12) == 3
