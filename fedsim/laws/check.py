"""Every law of an algorithm's family tried on it, and what came of each."""

from collections.abc import Callable, Iterator, Mapping

from fedsim.blame import told
from fedsim.errors import FedsimError
from fedsim.laws import attacks, federations, metrics, rules, server, training
from fedsim.laws.verdicts import Broken, NotTried, Verdict
from fedsim.plugins.load import load
from fedsim.registry import Entry

Law = Callable[[Entry, int], None]
CASES = 12
"""That a law is tried on."""
ONCE = frozenset({"refusal", "logits", "initial", "company", "gradient"})
"""Laws that look at many cases at once, or cost a model."""
ATTACKS: Mapping[str, Mapping[str, Law]] = {"updates": attacks.UPDATES, "data": attacks.DATA}
FAMILIES: Mapping[str, Mapping[str, Law]] = {
    "aggregators": rules.LAWS,
    "preaggregators": rules.LAWS,
    "datasets": federations.DATASETS,
    "partitions": federations.PARTITIONS,
    "latencies": federations.LATENCIES,
    "workloads": federations.WORKLOADS,
    "availabilities": federations.AVAILABILITIES,
    "models": training.MODELS,
    "optimizers": training.OPTIMIZERS,
    "schedules": server.SCHEDULES,
    "server_optimizers": server.SERVER_OPTIMIZERS,
    "metrics": metrics.METRICS,
}


def laws_of(entry: Entry) -> Mapping[str, Law]:
    """The laws of an algorithm, by name; none where its family has none."""
    if entry.family == "attacks":
        return ATTACKS.get(entry.traits["poisons"], {})
    return FAMILIES.get(entry.family, {})


def check_file(asked: str) -> list[Verdict]:
    """The verdicts on everything that a file or a module registers; PluginFailed where it cannot be loaded."""
    return [verdict for entry in load(asked).entries for verdict in check(entry)]


def check(entry: Entry) -> Iterator[Verdict]:
    """The verdict of each law on one algorithm."""
    laws = laws_of(entry)
    for law in laws:
        yield _tried(entry, law, laws[law])
    for law in entry.breaks:
        if law not in laws:
            known = ", ".join(laws)
            yield Verdict(
                entry.family, entry.name, law, "broken", f"confesses a law that there is not; there are {known}"
            )


def _tried(entry: Entry, law: str, kept: Law) -> Verdict:
    head = (entry.family, entry.name, law)
    for seed in range(1 if law in ONCE or entry.family == "datasets" else CASES):
        try:
            kept(entry, seed)
        except NotTried as error:
            return Verdict(*head, "not tried", str(error))
        except Exception as error:
            words = str(error) if isinstance(error, Broken | FedsimError) else told(error, entry.function)
            if law in entry.breaks:
                return Verdict(*head, "confessed", entry.breaks[law], _case(entry, seed), seed)
            return Verdict(*head, "broken", words, _case(entry, seed), seed)
    if law in entry.breaks:
        return Verdict(*head, "broken", f"confesses to break it, and keeps it in {CASES} cases: {entry.breaks[law]}")
    return Verdict(*head, "kept")


def _case(entry: Entry, seed: int) -> str:
    if entry.family in ("aggregators", "preaggregators"):
        return rules.shown(entry, seed)
    return f"seed {seed}"
