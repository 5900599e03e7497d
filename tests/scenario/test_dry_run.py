"""What is known to be wrong before any work: conditions that the parts themselves state."""

import pytest

from fedsim.errors import ScenarioError
from fedsim.scenario.load import parse_scenario
from fedsim.scenario.sections import Attack, Choice, attackers_wanted
from fedsim.scenario.server_checks import rows_seen


def problems(text):
    with pytest.raises(ScenarioError) as nonfinite:
        parse_scenario(text)
    return [(each.where, each.message) for each in nonfinite.value.problems]


KRUM = '[aggregator]\nname = "krum"\nf = {f}\n'


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        (
            "[clients]\npopulation = 5\n", "clients.sampled", "cannot sample 10 of 5 clients",
        ),
        ("[clients]\nquorum = 11\n", "clients.quorum", "can never be reached with 10 sampled clients"),
        (KRUM.format(f=4), "aggregator.f", "krum needs n ≥ 2f + 3: got n = 10, f = 4; here f is at most 3"),
        (
            "[clients]\nsampled = 2\n" + KRUM.format(f=0),
            "aggregator.f", "krum needs n ≥ 2f + 3: got n = 2, f = 0; no f will do with so few rows",
        ),
        (
            "[clients]\nquorum = 6\n" + KRUM.format(f=2),
            "aggregator.f", "krum needs n ≥ 2f + 3: got n = 6, f = 2; here f is at most 1",
        ),
        (
            '[[preaggregators]]\nname = "bucketing"\ns = 2\n' + KRUM.format(f=2),
            "aggregator.f", "krum needs n ≥ 2f + 3: got n = 5, f = 2; here f is at most 1",
        ),
        (
            '[aggregator]\nname = "multi_krum"\nf = 2\nm = 11\n',
            "aggregator.f", "multi_krum needs 1 ≤ m ≤ n: got m = 11, n = 10; no f will do with so few rows",
        ),
        (
            '[[preaggregators]]\nname = "nnm"\nf = 10\n', "preaggregators[0].f",
            "nnm needs n > f: got n = 10, f = 10; here f is at most 9",
        ),
        (
            '[aggregator]\nname = "fedmi"\n[root]\nsize = 0\n', "root.size",
            "fedmi needs root data: give at least one example",
        ),
        (
            '[clients.latency]\nname = "uniform"\nlow = 3.0\n', "clients.latency",
            "uniform needs low ≤ high: got low = 3.0, high = 1.5",
        ),
    ],
)  # fmt: skip
def test_conditions(text, where, message):
    assert problems(text) == [(where, message)]


@pytest.mark.parametrize(
    ("plan", "where", "message"),
    [
        ("", "attacks[0].count", "give one of count, fraction, ids and per_round: none is given"),
        ("count = 1\nids = [2]", "attacks[0].count", "give one of count, fraction, ids and per_round: got count, ids"),
        ("count = 1\nstart = 5\nstop = 4", "attacks[0].stop", "is before start = 5"),
        ("ids = [1, 100]", "attacks[0].ids", "clients are 0 to 99, got 100"),
        ("ids = [1, 1]", "attacks[0].ids", "names a client twice"),
        ("count = 101", "attacks", "want 101 clients in all, and there are 100"),
    ],
)
def test_attacks(plan, where, message):
    text = f'[clients]\npopulation = 100\n[[attacks]]\nname = "noise"\n{plan}\n'
    assert problems(text) == [(where, message)]


def test_two_attacks_cannot_hold_one_client():
    text = '[[attacks]]\nname = "noise"\nids = [1]\n[[attacks]]\nname = "zero"\nids = [0, 1]\n'
    assert problems(text) == [("attacks[1].ids", "client 1 belongs to attacks[0] already")]


def test_attacks_of_one_federation_add_up():
    text = "[clients]\npopulation = 10\n" + '[[attacks]]\nname = "noise"\nfraction = 0.6\n' * 2
    assert problems(text) == [("attacks", "want 12 clients in all, and there are 10")]


