"""Every attack on the updates against a few rules, in whole rounds: nothing crashes, and what must be finite is."""

from types import SimpleNamespace

import numpy as np
import pytest

from fedsim.attacks.contract import attacks
from fedsim.engine import simulate
from fedsim.execution.pool import Pool
from fedsim.scenario.dry_run import dry_run
from fedsim.simulation.forging import _Chain
from tests.small_runs import DIGITS, ends, forged, held, played, same, scenario, verdicts

FORGING = [entry.name for entry in attacks if entry.traits["poisons"] == "updates"]
RULES = ['{name="multi_krum", f=2}', '"median"', '{name="centered_clip", radius=1.0}']
EIGHT = ("clients.population=8", "clients.sampled=8", "rounds=2", "evaluation.every=2", "evaluation.validation=0")


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", FORGING)
def test_every_attack_acts_and_the_server_goes_on(name, rule):
    given = scenario(
        DIGITS, *EIGHT, f"aggregator={rule}", 'preaggregators=[{name="nnm", f=2}]', rest=held(1, 4, name=name)
    )
    assert dry_run(given) == []
    events = played(given)
    assert forged(events) == [(round, name, (1, 4)) for round in (1, 2)]
    finite = "finite" not in attacks[name].breaks
    assert all((verdict.nonfinite == ()) == finite and not verdict.skipped for verdict in verdicts(events))
    assert np.isfinite(ends(events)[-1].train_loss)


@pytest.mark.parametrize("knowledge", ["colluders", "own"])
@pytest.mark.parametrize("name", [name for name in FORGING if "honest" in attacks[name].supplied])
def test_every_attack_makes_do_with_what_it_knows(name, knowledge):
    given = scenario(DIGITS, *EIGHT, 'aggregator="median"', rest=held(1, 4, name=name, knowledge=knowledge))
    events = played(given)
    assert forged(events) == [(round, name, (1, 4)) for round in (1, 2)]
    assert all(verdict.nonfinite == () for verdict in verdicts(events))


@pytest.mark.parametrize("name", ["mimic", "poisonedfl"])
def test_an_attack_that_remembers_goes_on_where_it_stopped(name):
    given = scenario(DIGITS, *EIGHT, "rounds=4", rest=held(1, 4, name=name))
    straight = same(played(given))
    first = simulate(given, Pool(1, "serial"))
    for event in first:
        if type(event).__name__ == "RoundEnded" and event.round == 2:
            break
    state = first.state
    first.close()
    tail = [event for event in same(simulate(given, Pool(1, "serial"), resume=state)) if "round" in event]
    assert tail == [event for event in straight if event.get("round", 0) > 2]


@pytest.mark.parametrize(("broken", "told"), [((), [0, 2, 3]), ((2,), [0, 3]), ((0, 2, 3), [0, 2, 3])])
def test_a_row_that_is_not_finite_tells_the_attackers_nothing(broken, told):
    rows = np.arange(20, dtype=np.float32).reshape(5, 4)
    rows[list(broken), 1] = np.nan
    adversary = SimpleNamespace(knowledge="all")
    federation = SimpleNamespace(scenario=SimpleNamespace(attacks=[adversary]))
    cohort = SimpleNamespace(answering=(10, 11, 12, 13, 14), byzantine=lambda client: client in (11, 14))
    chain = _Chain(federation, None, cohort, 0, rows, None, several=False)
    known = chain._known([1, 4])
    np.testing.assert_array_equal(known["honest"], rows[told])
    assert known["honest_clients"].tolist() == [10 + place for place in told]
    assert known["knowledge"] == "all"


def test_where_nobody_is_honest_the_attackers_know_their_own():
    rows = np.arange(8, dtype=np.float32).reshape(2, 4)
    federation = SimpleNamespace(scenario=SimpleNamespace(attacks=[SimpleNamespace(knowledge="all")]))
    cohort = SimpleNamespace(answering=(3, 5), byzantine=lambda client: True)
    known = _Chain(federation, None, cohort, 0, rows, None, several=False)._known([0, 1])
    np.testing.assert_array_equal(known["honest"], rows)
    assert known["knowledge"] == "colluders"
