"""How to cite a result and what to state beside it, so that others can judge it and play it again."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fedsim.local_algorithms.contract import local_algorithms
from fedsim.report.document import Column, Listing, Part, Table, Words
from fedsim.report.run_read import RunRead
from fedsim.scenario.capabilities import capabilities
from fedsim.scenario.exposure import known_population
from fedsim.scenario.guarantees import guarantees
from fedsim.scenario.labels import labels, worded, work_words
from fedsim.scenario.sections import Choice, Scenario
from fedsim.scenario.toml_values import toml
from fedsim.study.questions import MEANINGS

TITLE = "fedsim: a laboratory for Byzantine-robust federated learning"
AUTHORS = "The fedsim maintainers"
ADVICE = (
    "Report the final accuracy, or the selected one (chosen on validation examples); the best one is chosen on the "
    "test examples and flatters whoever reports it.",
    "Report more than one seed, with an interval over them, and compare rules on the same seeds (fedsim sweep).",
    "Report each attack and the worst of them, not only the attacks that a rule survives, and a control without one.",
    "State what the attackers know, how many of how many clients they hold, and what the rule was told (f).",
    "State how unlike the clients' data are: most rules are judged too kindly by clients whose data are alike.",
)


def citation(versions: Mapping[str, Any], digests: Sequence[tuple[str, str]]) -> Listing:
    """BibTeX with the version and what names the runs."""
    version = str(versions.get("fedsim-byzantine", "")) or "unknown"
    note = "; ".join(f"{what} {digest}" for what, digest in digests if digest)
    lines = [
        "@software{fedsim,", f"  title   = {{{{{TITLE}}}}},", f"  author  = {{{{{AUTHORS}}}}},",
        f"  version = {{{version}}},", *([f"  note    = {{{note}}},"] if note else []), "}",
    ]  # fmt: skip
    return Listing("citation", "How to cite", "\n".join(lines))


def threat(scenario: Scenario, population: int | None = None) -> list[Part]:
    """What the attackers have to go by, and what was promised beforehand."""
    attackers = [Words(points=tuple(each.text for each in capabilities(scenario)))] if scenario.attacks else []
    found = guarantees(scenario, population or known_population(scenario))
    if not found:
        return [*attackers] or [Words("Nobody attacks, and nothing is promised.")]
    rows = tuple((each.verdict, each.text) for each in found)
    columns = (Column("verdict"), Column("what was promised before the first round"))
    return [*attackers, Table("guarantees", "Guarantees", columns, rows)]


def statement(run: RunRead) -> list[Part]:
    """What to state of one run, and how to cite it."""
    versions = run.table("versions")
    digests = [("scenario", str(run.summary.get("scenario", ""))), ("parameters", str(run.summary.get("digest", "")))]
    columns = (Column("state"), Column("of this run"))
    rows = tuple(_stated(run))
    table = Table("statement", "What to state", columns, rows)
    return [table, Words("What makes a number worth reporting:", ADVICE), citation(versions, digests)]


def setting(scenario: Scenario, population: int | None = None) -> Iterator[tuple[str, str]]:
    """What was tried, in words."""
    told, clients = labels(scenario), scenario.clients
    many = population or known_population(scenario)
    yield "rule", told["rule"]
    yield "attack", told["attack"]
    yield (
        "clients",
        f"{f'{many:,}' if many else 'as many as the data have owners'}, {clients.sampled:,} sampled a round",
    )
    yield "data and partition", f"{told['data']}; {told['partition']}"
    yield "model", told["model"]
    yield "local training", _training(scenario)
    yield "server", f"{_whole(scenario.server.optimizer)}, learning rate {scenario.server.lr:g}"
    yield "rounds", f"{scenario.rounds:,}"
    held = ((scenario.root.size, "root"), (scenario.evaluation.validation, "validation"))
    yield "held out of training", ", ".join(f"{size:,} {name} examples" for size, name in held if size)


def _stated(run: RunRead) -> Iterator[tuple[str, str]]:
    started, ended = run.history.started, run.history.ended
    yield from (each for each in setting(run.scenario, started.population if started else None) if each[1])
    yield "seed", f"{run.scenario.seed}: one seed, so that nothing can be told from chance"
    if started:
        yield "parameters", f"{started.parameters:,}"
        yield "examples", f"{started.train:,} at clients, {started.test:,} for the test"
    for name, meaning in MEANINGS.items():
        if ended and (value := getattr(ended, name)) is not None:
            yield f"{name} accuracy", f"{value:.3f}: {meaning}"
    if ended:
        yield "weight on Byzantine rows", f"{ended.byzantine_weight:.3f}: mean over the rounds that were not skipped"
        yield "rounds skipped", f"{ended.skipped:,}, because the rule could not be applied"
    yield from _origin(run)


def _origin(run: RunRead) -> Iterator[tuple[str, str]]:
    versions, host = run.table("versions"), run.table("host")
    if versions:
        yield "versions", ", ".join(f"{name} {value}" for name, value in versions.items())
    if processor := host.get("processor"):
        yield "processor", f"{processor}: libraries round differently on others"
    yield "scenario", f"{run.summary.get('scenario', '')}: digest of the resolved scenario"
    if run.code:
        yield "code", f"{run.code.fingerprint}: digest of all of fedsim's files and of own code"


def _training(scenario: Scenario) -> str:
    training = scenario.training
    algorithm = worded(training.algorithm, "local_algorithms")
    if local_algorithms[training.algorithm.name].traits["one_step"]:
        parts = [algorithm, f"one gradient over {training.batch_size} examples", _whole(training.optimizer)]
    else:
        parts = [algorithm, _whole(training.optimizer), f"{work_words(training)} in batches of {training.batch_size}"]
    parts += [f"rate {worded(training.schedule, 'schedules')}"] if training.schedule.name != "constant" else []
    parts += [f"gradients clipped to {training.clip_norm:g}"] if training.clip_norm else []
    parts += [f"worker momentum {training.worker_momentum:g}"] if training.worker_momentum else []
    return ", ".join(parts)


def _whole(choice: Choice) -> str:
    """An algorithm with all of its settings, defaults too: a paper's reader does not know these."""
    told = [f"{key}={toml(value).strip(chr(34))}" for key, value in choice.settings.items() if value is not None]
    return f"{choice.name}({', '.join(told)})" if told else choice.name
