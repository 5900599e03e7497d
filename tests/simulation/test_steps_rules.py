"""What rules are shown, and whose weight a mixed row's weight is."""

import numpy as np
import pytest

from fedsim.aggregators.contract import Aggregate, aggregator, aggregators
from fedsim.events import BatchTrained
from fedsim.preaggregators.contract import Mixed, preaggregator, preaggregators
from tests.small_runs import DIGITS, EVERYONE, held, played, registered, scenario, seen_by, starts, verdicts, witness


@pytest.fixture
def rule():
    with witness() as seen:
        yield seen


def test_a_rule_gets_what_it_asks_for(rule):
    given = scenario(DIGITS, *EVERYONE, 'aggregator="witness"', "rounds=3", "root.size=7")
    seen, events = rule, seen_by(rule, given)
    counts = {c: k for e in events if isinstance(e, BatchTrained) for c, k in zip(e.clients, e.counts, strict=True)}
    for number, given_now in enumerate(seen):
        assert given_now["updates"].shape == (6, 650)
        assert given_now["root_logits"].shape == (6, 7, 10)
        assert given_now["trusted"].shape == (650,)
        assert given_now["trusted"].any()
        assert given_now["clients"].tolist() == list(range(6))
        assert given_now["counts"].tolist() == [counts[client] for client in range(6)]
        assert (given_now["memory"] is None) == (number == 0)
    assert [int(s["memory"]["past"]) for s in seen[1:]] == [1, 2]
    np.testing.assert_array_equal(seen[1]["previous"], seen[0]["updates"].mean(axis=0))
    assert len({s["stream"].key for s in seen}) == 3


def test_root_logits_are_those_of_each_clients_model_on_the_root_examples(rule):
    from fedsim.inputs import as_floats
    from fedsim.simulation.federation import build_federation

    given = scenario(DIGITS, *EVERYONE, 'aggregator="witness"', "rounds=1", "root.size=7")
    seen, _ = rule, seen_by(rule, given)
    federation = build_federation(given)
    images = as_floats(federation.train.inputs[federation.root]).flatten(1).numpy()
    for row, logits in zip(seen[0]["updates"], seen[0]["root_logits"], strict=True):
        vector = federation.parameters + row
        weight, bias = vector[:640].reshape(10, 64), vector[640:]
        np.testing.assert_allclose(logits, images @ weight.T + bias, atol=1e-5)


def test_weights_of_mixed_rows_go_back_to_the_clients_behind_them(rule):
    with registered(preaggregators, "pairs"), registered(aggregators, "first"):

        @preaggregator("pairs")
        def pairs(updates, stream):
            shares = np.kron(np.eye(len(updates) // 2), [0.25, 0.75])
            return Mixed((shares @ updates).astype(updates.dtype), shares)

        @aggregator("first")
        def first(updates, counts, clients):
            seen.append((len(updates), counts, clients))
            return Aggregate(updates[0], np.eye(len(updates))[0])

        seen = []
        given = scenario(DIGITS, *EVERYONE, 'aggregator="first"', 'preaggregators=["pairs"]', rest=held(1, name="zero"))
        seen.clear()
        verdict = verdicts(played(given))[0]
        assert verdict.weights == (0.25, 0.75, 0, 0, 0, 0)
        assert verdict.byzantine_weight == 0.75
        assert verdict.clients == tuple(range(6))
        assert seen[0][0] == len(seen[0][1]) == len(seen[0][2]) == 3


def test_distance_is_from_the_aggregate_to_the_mean_of_the_honest_rows(rule):
    given = scenario(
        DIGITS, *EVERYONE, 'aggregator="witness"', "rounds=1", 'preaggregators=[{name="nnm", f=1}]',
        rest=held(1, name="zero"),
    )  # fmt: skip
    plain = scenario(DIGITS, *EVERYONE, 'aggregator="witness"', "rounds=1", rest=held(1, name="zero"))
    seen, _ = rule, seen_by(rule, plain)
    rows = seen[0]["updates"].copy()
    seen, events = rule, seen_by(rule, given)
    aggregate, honest = seen[0]["updates"].mean(axis=0), rows[[0, 2, 3, 4, 5]].mean(axis=0)
    assert verdicts(events)[0].distance == pytest.approx(float(np.linalg.norm(aggregate - honest)), rel=1e-4)


def test_cohorts_do_not_depend_on_the_rule():
    plain, robust = (played(scenario(DIGITS, f"aggregator={rule}")) for rule in ("fedavg", "median"))
    assert [start.cohort for start in starts(plain)] == [start.cohort for start in starts(robust)]
    assert plain[-1].digest != robust[-1].digest
