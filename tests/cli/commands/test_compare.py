"""`fedsim compare` on real, small runs, and what it says of differences."""

import csv
import dataclasses
import json
import math

import numpy as np
import pytest

from cli.commands.compared_runs import ComparedRun, in_turns
from cli.display.compare_table import heading, line_of, score_tables, summary_lines
from fedsim.events import RoundEnded
from fedsim.runs.comparison import differences, interval, shared
from fedsim.runs.reading import read_events
from fedsim.scenario.build import settings_of
from fedsim.scenario.load import parse_scenario
from tests.cli.recorded_run import SMALL, ask, history, scored, started, tale, told

MEAN = SMALL.replace('"trimmed_mean"\nf = 2', '"fedavg"')


@pytest.fixture
def both(folder):
    (folder / "mean.toml").write_text(MEAN)
    return folder


def runs_in(folder):
    return {path.name.rpartition("-")[0]: path for path in (folder / "runs").iterdir()}


def test_two_scenarios_side_by_side(capsys, both):
    answer = ask(capsys, "compare", "mean.toml", "small.toml")
    lines = answer.out.splitlines()
    assert answer.code == 0
    assert lines[0] == "mean · small"
    assert "same    data, cohorts, batches, initial models: every difference comes from" in answer.out
    assert '  aggregator.name         "fedavg"  |  "trimmed_mean"' in lines
    top = lines.index(" round               mean              small (accuracy, loss)")
    assert [line.split()[0] for line in lines[top + 1 : top + 7]] == ["1", "2", "3", "4", "5", "6"]
    assert lines[top + 8].startswith(" scenario  final  Δ vs first [95 %]   best")
    assert lines[top + 10].startswith(" small     0.")
    found = runs_in(both)
    assert set(found) == {"mean", "small", "compare"}
    assert lines[-1] == f"  runs/{found['compare'].name}   compare.png  summary.csv"
    assert (found["compare"] / "compare.png").read_bytes().startswith(b"\x89PNG")


def test_a_comparison_leaves_the_runs_it_made(capsys, both):
    ask(capsys, "compare", "mean.toml", "small.toml", "-q")
    ask(capsys, "run", "small.toml", "-q", "--out", "alone")
    assert read_events(runs_in(both)["small"]) == read_events(both / "alone")
    assert ask(capsys, "verify", runs_in(both)["mean"]).code == 0


def test_the_table_holds_what_the_screen_says(capsys, both):
    ask(capsys, "compare", "mean.toml", "small.toml", "-q")
    with (runs_in(both)["compare"] / "summary.csv").open() as file:
        mean, small = csv.DictReader(file)
    assert (mean["run"], mean["rule"], mean["delta"]) == ("mean", "fedavg", "")
    assert float(small["delta"]) == pytest.approx(float(small["final"]) - float(mean["final"]))
    assert float(small["delta_95"]) == pytest.approx(interval(float(small["final"]), float(mean["final"]), 359))


def test_finished_results_are_read_not_run_again(capsys, both):
    ask(capsys, "compare", "mean.toml", "small.toml", "-q")
    before = {name: path.stat().st_mtime_ns for name, path in runs_in(both).items()}
    first = ask(capsys, "compare", "mean.toml", "small.toml")
    second = ask(capsys, "compare", runs_in(both)["mean"], runs_in(both)["small"])
    assert f"  read    mean from runs/{runs_in(both)['mean'].name}" in first.out
    assert first.out.splitlines()[-8:-2] == second.out.splitlines()[-8:-2]
    after = {name: path.stat().st_mtime_ns for name, path in runs_in(both).items()}
    assert {name: after[name] for name in ("mean", "small")} == {name: before[name] for name in ("mean", "small")}


def test_an_unfinished_folder_is_refused(capsys, both):
    ask(capsys, "run", "small.toml", "-q", "--until", "round=2")
    path = runs_in(both)["small"]
    answer = ask(capsys, "compare", "mean.toml", path)
    assert answer.code == 1
    assert f"holds no finished run; finish it with `fedsim resume {path}`" in answer.err


def test_an_interrupted_run_goes_on_in_a_comparison(capsys, both):
    ask(capsys, "run", "small.toml", "-q", "--until", "round=2")
    assert ask(capsys, "compare", "mean.toml", "small.toml", "-q").code == 0
    assert ask(capsys, "verify", runs_in(both)["small"]).code == 0


