"""The round around the work: what sampling, sending, collecting and telling cost, and what more workers bring."""

import statistics
from collections.abc import Iterator

from cli.bench.effort import Effort, must_agree
from cli.bench.listeners import listening
from cli.bench.pairs import ratio
from cli.bench.populations import populations
from cli.bench.running import Run
from cli.bench.tables import Column, Row, Table, milliseconds, share, times
from cli.bench.workloads import WORKLOADS

WARM_UP = 2


def section(effort: Effort) -> Iterator[Table]:
    """Overhead, listeners, workers and populations."""
    effort.progress("the round around the work", 0, 4)
    rows = [overhead(name, effort.repeats(7 if name == "mlp" else 3, 41 if name == "mlp" else 7)) for name in MODELS]
    yield Table("around", "What a round costs beside the work in it, one process", OVERHEAD, rows, (OVERHEAD_NOTE,))
    effort.progress("events, files and the live table", 1, 4)
    yield listening(3.0 if effort.full else 2.0)
    effort.progress("two workers", 2, 4)
    rows = [workers(name, effort.repeats(3, 9)) for name in SPREAD]
    yield Table("around", "Two workers beside one", WORKERS, rows, (WORKERS_NOTE,))
    effort.progress("a million clients", 3, 4)
    yield populations(effort.repeats(1, 3))


MODELS = ("mlp", "femnist_cnn")
OVERHEAD = (
    Column("model", "model"),
    Column("whole", "round, ms", milliseconds),
    Column("local", "training, ms", milliseconds),
    Column("aggregation", "aggregation, ms", milliseconds),
    Column("evaluation", "evaluation, ms", milliseconds),
    Column("around", "the rest, ms", milliseconds),
    Column("share", "the rest", share),
)
OVERHEAD_NOTE = (
    "20 (mlp) and 10 (femnist_cnn) clients, trimmed mean, 2,000 test images a round. The rest is sampling, "
    "broadcasting the parameters, making and sending the jobs, collecting the updates, the digest and the events."
)


def overhead(name: str, repeats: int) -> Row:
    """The phases of a round, the median of each."""
    run = Run(WORKLOADS[name].scenario("trimmed_mean"))
    spent = [run.round() for _ in range(WARM_UP + repeats)][WARM_UP:]
    run.close()
    found = {key: statistics.median(getattr(s, key) for s in spent) for key in ("whole", "local", "around")}
    phases = {key: statistics.median(getattr(s, key) for s in spent) for key in ("aggregation", "evaluation")}
    return {"model": name, **found, **phases, "share": statistics.median(s.around / s.whole for s in spent)}


SPREAD = ("lenet5", "femnist_cnn")
WORKERS = (
    Column("model", "model"),
    Column("one", "one worker, ms", milliseconds),
    Column("two", "two workers, ms", milliseconds),
    Column("round", "whole round", times),
    Column("training", "training alone", times),
)
WORKERS_NOTE = "Rounds of two runs in turn; every round of both ends in the same parameters, to the bit."


def workers(name: str, repeats: int) -> Row:
    """One worker's and two workers' rounds in turn."""
    spread = ['execution.backend="loky"', "execution.workers=2"]
    one, two = (Run(WORKLOADS[name].scenario("trimmed_mean", changed)) for changed in ([], spread))
    pairs = [(one.round(), two.round()) for _ in range(WARM_UP + repeats)]
    for run in (one, two):
        run.close()
    must_agree(f"{name} with two workers", float(any(a.digest != b.digest for a, b in pairs)), 0)
    ones, twos = zip(*pairs[WARM_UP:], strict=True)
    return {
        "model": name,
        "one": statistics.median(spent.whole for spent in ones),
        "two": statistics.median(spent.whole for spent in twos),
        "round": ratio([spent.whole for spent in ones], [spent.whole for spent in twos]),
        "training": ratio([spent.training for spent in ones], [spent.training for spent in twos]),
    }
