"""What a round costs on a Dask cluster beside workers of this machine: the same rounds by turns, in one process.

    python -m benchmarks.cluster [ROUNDS]

Both have two workers and the same jobs. What is told is the median second of a round, and what a cluster adds to it.
"""

import statistics
import sys
from contextlib import ExitStack

from fedsim.engine import simulate
from fedsim.events import BatchTrained, RoundEnded
from fedsim.execution.pool import Pool
from fedsim.scenario.load import parse_scenario

SIZES = {"10^5": "hidden = 1350", "10^7": "hidden = 3100, layers = 2"}
WORKERS = 2
TEXT = """
rounds = {rounds}
data = "digits"
model = {{ name = "mlp", {hidden} }}
clients = {{ population = 20, sampled = 8 }}
training = {{ steps = 2, batch_size = 8 }}
evaluation = {{ limit = 100, every = 1000 }}
execution = {{ batch = 2 }}
"""


def measure(hidden: str, rounds: int) -> dict[str, list[RoundEnded]]:
    """The ends of the rounds by backend, the first of each left out: it waits for the workers and sends the data."""
    given = parse_scenario(TEXT.format(rounds=rounds + 1, hidden=hidden))
    with ExitStack() as stack:
        pools = {"loky": Pool(WORKERS, "loky"), "dask": Pool(WORKERS, "dask")}
        for pool in pools.values():
            stack.enter_context(pool)
        runs = {name: stack.enter_context(simulate(given, pool)) for name, pool in pools.items()}
        found: dict[str, list[RoundEnded]] = {name: [] for name in runs}
        work: list[float] = []
        for _ in range(rounds + 1):
            for name, run in runs.items():
                found[name].append(_round(run, work))
    if len({ends[-1].digest for ends in found.values()}) != 1:
        raise AssertionError("the two came to different parameters")
    return {name: ends[1:] for name, ends in found.items()}


def _round(run: "object", work: list[float]) -> RoundEnded:
    for event in run:  # type: ignore[attr-defined]
        work += [event.seconds] if isinstance(event, BatchTrained) else []
        if isinstance(event, RoundEnded):
            return event
    raise AssertionError("the run is over")


def main() -> None:
    """Measure each size and print what it took."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for size, hidden in SIZES.items():
        took = {name: [end.training_seconds for end in ends] for name, ends in measure(hidden, rounds).items()}
        medians = {name: statistics.median(seconds) for name, seconds in took.items()}
        more = statistics.median(there - here for here, there in zip(took["loky"], took["dask"], strict=True))
        print(
            f"{size} parameters: loky {medians['loky']:.3f} s, dask {medians['dask']:.3f} s a round of training, "
            f"{medians['dask'] / medians['loky']:.2f} times as long: {more:+.3f} s"
        )


if __name__ == "__main__":
    main()