def test_nothing_is_kept_when_nothing_should_be(capsys, both):
    assert ask(capsys, "compare", "mean.toml", "small.toml", "-q", "--no-save").code == 0
    assert not (both / "runs").exists()


def test_json_names_the_run_of_each_event(capsys, both):
    answer = ask(capsys, "compare", "mean.toml", "small.toml", "--json", "--no-save")
    records = [json.loads(line) for line in answer.out.splitlines()]
    ends = [record["run"] for record in records if record["event"] == "RoundEnded"]
    assert ends == ["mean", "small"] * 6


def test_one_scenario_twice_is_told_apart(capsys, both):
    (both / "elsewhere").mkdir()
    (both / "elsewhere" / "small.toml").write_text(SMALL.replace("rounds = 6", "rounds = 4"))
    answer = ask(capsys, "compare", "small.toml", "elsewhere/small.toml", "--no-save")
    assert answer.out.startswith("small · small_2\n")
    assert "\n      5" in answer.out or "\n     5" in answer.out


@pytest.mark.parametrize(
    "arguments", [("small.toml",), ("small.toml", "elsewhere", "--seed", "3"), ("small.toml", "roundz.toml")]
)
def test_what_cannot_be_compared(capsys, both, arguments):
    (both / "elsewhere").mkdir()
    answer = ask(capsys, "compare", *arguments)
    assert answer.code == 2
    assert answer.out == ""


def test_differences_are_settings_that_change_results():
    one = parse_scenario("seed = 1\n[execution]\nworkers = 1", name="a")
    other = parse_scenario('seed = 1\naggregator = {name = "krum", f = 2}\n[execution]\nworkers = 2', name="b")
    assert differences([one, other]) == {
        "aggregator.name": ['"fedavg"', '"krum"'],
        "aggregator.f": ["–", "2"],
        "aggregator.variant": ["–", '"blanchard2017"'],
    }
    assert shared([one, other]) == (["data", "cohorts", "batches", "initial models"], [])


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        ("seed = 2", ["data", "cohorts", "batches", "initial models"]),
        ("clients.sampled = 5", ["cohorts"]),
        ("training.epochs = 2", ["batches"]),
        ('model = "logistic"', ["initial models"]),
        ("root.size = 7", ["data", "batches"]),
        ("server.lr = 0.5", []),
        ("topology.groups = 5", []),
        ('topology.groups = 5\nclients.sampling = "grouped"', ["cohorts"]),
        ('training.epochs = "uniform"', ["batches"]),
        ('clients.availability = "alternating"', ["cohorts"]),
    ],
)
def test_what_is_shared(text, apart):
    assert shared([parse_scenario(""), parse_scenario(text)])[1] == apart


@pytest.mark.parametrize(
    ("both", "one", "apart"),
    [
        ('clients.sampling = "grouped"', ("topology.groups = 5", "topology.groups = 6"), ["cohorts"]),
        ('clients.availability = "alternating"', ("clients.deadline = 2.0", "clients.deadline = 3.0"), ["cohorts"]),
        ('clients.availability = "alternating"', ('aggregator = "median"', 'aggregator = "mean"'), []),
    ],
)
def test_cohorts_are_shared_where_all_is_that_they_depend_on(both, one, apart):
    assert shared([parse_scenario(f"{both}\n{each}") for each in one])[1] == apart


def test_attacks_are_compared_by_their_place():
    scenario = parse_scenario('attacks = [{name = "noise", count = 1}, {name = "zero", ids = [5, 6]}]')
    found = settings_of(scenario)
    assert (found["attacks[0].name"], found["attacks[1].ids"]) == ("noise", [5, 6])


def test_the_interval_covers_as_often_as_it_says():
    generator = np.random.default_rng(3)
    first, second, examples, hits = 0.7, 0.6, 500, 0
    for _ in range(4000):
        one, other = generator.binomial(examples, [first, second]) / examples
        hits += abs((one - other) - (first - second)) <= interval(one, other, examples)
    assert hits / 4000 == pytest.approx(0.95, abs=0.012)


def compared(name, events, rounds=5):
    return ComparedRun(name, parse_scenario(f"rounds = {rounds}"), None, history(events))


