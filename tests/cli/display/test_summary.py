"""The last lines."""

from pathlib import Path
from types import SimpleNamespace

from cli.display.summary import closing, kept, to_go_on, told_apart
from tests.cli.recorded_run import STARTED, history, started, tale, told


def lines(found, **options):
    return [line.plain for line in closing(found, 34.12, **options)]


def test_the_end_of_a_run():
    assert lines(history()) == [
        "done in 34.1 s · 5 rounds · final 0.750 · best 0.750 (round 5) · selected 0.400",
        "  weight on Byzantine rows 0.31 mean, worst round 3 · digest 9f31c0a2",
        "  ▲ attackers outweighed their share in 1 round: 3",
        "  1 round skipped: krum needs n ≥ 2f + 3: got n = 4, f = 1",
        "  updates that did not count: 2 gone",
    ]


def test_scores_that_do_not_fit_into_a_narrow_terminal_stand_below():
    head, below, *_ = lines(history(), stopped="reached its goal of a quarter")
    assert head == "reached its goal of a quarter in 34.1 s · 5 rounds"
    assert below == "  final 0.750 · best 0.750 (round 5) · selected 0.400"


def test_a_run_without_attackers_says_nothing_of_them():
    assert lines(history([STARTED, *told(1)]), stopped="interrupted") == [
        "interrupted in 34.1 s · 1 round · last 0.500 · best 0.500 (round 1)",
        "  digest 00000000",
    ]


def test_a_run_that_reached_its_goal_says_which():
    head, *_ = lines(history(list(tale())[:-1]), stopped="reached accuracy ≥ 0.7")
    assert head == "reached accuracy ≥ 0.7 in 34.1 s · 5 rounds · last 0.750 · best 0.750 (round 5)"


def test_chosen_scores_have_a_line_of_their_own():
    chosen = {"balanced_accuracy": 0.25, "accuracy_of_worst_owners": 0.0}
    found = history([started(*chosen), *told(1, more=chosen), *told(2, accuracy=None)])
    assert lines(found, stopped="interrupted")[1] == "  balanced accuracy 0.250 · worst owners 0.000"


def test_many_lost_rounds_are_not_all_listed():
    events = [STARTED, *(event for number in range(1, 10) for event in told(number, byzantine=(3,), weight=1.0))]
    assert "  ▲ attackers outweighed their share in 9 rounds: 1, 2, 3, 4, 5, 6, …" in lines(history(events))


def test_nothing_scored():
    head, *_ = lines(history([STARTED, *told(1, accuracy=None, loss=None)]), stopped="interrupted")
    assert head == "interrupted in 34.1 s · 1 round"


def test_where_it_is_and_how_to_go_on():
    folder = Path("runs/tale-4be1a7f0")
    assert [line.plain for line in kept(folder, ("metrics.csv", "accuracy.png"))] == [
        "  runs/tale-4be1a7f0   metrics.csv  accuracy.png",
        "  repeat: fedsim verify runs/tale-4be1a7f0",
    ]
    assert [line.plain for line in to_go_on(folder, 3)][-1] == "  go on: fedsim resume runs/tale-4be1a7f0"


def test_a_backdoor_has_a_line_of_its_own():
    rates = (0.1, 0.9, 0.7, 0.3)
    events = [started("asr")]
    for number, rate in enumerate(rates, start=1):
        events += told(number, byzantine=(3,) if number == 2 else (), more={"asr": rate})
    assert "  backdoor peak 0.900 (round 2) · final 0.300 · half-life 2 rounds after the last attacker" in lines(
        history(events)
    )
    assert "  backdoor peak 0.900 (round 2) · final 0.700 · not yet halved 1 round after the last attacker" in lines(
        history(events[: -len(list(told(4)))])
    )


def test_whom_the_rule_cut_never_breaks_within_a_word():
    def told(silenced):
        byzantine, honest = SimpleNamespace(rows=300, cut=0), SimpleNamespace(rows=1000, cut=232)
        clients = [SimpleNamespace(silenced=place < silenced) for place in range(9)]
        totals = SimpleNamespace(byzantine=byzantine, honest=honest, clients=lambda: clients)
        return [line.plain for line in told_apart(totals, Path("runs/one"))]

    assert told(0) == ["  rule cut 0 of 300 Byzantine rows and 232 of 1,000 honest rows"]
    assert told(1) == [
        "  rule cut 0 of 300 Byzantine rows and 232 of 1,000 honest rows,",
        "  silencing 1 honest client: fedsim ledger runs/one",
    ]