class TestLargeRounds:
    """More rows than are ever made for a rehearsal are still held to what the rules declare."""

    TEXT = "[clients]\npopulation = 50000\nsampled = {n}\n[aggregator]\nname = 'trimmed_mean'\nf = {f}\n"

    def test_an_f_that_only_so_many_rows_can_bear_is_let_through(self):
        assert parse_scenario(self.TEXT.format(n=20_000, f=9_999)).aggregator.settings["f"] == 9_999

    def test_one_too_many_is_not(self):
        text = self.TEXT.format(n=20_000, f=10_000)
        assert problems(text) == [("aggregator.f", "trimmed_mean needs n > 2f: got n = 20000, f = 10000")]

    def test_the_condition_counts_the_rows_that_are_left(self):
        bucketing = "[[preaggregators]]\nname = 'bucketing'\ns = 4\n"
        assert problems(self.TEXT.format(n=20_000, f=2_500) + bucketing) == [
            ("aggregator.f", "trimmed_mean needs n > 2f: got n = 5000, f = 2500")
        ]

    def test_root_data_are_asked_for_all_the_same(self):
        text = "[clients]\npopulation = 9000\nsampled = 3000\n[root]\nsize = 0\n[aggregator]\nname = 'fedmi'\n"
        assert problems(text) == [("root.size", "fedmi needs root data: give at least one example")]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", [10]),
        ("[clients]\nquorum = 7", [7]),
        ("preaggregators = [{name = 'nnm', f = 2}, {name = 'bucketing', s = 3}]", [10, 10, 4]),
        (
            "clients = {population = 30000, sampled = 20000}\npreaggregators = [{name = 'bucketing', s = 2}]",
            [20_000, 10_000],
        ),
    ],
)
def test_rows_that_each_step_sees(text, rows):
    assert rows_seen(parse_scenario(text)) == rows


@pytest.mark.parametrize(("share", "held"), [({"count": 3}, 3), ({"fraction": 0.29}, 2), ({"ids": (4, 5)}, 2)])
def test_how_many_an_attack_holds(share, held):
    assert attackers_wanted(Attack(attack=Choice("noise"), **share), 10) == held


@pytest.mark.parametrize("percent", range(101))
def test_a_fraction_is_the_one_that_is_written(percent):
    plan = Attack(attack=Choice("noise"), fraction=float(f"0.{percent:02}") if percent < 100 else 1.0)
    assert attackers_wanted(plan, 100) == percent
    assert attackers_wanted(plan, 1000) == 10 * percent
    assert attackers_wanted(plan, 50) == percent // 2


def test_what_hangs_on_a_wrong_key_is_passed_over_and_the_rest_is_rehearsed():
    with pytest.raises(ScenarioError) as nonfinite:
        parse_scenario(
            """
            seed = "x"
            aggregator = { name = "krum", f = 9 }
            clients = { deadline = 0, sampled = 5, population = 3 }
            attacks = [{ name = "nan", count = "all" }, { name = "nan", count = 4 }, { name = "nan" }]
            """
        )
    assert [problem.where for problem in nonfinite.value.problems] == [
        "seed", "aggregator.f", "clients.deadline", "clients.sampled", "attacks[0].count", "attacks[2].count",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ('name = "backdoor_pixel"\ntop = 7', "within the image of 8×8: got rows 7 to 9 and columns 4 to 6"),
        ('name = "backdoor_pixel"\ntarget = 10', "a class for target, 0 … 9 here: got 10"),
        ('name = "backdoor_distributed"\ngap = 5', "within the image of 8×8"),
        ('name = "label_flip"\nmode = "pair"\nsource = 1\ntarget = 10', "two different classes below 10"),
    ],
)
def test_what_a_data_set_cannot_show_is_found_before_it_is_read(attack, message):
    with pytest.raises(ScenarioError) as refused:
        parse_scenario(f'data = "digits"\n[[attacks]]\n{attack}\ncount = 1\n')
    (problem,) = refused.value.problems
    assert problem.path == ("attacks", 0, "name")
    assert problem.line == 3
    assert message in problem.message