def test_columns_shrink_before_they_are_cut():
    runs = [compared(f"run{place}", list(tale())) for place in range(5)]
    assert heading(runs[:2], 80) == " round               run0               run1 (accuracy, loss)"
    assert line_of(0, runs[:2], 80) == "     1    0.100     2.250    0.100     2.250"
    assert heading(runs, 80) == " round      run0      run1      run2      run3      run4 (accuracy)"
    assert line_of(1, runs, 80) == "     2" + "         –" * 5


def test_a_shorter_run_leaves_its_column_empty():
    runs = [compared("long", list(tale())), compared("short", list(tale())[:6])]
    assert line_of(4, runs, 80) == "     5    0.750       inf                   "


def test_the_closing_table():
    runs = [compared("one", list(tale())), compared("other", list(tale())), compared("half", list(tale())[:6])]
    assert summary_lines(runs) == [
        " scenario  final  Δ vs first [95 %]   best      loss  Byz.        s",
        " one       0.750  –                  0.750       inf  0.31     13.5",
        " other     0.750  +0.000 ± 0.085     0.750       inf  0.31     13.5",
        " half      not finished: 1 of 5 rounds",
    ]


def test_chosen_scores_stand_in_tables_of_their_own():
    plain = {"balanced_accuracy": 0.25, "accuracy_of_owners": 0.125}
    other = {"balanced_accuracy": 0.5, "worst_class_accuracy": math.nan}
    runs = [compared(name, ended(more)) for name, more in (("one", plain), ("other", other), ("none", {}))]
    assert score_tables(runs, 80) == [
        [
            " scenario  balanced accuracy  mean of owners  worst class",
            " one                   0.250           0.125            –",
            " other                 0.500               –          nan",
            " none                      –               –            –",
        ]
    ]
    first, second = score_tables(runs, 50)
    assert (first[0], second[0]) == (" scenario  balanced accuracy  mean of owners", " scenario  worst class")
    assert score_tables([compared("one", list(tale()))], 80) == []


def ended(more):
    """A run of one round that scored these too."""
    last = dataclasses.replace(list(tale())[-1], scores=scored(0.5, 1.5, more))
    return [started(*more), *told(1, more=more), last]


def test_the_kept_table_has_a_column_for_every_score(capsys, both):
    text = (both / "mean.toml").read_text()
    chosen = '[evaluation]\nmetrics = ["worst_class_accuracy"]'
    (both / "more.toml").write_text(text.replace("[evaluation]", chosen))
    answer = ask(capsys, "compare", "mean.toml", "more.toml")
    assert '  evaluation.metrics[0].name  –  |  "worst_class_accuracy"' in answer.out
    assert "\n\n scenario  worst class\n mean                –\n more            0." in answer.out
    with (runs_in(both)["compare"] / "summary.csv").open() as file:
        mean, more = csv.DictReader(file)
    assert mean["worst_class_accuracy"] == ""
    assert float(more["worst_class_accuracy"]) <= float(more["final"])
    assert more["validation_accuracy"] == mean["validation_accuracy"] != ""
    assert "accuracy" not in mean  # that is the final


def test_rounds_are_taken_in_turns():
    runs = [compared("a", []), compared("b", [])]
    short = [event for event in tale() if getattr(event, "round", 9) <= 2 or not hasattr(event, "round")]
    told = list(in_turns([((runs[0], event) for event in tale()), ((runs[1], event) for event in short)]))
    assert [run.name for run, event in told if isinstance(event, RoundEnded)] == ["a", "b", "a", "b", "a", "a", "a"]
    assert [event for run, event in told if run is runs[0]] == list(tale())


def test_an_interrupted_comparison_goes_on_with_the_same_command(capsys, both, monkeypatch):
    from cli.signals import Interrupted
    from fedsim.runs.history import History

    real = History.__call__

    def breaking(self, event):
        if getattr(event, "round", 0) == 3:
            raise Interrupted
        real(self, event)

    monkeypatch.setattr(History, "__call__", breaking)
    answer = ask(capsys, "compare", "mean.toml", "small.toml", "-q")
    assert answer.code == 130
    assert " mean      not finished: 2 of 6 rounds\n small     not finished: 2 of 6 rounds\n" in answer.out
    assert answer.out.endswith("  interrupted; the same command goes on from here\n")
    monkeypatch.setattr(History, "__call__", real)
    assert ask(capsys, "compare", "mean.toml", "small.toml", "-q").code == 0
    for name in ("mean", "small"):
        assert ask(capsys, "verify", runs_in(both)[name]).code == 0
