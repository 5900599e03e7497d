"""Any scenario that the reader accepts can be run, or ends in words: random choices from every family."""

from fedsim.engine import simulate
from fedsim.errors import FedsimError, ScenarioError
from fedsim.events import RunEnded
from fedsim.execution.pool import Pool
from fedsim.laws.cases import example
from fedsim.runs.event_json import event_line, read_event
from fedsim.scenario.build import families
from fedsim.scenario.load import parse_scenario
from tests.fuzz.mutations import seeded, watched

CASES = 350
PLAIN = """
rounds = 2
data = {{ name = "glyphs", writers = 3, samples = 40 }}
model = "{model}"
partition = {partition}
preaggregators = [{preaggregator}]
aggregator = {aggregator}
{topology}
[clients]
population = {population}
sampled = {sampled}
dropout = {dropout}
latency = {latency}
{availability}
late = "{late}"
{deadline}
[training]
epochs = {epochs}
batch_size = {batch}
optimizer = {optimizer}
algorithm = {algorithm}
schedule = {client_schedule}
label_smoothing = {smoothing}
{clip}
worker_momentum = {momentum}
[server]
lr = 0.5
warmup = {warmup}
optimizer = {server_optimizer}
schedule = {server_schedule}
[root]
size = 6
[evaluation]
validation = 4
limit = 10
{attacks}
"""


ALGORITHMS = (
    '"fedavg"', '"fedavg"', '"fedsgd"', '"fedprox"', '{ name = "fedsgd", momentum = 0.9 }',
    '{ name = "fedsgd", momentum = 0.9, average = false, rate = "server" }',
)  # fmt: skip
SCHEDULES = ('"constant"', '"constant"', '"cosine"', '"inverse_sqrt"', '{ name = "step", milestones = [1] }')


def choice(family, draw, without=()):
    """One of a family as an inline table, with what it requires and a setting or two of its own."""
    entry = draw.choice([entry for entry in families()[family] if entry.name not in without])
    given = {name: example(setting) for name, setting in entry.settings.items() if setting.required}
    if "f" in entry.settings:
        given["f"] = draw.randint(0, 2)
    return f'{{ name = "{entry.name}"' + "".join(f", {key} = {_toml(value)}" for key, value in given.items()) + " }"


def _toml(value):
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')


def an_attack(draw):
    head = choice("attacks", draw).strip("{ }").replace(", ", "\n")
    every = f'start = {draw.randint(1, 2)}\nknowledge = "{draw.choice(["all", "colluders", "own"])}"'
    return f"[[attacks]]\n{head}\ncount = {draw.randint(0, 3)}\n{every}\n"


def a_topology(draw):
    rule = f"groups = {draw.randint(1, 4)}, aggregator = {choice('aggregators', draw)}"
    return f"{rule}, preaggregators = [{choice('preaggregators', draw)}]" if draw.random() < 0.3 else rule


def an_availability(draw):
    return f"availability = {choice('availabilities', draw, without={'trace'})}"


def a_scenario(draw):
    sampled = draw.randint(1, 8)
    return PLAIN.format(
        model=draw.choice(["logistic", "mlp", "logistic", "lenet5"]),
        partition=choice("partitions", draw, without={"writers", "natural"}).replace(
            " }", draw.choice([" }", " }", ', holders = "honest" }'])
        ),
        preaggregator=choice("preaggregators", draw) if draw.random() < 0.5 else "",
        aggregator=choice("aggregators", draw),
        population=sampled + draw.randint(0, 8),
        sampled=sampled,
        dropout=draw.choice([0.0, 0.0, 0.4, 0.95]),
        latency=choice("latencies", draw),
        late=draw.choice(["keep", "discard"]),
        deadline=draw.choice(["", "deadline = 1.0", f"quorum = {draw.randint(1, sampled)}"]),
        batch=draw.choice([1, 7, 32]),
        optimizer=draw.choice(['"sgd"', '"adam"', '{ name = "sgd", lr = 1e6, momentum = 0.9 }']),
        momentum=draw.choice([0.0, 0.5]),
        algorithm=draw.choice(ALGORITHMS),
        client_schedule=draw.choice(SCHEDULES),
        server_schedule=draw.choice(SCHEDULES),
        server_optimizer=choice("server_optimizers", draw),
        smoothing=draw.choice([0.0, 0.0, 0.3]),
        clip=draw.choice(["", "clip_norm = 0.1"]),
        warmup=draw.choice([0, 0, 1]),
        topology=f"topology = {{ {a_topology(draw)} }}" if draw.random() < 0.2 else "",
        availability=f"availability = {choice('availabilities', draw, without={'trace'})}"
        if draw.random() < 0.3
        else "",
        epochs=choice("workloads", draw) if draw.random() < 0.3 else "1",
        attacks="".join(an_attack(draw) for _ in range(draw.randint(0, 3))),
    )


def test_whatever_is_accepted_can_be_run():
    draw, ran = seeded(1), 0
    for _ in range(CASES):
        text = a_scenario(draw)
        with watched(text):
            try:
                scenario = parse_scenario(text)
            except ScenarioError:
                continue
            try:
                events = list(simulate(scenario, Pool(1, "serial")))
            except FedsimError as error:
                assert str(error), text
                continue
            assert isinstance(events[-1], RunEnded)
            assert all(event_line(read_event(event_line(event))) == event_line(event) for event in events)
            ran += 1
    assert ran > CASES / 6
