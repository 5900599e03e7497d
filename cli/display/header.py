"""The lines above a run: what is asked, of whom, with which rule, and what can be promised."""

from collections.abc import Iterable

from rich.text import Text

from cli.display.layout import labelled
from fedsim.aggregators.contract import Condition, aggregators
from fedsim.clean_text import one_line
from fedsim.events import RunStarted
from fedsim.local_algorithms.contract import local_algorithms
from fedsim.runs.code_record import present_code
from fedsim.scenario.build import DEFAULTS, families
from fedsim.scenario.guarantees import guarantees, stated_risk
from fedsim.scenario.labels import work_words
from fedsim.scenario.sections import Attack, Choice, Scenario, Server, Topology, Training, attackers_wanted
from fedsim.scenario.server_checks import rows_seen
from fedsim.scenario.toml_values import toml
from fedsim.scenario.topology import count_of

LABEL = 10
LEFT_WIDTH = 35
"""Width of a fact that leaves room for another beside it."""

Fact = tuple[str, str]


def title(scenario: Scenario) -> Text:
    """The name and the question."""
    question = f" · {one_line(scenario.question)}" if scenario.question else ""
    return Text.assemble((scenario.name, "bold"), question)


def head_lines(scenario: Scenario, started: RunStarted, width: int, note: str = "") -> list[Text]:
    """The facts of a run that has just been built, in lines of at most `width` where words allow it.

    The note is on those who do the work.
    """
    pairs = [
        [("data", _data(scenario, started))],
        [("clients", _clients(scenario, started))],
        [
            ("model", _model(scenario, started)),
            ("training", training(scenario)),
        ],
        [("groups", groups(scenario))],
        [("attack", attacks(scenario, started.population)), ("rule", rule(scenario))],
        [("risk", risk(scenario, started.population))],
        [("server", server(scenario))],
        [("own code", own_code(scenario))],
        [("cluster", _cluster(scenario, started))],
    ]
    lines = [line for pair in pairs for line in _lines([fact for fact in pair if fact[1]], width)]
    noted = _fact("note", note, width, "yellow") if note else []
    return [*lines, *noted, *warnings(scenario, started.population, width)]


def warnings(scenario: Scenario, population: int | None, width: int) -> list[Text]:
    """What may or will go against the promise."""
    bad = [found.text for found in guarantees(scenario, population) if found.verdict != "holds"]
    return [line for text in bad for line in _fact("warning", text, width, "yellow")]


def described(choice: Choice, family: str = "", always: Iterable[str] = ()) -> str:
    """An algorithm with the settings that are not its defaults."""
    defaults = _defaults(choice.name, family) if family else {}
    shown = [
        f"{key}={toml(value).strip(chr(34))}"
        for key, value in choice.settings.items()
        if value is not None and (key in always or defaults.get(key, None) != value)
    ]
    return " ".join([choice.name, *shown])


def training(scenario: Scenario) -> str:
    """How clients train: `sgd lr=0.05, 5 epochs of 32`."""
    plan = scenario.training
    algorithm = described(plan.algorithm, "local_algorithms", ("mu",))
    extras = [*_rates(plan), *_loss(plan)]
    extras += [f"worker momentum {plan.worker_momentum:g}"] * bool(plan.worker_momentum)
    optimizer = described(plan.optimizer, "optimizers", ("lr",))
    if local_algorithms[plan.algorithm.name].traits["one_step"]:
        unscaled = plan.algorithm.settings.get("rate") == "server"
        optimizer = described(plan.optimizer, "optimizers") if unscaled else optimizer
        return ", ".join([algorithm, f"one gradient over {plan.batch_size}", optimizer, *extras])
    batched = " in batches" if plan.steps is None and isinstance(plan.epochs, Choice) else ""
    named = [algorithm] * (plan.algorithm.name != DEFAULTS["local_algorithms"])
    return ", ".join([*named, optimizer, f"{work_words(plan)}{batched} of {plan.batch_size}", *extras])


def attacks(scenario: Scenario, population: int | None) -> str:
    """Who attacks, and how many of them: `noise on 20 of 100`."""
    return " + ".join(_attack(plan, population) for plan in scenario.attacks) or "none"


def rule(scenario: Scenario) -> str:
    """The server's steps with what they need, and whether larger clients count more."""
    entry = aggregators[scenario.aggregator.name]
    rows = scenario.aggregator.settings.get("weighting") == "rows" or "layers" in entry.supplied
    weighted = "weighted by examples" if "counts" in entry.supplied and not rows else "unweighted"
    return f"{_steps(scenario)}, {weighted}{_condition(scenario)}"


def groups(scenario: Scenario) -> str:
    """The groups of a topology and what their edge servers do: `5 by number, each by trimmed_mean f=1`."""
    topology = scenario.topology
    if topology is None:
        return ""
    whose = "as listed" if not isinstance(topology.groups, int) else ASSIGNED[topology.assignment or "contiguous"]
    return f"{count_of(topology):,} {whose}, each by {_steps(topology)}"


ASSIGNED = {"contiguous": "by number", "random": "at random"}


def _steps(server: Scenario | Topology) -> str:
    steps = [described(choice, "preaggregators", ("f",)) for choice in server.preaggregators]
    return " → ".join([*steps, described(server.aggregator, "aggregators", ("f",))])


def risk(scenario: Scenario, population: int) -> str:
    """The chance of more Byzantine clients than f bears, where the scenario states how great it may be."""
    found = stated_risk(scenario, population)
    return found.text if found and found.verdict == "holds" else ""  # else it is among the warnings


