"""Schedules against torch's own, and what is said of those that cannot be meant."""

import math

import pytest
import torch
from torch.optim import lr_scheduler

from fedsim.engine import simulate
from fedsim.errors import ScenarioError
from fedsim.events import RoundEnded
from fedsim.scenario.load import parse_scenario
from fedsim.schedules import factor_of, schedule, schedules
from tests.small_runs import DIGITS, played, registered, scenario

ROUNDS = 60
RATE = 0.3
WARM = 7


def rates(make, rounds=ROUNDS):
    """The rate that torch takes in each round, its scheduler stepped after every one."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    scheduler, found = make(optimizer), []
    for _ in range(rounds):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def ours(name, warmup=0, **settings):
    return [RATE * factor_of(name, settings, round, ROUNDS, warmup) for round in range(1, ROUNDS + 1)]


def cosine(optimizer, rounds=ROUNDS, final=0.1):
    return lr_scheduler.CosineAnnealingLR(optimizer, rounds, eta_min=final * RATE)


def warm(optimizer, after):
    first = lr_scheduler.LinearLR(optimizer, start_factor=1 / (WARM + 1), total_iters=WARM)
    return lr_scheduler.SequentialLR(optimizer, [first, after], milestones=[WARM])


class TestAgainstTorch:
    def test_constant(self):
        assert ours("constant") == rates(lambda optimizer: lr_scheduler.ConstantLR(optimizer, 1.0))

    @pytest.mark.parametrize("milestones", [(1,), (20, 40), (40, 20, 41), (20, 20), (59,)])
    def test_step(self, milestones):
        wanted = rates(lambda o: lr_scheduler.MultiStepLR(o, list(milestones), gamma=0.5))
        assert ours("step", milestones=milestones, factor=0.5) == pytest.approx(wanted, rel=1e-14)

    @pytest.mark.parametrize("final", [0.0, 0.1])
    def test_cosine(self, final):
        wanted = rates(lambda o: cosine(o, final=final))
        assert ours("cosine", final=final) == pytest.approx(wanted, rel=1e-10)

    def test_cosine_that_is_over_early_stays(self):
        wanted = rates(lambda o: cosine(o, 20), 21)
        found = ours("cosine", final=0.1, length=20)
        assert found[:21] == pytest.approx(wanted, rel=1e-10)
        assert found[21:] == [pytest.approx(0.1 * RATE)] * (ROUNDS - 21)

    @pytest.mark.parametrize("scale", [1.0, 25.0])
    def test_inverse_root(self, scale):
        wanted = rates(lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / math.sqrt(1 + t / scale)))
        assert ours("inverse_sqrt", scale=scale) == pytest.approx(wanted, rel=1e-14)

    def test_warm_up_before_a_constant_rate(self):
        wanted = rates(lambda o: lr_scheduler.LinearLR(o, start_factor=1 / (WARM + 1), total_iters=WARM))
        assert ours("constant", WARM) == pytest.approx(wanted, rel=1e-12)

    def test_warm_up_before_a_wave_that_takes_the_rounds_left(self):
        wanted = rates(lambda o: warm(o, cosine(o, ROUNDS - WARM)))
        assert ours("cosine", WARM, final=0.1) == pytest.approx(wanted, rel=1e-10)

    @pytest.mark.filterwarnings("ignore:.*epoch parameter.*")
    def test_milestones_are_rounds_of_the_run_whatever_the_warm_up(self):
        wanted = rates(lambda o: warm(o, lr_scheduler.MultiStepLR(o, [20 - WARM, 40 - WARM], gamma=0.5)))
        assert ours("step", WARM, milestones=(20, 40), factor=0.5) == pytest.approx(wanted, rel=1e-12)


def test_the_first_round_after_the_warm_up_has_the_full_rate():
    assert [factor_of("constant", {}, round, 9, 3) for round in range(1, 6)] == [0.25, 0.5, 0.75, 1, 1]


HEAD = "rounds = 30\n"


@pytest.mark.parametrize("key", ["training", "server"])
@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        (
            'schedule = {name = "step", milestones = [10, 30]}',
            "schedule",
            "after round 30, and round 30 is the last",
        ),
        ('schedule = {name = "step", milestones = [99]}', "schedule", "after round 99, and round 30 is the last one"),
        ('schedule = {name = "cosine", length = 10}', "schedule", "cosine reaches a rate of 0 in round 11 of 30"),
        (
            'schedule = {name = "step", milestones = [2, 3, 4], factor = 1e-200}',
            "schedule",
            "step reaches a rate of 0 in round 4 of 30: every round must learn",
        ),
        ("warmup = 30", "warmup", "leaves none of 30 rounds at the full rate"),
        ('schedule = "cosin"', "schedule.name", r"unknown schedule `cosin`; did you mean `cosine`\?"),
        ('schedule = "step"', "schedule.milestones", "missing: step needs `milestones`"),
        ('schedule = {name = "step", milestones = []}', "schedule", "milestones names no round"),
        ('schedule = {name = "step", milestones = [0]}', "schedule.milestones", "must be ≥ 1, got 0"),
        ('schedule = {name = "step", milestones = [3], factor = 1.0}', "schedule.factor", "must be < 1"),
        ("warmup = -1", "warmup", "must be ≥ 0, got -1"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_place(key, text, where, message):
    with pytest.raises(ScenarioError, match=message) as refused:
        parse_scenario(f"{HEAD}[{key}]\n{text}")
    (problem,) = refused.value.problems
    assert problem.where.startswith(f"{key}.{where}")
    assert problem.line == 3


def test_a_schedule_of_ones_own_that_gives_no_rate_is_refused():
    with registered(schedules, "falling"):

        @schedule("falling")
        def falling(round):
            return 2.5 - round

        with pytest.raises(ScenarioError, match=r"falling multiplies the rate by -0\.5 in round 3 of 30"):
            parse_scenario(f'{HEAD}[server]\nschedule = "falling"')


def test_a_falling_rate_ends_in_other_parameters_and_the_first_round_is_the_same():
    plain, falling = (
        [event.digest for event in played(scenario(DIGITS, *more)) if isinstance(event, RoundEnded)]
        for more in ([], ['training.schedule={name="step", milestones=[1]}'])
    )
    assert plain[0] == falling[0]
    assert plain[1] != falling[1]


@pytest.mark.parametrize(("rate", "share"), [("cosine", 0.75), ("inverse_sqrt", 1 / math.sqrt(2))])
def test_the_second_round_takes_the_second_rate(rate, share):
    """Two rounds of plain descent with a schedule are one at the full rate and one at the share of it."""
    with_schedule = played(scenario(DIGITS, f'training.schedule="{rate}"'))
    digests = [event.digest for event in with_schedule if isinstance(event, RoundEnded)]
    by_hand = scenario(DIGITS, f"training.optimizer.lr={0.05 * share!r}")
    first = simulate(scenario(DIGITS))
    for event in first:
        if isinstance(event, RoundEnded):
            break
    state = first.state
    first.close()
    second = [e.digest for e in simulate(by_hand, resume=state) if isinstance(e, RoundEnded)]
    assert second[0] == digests[1]
