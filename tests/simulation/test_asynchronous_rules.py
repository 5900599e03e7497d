"""The rules made for servers that do not wait, in whole runs: they act, repeat on workers and go on where they were."""

import numpy as np
import pytest

from fedsim.engine import simulate
from fedsim.events import Aggregated, RoundEnded
from fedsim.execution.pool import Pool
from fedsim.models.contract import model, models
from fedsim.runs.checkpoints import load_checkpoint, save_checkpoint
from tests.odd_models import batch_normalised
from tests.small_runs import DIGITS, GLYPHS, ends, held, played, registered, same, scenario, verdicts

SERVER = ["clients.population=30", "clients.sampled=10", "rounds=8", 'clients.latency={name="exponential", mean=1.0}']
RULES = {
    "zeno_plus": '"zeno_plus"',
    "kardam": '{name="kardam", share=0.2}',
    "async_filter": '"async_filter"',
    "delayed_momentum": '{name="delayed_momentum", rule="trimmed_mean", share=0.2}',
}
each_rule = pytest.mark.parametrize("rule", RULES)
each_buffer = pytest.mark.parametrize("buffer", [1, 8])
ATTACKERS = held(1, 2, 3, name="sign_flip")


def asked(rule, buffer, text=DIGITS, *more):
    changes = [f"aggregator={RULES[rule]}", f"clients.buffer={buffer}", "training.worker_momentum=0.5", *more]
    return scenario(text, *SERVER, *changes, rest=ATTACKERS)


@each_rule
@each_buffer
def test_a_run_goes_on_from_a_checkpoint_where_it_was(rule, buffer, tmp_path):
    given, states = asked(rule, buffer), {}
    with simulate(given, Pool(1, "serial")) as run:
        straight = []
        for event in run:
            straight.append(event)
            if isinstance(event, RoundEnded):
                states[event.round] = run.state
    assert any(not verdict.skipped and verdict.norm > 0 for verdict in verdicts(straight))
    for at in (1, 5):
        state = load_checkpoint(save_checkpoint(tmp_path / str(at), states[at]))
        tail = ends(simulate(given, Pool(1, "serial"), resume=state))
        assert [each.digest for each in tail] == [each.digest for each in ends(straight)[at:]]


@each_rule
@pytest.mark.parametrize(("text", "buffer"), [(DIGITS, 1), (GLYPHS, 8)], ids=["digits", "glyphs"])
def test_bits_do_not_depend_on_the_workers(rule, text, buffer):
    given = asked(rule, buffer, text, "rounds=4")
    with Pool(2, "threading") as pool:
        assert same(played(given, pool)) == same(played(given))


def test_buckets_of_clients_before_a_rule():
    steps = ['preaggregators=[{name="basgd", buckets=4}]', 'aggregator="mean"']
    given = scenario(DIGITS, *SERVER, "clients.buffer=8", *steps)
    with simulate(given, Pool(1, "serial")) as run:
        for event in run:
            if isinstance(event, Aggregated):
                sizes = np.bincount(run.received.clients % 4, minlength=4)
                wanted = 1 / sizes[run.received.clients % 4] / (sizes > 0).sum()
                assert event.weights == pytest.approx(tuple(wanted))


def test_running_statistics_are_shortened_with_their_row():
    """Taken whole, changes that several old rows measured from other statistics bring variances below zero."""
    with registered(models, "batch_normalised"):
        model("batch_normalised")(batch_normalised)
        steps = ['preaggregators=["staleness_scaling"]', 'aggregator="mean"', 'model="batch_normalised"']
        given = scenario(DIGITS, *SERVER, "clients.buffer=3", *steps)
        oldest = 0
        with simulate(given, Pool(1, "serial")) as run:
            for event in run:
                if isinstance(event, Aggregated):
                    matrix, ages, before = run.received.matrix.copy(), run.received.staleness, run.state.parameters
                    oldest = max(oldest, *ages)
                if isinstance(event, RoundEnded):
                    wanted = before + (matrix / np.sqrt(1 + ages)[:, None]).mean(axis=0)
                    variances = run.federation.layout.layers[-1].stretch
                    wanted[variances] = np.maximum(wanted[variances], 0)
                    np.testing.assert_allclose(run.state.parameters, wanted, atol=1e-5)
    assert oldest >= 1