def own_code(scenario: Scenario) -> str:
    """Somebody's own files that the run is made by, each with the beginning of its digest."""
    return ", ".join(f"{name} {digest[:8]}" for name, digest in present_code(scenario).own.items())


def server(scenario: Scenario) -> str:
    """The server's step where it is not the plain one."""
    given = scenario.server
    optimizer = described(given.optimizer, "server_optimizers")
    words = [f"lr {given.lr:g}"] * (given.lr != 1) + [optimizer] * (optimizer != DEFAULTS["server_optimizers"])
    return ", ".join([*words, *_rates(given)])


def _rates(part: Training | Server) -> list[str]:
    """How a learning rate changes from round to round."""
    words = [f"warm-up of {part.warmup}"] * (part.warmup > 0)
    if part.schedule.name != DEFAULTS["schedules"]:
        words.append(f"{described(part.schedule, 'schedules', ('milestones',))} schedule")
    return words


def _loss(plan: Training) -> list[str]:
    clipped = [f"gradients clipped to {plan.clip_norm:g}"] if plan.clip_norm is not None else []
    return clipped + [f"label smoothing {plan.label_smoothing:g}"] * (plan.label_smoothing > 0)


def _condition(scenario: Scenario) -> str:
    entry = aggregators[scenario.aggregator.name]
    f = entry.byzantine(scenario.aggregator.settings) or 0
    wanted, rows = Condition.parse(entry.needs), rows_seen(scenario)[-1]
    if wanted.slope == 0 and wanted.offset <= 1:
        return ""
    bound = wanted.slope * f + wanted.offset
    return f" (n {'>' if wanted.strict else '≥'} {bound} {'holds' if wanted.holds(rows, f) else 'fails'})"


def _attack(plan: Attack, population: int | None) -> str:
    if plan.per_round is not None:
        held = f"{plan.per_round} in each round"
    else:
        held = f"{attackers_wanted(plan, population)} of {population:,}" if population else _share(plan)
    when = [f"from round {plan.start}"] * (plan.start > 1) + [f"to {plan.stop}"] * (plan.stop is not None)
    when += [f"every {plan.every}"] * (plan.every > 1)
    what = " → ".join(described(step, "attacks") for step in plan.steps)
    return " ".join([f"{what} on {held}", *when])


def _share(plan: Attack) -> str:
    if plan.fraction is not None:
        return f"{plan.fraction:.0%} of clients"
    return f"{attackers_wanted(plan, 0)} clients"


def _cluster(scenario: Scenario, started: RunStarted) -> str:
    """Who does the work where that is Dask."""
    if scenario.execution.backend != "dask":
        return ""
    where = f"at {scenario.execution.address}" if scenario.execution.address else "of this machine"
    return f"{started.workers:,} Dask worker{'s' * (started.workers != 1)} {where}"


def _data(scenario: Scenario, started: RunStarted) -> str:
    what = f"{described(scenario.data, 'datasets')} {partition(scenario)}"
    sizes = ((name, getattr(started, name)) for name in ("train", "root", "validation", "test"))
    return f"{what}: {', '.join(f'{size:,} {name}' for name, size in sizes if size)}"


def partition(scenario: Scenario) -> str:
    """Whose examples are whose: `gamma similarity=0.0 among the honest`."""
    among = " among the honest" if scenario.partition.holders == "honest" else ""
    return f"{described(scenario.partition.choice, 'partitions')}{among}"


def _model(scenario: Scenario, started: RunStarted) -> str:
    return f"{described(scenario.model, 'models')} · {started.parameters:,} parameters"


def _clients(scenario: Scenario, started: RunStarted) -> str:
    plan = scenario.clients
    cohort = f"{min(plan.sampled, started.population):,} of {started.population:,}"
    words = [f"{cohort} a round" if plan.buffer is None else f"{cohort} at work · a step every {plan.buffer} updates"]
    words += [plan.sampling] * (plan.sampling != "uniform")
    words += [f"drop-out {plan.dropout:.0%}"] * (plan.dropout > 0)
    words += [f"latency {described(plan.latency, 'latencies')}"] * (plan.latency.name != "constant")
    if plan.availability is not None:
        words += [f"there by {described(plan.availability, 'availabilities')}"]
        words += [f"at least {plan.at_least}"] * (plan.at_least is not None)
    words += [f"deadline {plan.deadline:g} s"] if plan.deadline is not None else []
    words += [f"quorum {plan.quorum}"] if plan.quorum is not None else []
    return " · ".join(words)


def _defaults(name: str, family: str) -> dict[str, object]:
    return {setting.name: setting.default for setting in families()[family][name].settings.values()}


def _lines(facts: list[Fact], width: int) -> list[Text]:
    """Two facts on a line where both fit, or each on its own."""
    room = 2 + LABEL + LEFT_WIDTH + LABEL
    if len(facts) > 1 and len(facts[0][1]) < LEFT_WIDTH and room + len(facts[1][1]) <= width:
        (first, left), (second, right) = facts
        return [
            Text.assemble(
                "  ", (f"{first:<{LABEL}}", "dim"), f"{left:<{LEFT_WIDTH}}", (f"{second:<{LABEL}}", "dim"), right
            )
        ]
    return [line for label, text in facts for line in _fact(label, text, width)]


def _fact(label: str, text: str, width: int, style: str = "dim") -> list[Text]:
    return list(labelled(label, text, width=width, column=LABEL, style=style))
