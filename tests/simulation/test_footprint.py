"""A run that cannot fit into memory is refused before its first round, with the setting that would make it fit."""

import tracemalloc

import numpy as np
import pytest

from fedsim.engine import simulate
from fedsim.errors import ScenarioError
from fedsim.execution.pool import Pool
from fedsim.simulation import footprint as counting
from fedsim.simulation.federation import build_federation
from fedsim.simulation.footprint import check_memory, footprint
from tests.small_runs import DIGITS, held, played, scenario, verdicts

MANY = ["clients.population=1000", "clients.sampled=1000", 'partition={name="virtual", samples=5}', "model=mlp"]


def parts(*changes, rest="", workers=1):
    federation = build_federation(scenario(DIGITS, *changes, rest=rest))
    return {part.what: part.bytes for part in footprint(federation, workers)}


def test_the_matrix_and_every_copy_of_it_are_counted():
    plain = parts(*MANY)
    matrix = next(size for what, size in plain.items() if what.startswith("the updates, 1,000 rows"))
    d = len(build_federation(scenario(DIGITS, *MANY)).parameters)
    assert matrix == 1001 * d * 4
    mixed = parts(
        *MANY, 'preaggregators=[{name="nnm", f=3}]', 'aggregator={name="krum", f=3}', rest=held(1, name="alie")
    )
    assert mixed["what nnm makes of them"] == mixed["what attackers see of them"] == matrix
    assert mixed["the shares of nnm"] == 8 * 1001**2
    assert parts(*MANY, 'aggregator={name="krum", f=3}')["the distances of krum"] == 8 * 1001**2
    assert parts(*MANY, "training.algorithm=scaffold")["the clients' control variates"] == matrix
    assert "3 processes" in parts(*MANY, workers=2)


def test_what_cannot_fit_is_refused_with_the_number_that_would(monkeypatch):
    given = scenario(DIGITS, *MANY)
    federation = build_federation(given)
    need = sum(part.bytes for part in footprint(federation, 1))
    monkeypatch.setattr(counting, "free_memory", lambda: need - 5 * 10**6)
    with pytest.raises(ScenarioError, match=r"a run takes .* MB of memory .* would fit") as refusal:
        played(given)
    fitting = int(str(refusal.value).split("clients.sampled = ")[1].split(" ")[0])
    assert 0 < fitting < 1000
    check_memory(build_federation(scenario(DIGITS, *MANY, f"clients.sampled={fitting}")), 1)
    monkeypatch.setattr(counting, "free_memory", lambda: 10**6)
    with pytest.raises(ScenarioError, match="a smaller model or fewer examples would fit"):
        played(given)
    monkeypatch.setattr(counting, "free_memory", lambda: None)
    check_memory(federation, 1)


def test_a_round_of_many_takes_no_second_matrix():
    """Rows that are not finite are taken out where they lie, and no square of the clients is made for a mean."""
    given = scenario(DIGITS, *MANY, "rounds=1", 'aggregator="fedavg"', rest=held(3, 500, name="nan"))
    with simulate(given, Pool(1, "serial")) as simulation:
        next(simulation)
        tracemalloc.start()
        try:
            events = list(simulation)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert verdicts(events)[0].nonfinite == (3, 500)
    assert peak < 1000 * len(simulation.state.parameters) * 4 / 2


def test_rows_moved_together_are_the_rows_chosen():
    from fedsim.simulation.arrivals import _moved_up

    rows = np.arange(24.0).reshape(6, 4)
    for mask in ([1, 0, 1, 1, 0, 1], [0, 0, 0, 0, 0, 1], [0] * 6, [1] * 6):
        chosen = np.array(mask, bool)
        np.testing.assert_array_equal(_moved_up(rows.copy(), chosen), rows[chosen])
