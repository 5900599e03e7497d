"""A replayed rule does what the same rule does in a run from the same state, and what is left out says why."""

import math
from dataclasses import replace

import numpy as np
import pytest

import fedsim
from fedsim.engine import simulate
from fedsim.errors import ResultsConflict, RunFailed, ScenarioError
from fedsim.events import Aggregated, RoundEnded
from fedsim.execution.pool import Pool
from fedsim.proof.counterfactual import replay
from fedsim.runs.recorded_updates import load_updates
from fedsim.scenario.pipelines import assumed_byzantine, has_past, pipeline_name, with_pipeline
from tests.small_runs import DIGITS, held, run_in, scenario, verdicts

RECORD = ('output.record="updates"', "rounds=3", "clients.sampled=10")
RULE = ("aggregator.name=trimmed_mean", "aggregator.f=2")
GIVEN = scenario(DIGITS, *RECORD, *RULE, rest=held(1, 2, name="sign_flip"))
PAST = scenario(DIGITS, *RECORD, "aggregator=foolsgold", "clients.dropout=0.3", rest=held(1, 2, name="inf"))
RULES = [
    "krum", "nnm+trimmed_mean", "fltrust", "centered_clip(radius=0.1)", "dnc", "layerwise(rule='median')", "fedavg",
    "bucketing(s=2) + median", "agmami", "zeno",
]  # fmt: skip
"""With each kind of thing that a rule may ask for."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "mine"
    run_in(folder, GIVEN)
    return folder


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "past"
    run_in(folder, PAST)
    return folder


@pytest.fixture(scope="module")
def before():
    """The state after round 2."""
    simulation = simulate(GIVEN, Pool(1, "serial"))
    next(event for event in simulation if isinstance(event, RoundEnded) and event.round == 2)
    simulation.close()
    return simulation.state


def test_a_rule_does_what_it_does_in_a_run_from_the_same_state(folder, before):
    answer = replay(folder, 3, RULES)
    assert [each.rule for each in answer.outcomes][1] == "nnm + trimmed_mean"
    for rule, outcome in zip(RULES, answer.outcomes, strict=True):
        events = simulate(with_pipeline(GIVEN, rule, 2), Pool(1, "serial"), resume=before)
        (event,) = (each for each in events if isinstance(each, Aggregated))
        assert repr((outcome.norm, outcome.distance, outcome.byzantine_weight)) == repr(
            (event.norm, event.distance, event.byzantine_weight)
        ), rule
        assert outcome.weights.tolist() == list(event.weights)
        assert (outcome.begun, outcome.skipped) == (3, "")


def test_the_runs_own_rule_gives_what_is_on_record(folder, past):
    for path in (folder, past):
        for event in verdicts(fedsim.load_run(path).events):
            own = replay(path, event.round, ["mean"]).own
            assert repr((own.norm, own.distance, own.byzantine_weight)) == repr(
                (event.norm, event.distance, event.byzantine_weight)
            )
            assert own.begun == (1 if path is past else event.round)


def test_measures_are_those_of_slow_loops(folder):
    answer = replay(folder, 2, ["mean", "krum(f=1)"])
    received = load_updates(folder, 2).received
    rows = [[float(number) for number in row] for row in received.matrix]
    honest = [row for row, byzantine in zip(rows, received.byzantine, strict=True) if not byzantine]
    mean = [sum(column) / len(honest) for column in zip(*honest, strict=True)]
    assert (answer.honest, answer.byzantine) == (len(honest), len(rows) - len(honest))
    for outcome in answer.outcomes:
        update = [float(number) for number in outcome.update]
        lengths = math.sqrt(sum(x * x for x in update)) * math.sqrt(sum(x * x for x in mean))
        assert outcome.cosine == pytest.approx(
            sum(x * y for x, y in zip(update, mean, strict=True)) / lengths, rel=1e-5
        )
        assert outcome.distance == pytest.approx(math.dist(update, mean), rel=1e-4)
    everyone, chosen = answer.outcomes
    assert (everyone.byzantine_kept, everyone.honest_kept) == (answer.byzantine, answer.honest)
    assert chosen.byzantine_kept + chosen.honest_kept == 1


def test_a_rule_with_a_past_looked_on_from_the_first_round(folder):
    (outcome,) = replay(folder, 3, "foolsgold").outcomes
    memory = None
    for round in (1, 2, 3):
        received = load_updates(folder, round).received
        verdict = fedsim.aggregate(
            "foolsgold", np.array(received.matrix), clients=received.clients, memory=memory, details=True
        )
        memory = verdict.memory
    assert outcome.begun == 1
    assert np.array_equal(outcome.update, verdict.update)
    assert np.allclose(outcome.weights, verdict.weights, atol=1e-7)


def test_a_rule_with_a_past_needs_every_round(tmp_path):
    run_in(tmp_path / "mine", scenario(DIGITS, *RECORD, *RULE, "output.record_every=2"))
    message = "foolsgold has a past, so it is asked in every round from the first to 2: round 1 was not recorded"
    with pytest.raises(ResultsConflict, match=message):
        replay(tmp_path / "mine", 2, "foolsgold")
    answer = replay(tmp_path / "mine", 2)
    assert message in answer.left_out["foolsgold"]
    assert "layerwise" not in answer.left_out  # it has the past of the rule inside, here none
    with pytest.raises(ResultsConflict, match="layerwise has a past"):
        replay(tmp_path / "mine", 2, "layerwise(rule='foolsgold')")


def test_all_rules_are_asked_or_left_out_with_a_reason(folder):
    answer = replay(folder, 3)
    names = {each.rule for each in answer.outcomes}
    from fedsim.registry import registries

    assert names | set(answer.left_out) == {entry.name for entry in registries()["aggregators"]}
    assert not names & set(answer.left_out)
    assert "missing: centered_clip needs `radius`" in answer.left_out["centered_clip"]
    distances = [each.distance for each in answer.outcomes if not math.isnan(each.distance)]
    assert distances == sorted(distances)
    assert answer.notes == ()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("krumm", "unknown rule `krumm`; did you mean `krum`?"),
        ("nmn+mean", "unknown pre-aggregator `nmn`; did you mean `nnm`?"),
        ("krum(", "cannot be read: write pre-aggregators and at last a rule"),
        ("", "cannot be read"),
        ("krum(f=two)", "the settings in krum(f=two) are not such as in"),
        ("krum(g=2)", "unknown key"),
        ("krum(f=9)", "here f is at most"),
        ("autogm", "missing: autogm needs `penalty`"),
    ],
)
def test_a_rule_that_cannot_be_asked(folder, rule, message):
    with pytest.raises(ScenarioError) as caught:
        replay(folder, 3, rule)
    assert message in str(caught.value)


def test_a_round_that_is_not_there(folder):
    with pytest.raises(ResultsConflict, match=r"round 4 was not recorded in .*: recorded are the rounds 1 to 3"):
        replay(folder, 4, "mean")


def test_rows_that_do_not_suffice_are_told_and_not_hidden(past):
    rounds = [event.round for event in verdicts(fedsim.load_run(past).events) if len(event.clients) < 6]
    (outcome,) = replay(past, rounds[0], "bulyan(f=1)").outcomes
    assert "bulyan needs n ≥ 4f + 3" in outcome.skipped or outcome.update is not None


def test_what_own_code_raises_is_told_in_its_name(folder, own, monkeypatch):
    own("mine.py", """
        from fedsim.aggregators import Aggregate, aggregator
        @aggregator("broken_here")
        def broken(updates):
            if updates.shape[1] > 100:
                raise KeyError("no such thing")
            return Aggregate(updates.mean(axis=0), updates[:, 0] * 0 + 1 / len(updates))
    """)  # fmt: skip
    from fedsim.plugins.load import load

    load("mine.py")
    with pytest.raises(RunFailed, match="round 3: rule `broken_here` raised KeyError"):
        replay(folder, 3, "broken_here")
    answer = replay(folder, 3)
    assert "raised KeyError" in answer.left_out["broken_here"]


def test_an_attack_that_looked_at_the_rule_is_noted(tmp_path):
    run_in(tmp_path / "mine", scenario(DIGITS, *RECORD, *RULE, "rounds=1", rest=held(1, 2, name="optimal_alie")))
    (note,) = replay(tmp_path / "mine", 1, "mean").notes
    assert "attacks[0], optimal_alie, looked at the run's rule" in note


def test_a_record_that_was_changed_is_noted(folder, tmp_path):
    import shutil

    shutil.copytree(folder, tmp_path / "copy")
    path = tmp_path / "copy/updates/round-00000003/updates.npy"
    matrix = np.load(path)
    matrix[0] *= 2
    np.save(path, matrix)
    assert any("gives other numbers here than on record" in each for each in replay(tmp_path / "copy", 3, "mean").notes)


def test_f_is_the_runs_own_or_that_of_the_round(folder, past):
    assert replay(folder, 3, "krum").f == 2
    record = load_updates(past, 2).received
    assert replay(past, 2, "mean").f == record.byzantine.sum() + len(record.nonfinite)


def test_pipelines_are_read_and_named():
    made = with_pipeline(GIVEN, " nnm + bucketing(s = 2)+ krum ( f = 1 ) ", 2)
    assert pipeline_name(made) == "nnm + bucketing + krum"
    assert [each.settings.get("f") for each in (*made.preaggregators, made.aggregator)] == [2, None, 1]
    assert replace(made, preaggregators=GIVEN.preaggregators, aggregator=GIVEN.aggregator) == GIVEN
    assert (has_past(made), has_past(with_pipeline(GIVEN, "afa"))) == (False, True)
    assert [assumed_byzantine(with_pipeline(GIVEN, each)) for each in ("mean", "nnm(f=3)+mean", "krum(f=1)")] == [
        None, 3, 1,
    ]  # fmt: skip
