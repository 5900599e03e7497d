import numpy as np
import pytest

from fedsim.engine import simulate
from fedsim.errors import RunFailed, ScenarioError
from fedsim.scenario.guarantees import guarantees
from fedsim.scenario.load import parse_scenario
from fedsim.scenario.sections import Choice, Server
from fedsim.server_optimizers import Direction, server_optimizer, server_optimizers
from fedsim.simulation.server import server_step
from fedsim.training.flat import Layout
from tests.small_runs import DIGITS, ends, played, registered, scenario

MOMENTUM = Server(lr=0.5, optimizer=Choice("sgd", {"momentum": 0.9, "weight_decay": 0.0}))


def step_of(parameters, memory, aggregate, server, layout=None):
    return server_step(parameters, memory, aggregate, server, layout or Layout(len(parameters)), 1, server.lr)


def test_the_formula_over_three_rounds():
    draw = np.random.default_rng(1)
    parameters, memory = draw.standard_normal(5), None
    expected, momentum = parameters.copy(), np.zeros(5)
    for _ in range(3):
        aggregate = draw.standard_normal(5)
        given = parameters.copy(), aggregate.copy()
        step = step_of(parameters, memory, aggregate, MOMENTUM)
        for before, now in zip(given, (parameters, aggregate), strict=True):
            np.testing.assert_array_equal(before, now)
        parameters, memory = step
        momentum = 0.9 * momentum + aggregate
        expected = expected + 0.5 * momentum
    np.testing.assert_allclose(parameters, expected, rtol=1e-14)
    np.testing.assert_allclose(memory["velocity"], momentum, rtol=1e-14)


@pytest.mark.parametrize("entry", list(server_optimizers), ids=lambda entry: entry.name)
def test_the_type_of_the_parameters_stays(entry):
    settings = {name: setting.default for name, setting in entry.settings.items()}
    settings |= {"momentum": 0.9} if "momentum" in settings else {}
    row, memory = np.ones(3, np.float32), None
    for _ in range(2):
        step = step_of(row, memory, row, Server(lr=0.1, optimizer=Choice(entry.name, settings)))
        memory = step.memory
    assert step.parameters.dtype == np.float32
    assert all(array.dtype == np.float32 for name, array in memory.items() if name != "rounds")


def test_plain_steps_add_the_aggregate_itself():
    row = np.array([1.0, 2.0], np.float32)
    step = step_of(row, None, np.array([0.5, -2.0], np.float32), Server())
    assert step.parameters.tolist() == [1.5, 0.0]
    assert step.memory is None


@pytest.mark.parametrize("entry", list(server_optimizers), ids=lambda entry: entry.name)
def test_buffers_take_the_aggregate_whatever_the_optimizer(entry):
    settings = {name: setting.default for name, setting in entry.settings.items()}
    server = Server(lr=0.3, optimizer=Choice(entry.name, settings))
    parameters, aggregate = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, -1.0, 0.5, -9.0])
    step = step_of(parameters, None, aggregate, server, Layout(2, ((3, 4),)))
    assert step.parameters[2:].tolist() == [3.5, 0.0]  # a variance is never below zero
    assert (step.parameters[:2] != parameters[:2] + aggregate[:2]).all()


def test_both_settings_reach_a_run():
    runs = [played(scenario(DIGITS, *extra)) for extra in ([], ["server.lr=0.5"], ["server.optimizer.momentum=0.5"])]
    firsts = [ends(run)[0].digest for run in runs]
    assert firsts[0] == firsts[2] != firsts[1]  # momentum starts at nothing
    assert len({run[-1].digest for run in runs}) == 3


@pytest.mark.parametrize("name", ["adam", "yogi", "adagrad"])
def test_a_run_learns_and_goes_on_where_it_was(name):
    given = scenario(DIGITS, f"server.optimizer={name}", "server.lr=0.05", "rounds=6")
    whole = played(given)
    assert whole[-1].final > 0.5
    run = simulate(given)
    for event in run:
        if event in ends(whole)[2:3]:
            break
    state = run.state
    run.close()
    assert set(state.memories) == {"server"}
    assert [e.digest for e in ends(simulate(given, resume=state))] == [e.digest for e in ends(whole)[3:]]


def test_the_servers_schedule_scales_its_step():
    halved = played(scenario(DIGITS, "server.warmup=1", "rounds=2"))
    by_hand = played(scenario(DIGITS, "server.lr=0.5", "rounds=2"))
    assert ends(halved)[0].digest == ends(by_hand)[0].digest
    assert ends(halved)[1].digest != ends(by_hand)[1].digest


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            lambda aggregate: Direction(aggregate[1:]),
            r"server optimizer `odd` answered wrongly: the direction must have shape",
        ),
        (lambda aggregate: Direction(aggregate.tolist()), "must be a numpy array of float32 or float64"),
        (lambda aggregate: Direction(aggregate, {"count": 3}), "its memory must map names to arrays of numbers"),
        (lambda aggregate: aggregate.fill(0), "read-only"),
    ],
)
def test_one_of_a_users_own_is_held_to_the_contract(answer, message):
    with registered(server_optimizers, "odd"):

        @server_optimizer("odd")
        def odd(aggregate):
            return answer(aggregate)

        with pytest.raises(RunFailed, match=message):
            played(scenario(DIGITS, "server.optimizer=odd"))


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("momentum = 0.9", "server.momentum", r'now: server.optimizer = {name = "sgd", momentum = …}'),
        ('optimizer = "adm"', "server.optimizer.name", r"did you mean `adam`\?"),
        ('optimizer = {name = "adam", beta2 = 1.0}', "server.optimizer.beta2", "must be < 1"),
        ('optimizer = {name = "yogi", tau = 0.0}', "server.optimizer.tau", "must be > 0"),
    ],
)
def test_a_wrong_server_is_refused_at_its_place(text, where, message):
    with pytest.raises(ScenarioError, match=message) as refused:
        parse_scenario(f"[server]\n{text}")
    (problem,) = refused.value.problems
    assert (problem.where, problem.line) == (where, 2)


HEAVY = '[server]\noptimizer = {name = "sgd", momentum = 0.9}\n'
CENTRED = '[aggregator]\nname = "centered_clip"\nradius = 1.0\n'


def warned(text):
    return [each.text for each in guarantees(parse_scenario(text)) if "past rounds" in each.text]


def test_momentum_upon_momentum_is_said_and_not_refused():
    assert warned(HEAVY) == []
    assert warned(CENTRED) == []
    assert warned("[training]\nworker_momentum = 0.9") == []
    assert warned(HEAVY + CENTRED) == ["the server's sgd averages over past rounds, and so does the rule centered_clip"]
    assert warned('[server]\noptimizer = "adam"\n[training]\nworker_momentum = 0.9\n' + CENTRED) == [
        "the server's adam averages over past rounds, and so do training.worker_momentum and the rule centered_clip"
    ]
    assert warned('[server]\noptimizer = "adagrad"\n' + CENTRED) == []
    assert warned(HEAVY + '[training]\nalgorithm = {name = "fedsgd", momentum = 0.9}') == [
        "the server's sgd averages over past rounds, and so does the momentum of fedsgd"
    ]
