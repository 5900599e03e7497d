"""What a round costs on a Dask cluster beside workers of this machine: the same rounds by turns, in one process.

    python -m benchmarks.cluster [ROUNDS]

First two workers of each kind under models of 10^5 and 10^7 numbers and hardly any work, so that what is left is the
sending; then one and two workers of each kind under work worth sending. Of a round are told the median seconds of its
training and the processor seconds that the owner of the run spent on it, the scheduler of a local cluster among them.
"""

import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import NamedTuple

from fedsim.engine import simulate
from fedsim.events import BatchTrained, Event, RoundEnded
from fedsim.execution.pool import Pool
from fedsim.scenario.load import parse_scenario

SENDING = {
    "10^5": 'model = { name = "mlp", hidden = 1350 }',
    "10^7": 'model = { name = "mlp", hidden = 3100, layers = 2 }',
}
WORK = 'model = { name = "lenet5" }'
TEXT = """
rounds = {rounds}
data = {{ name = "{data}" }}
{model}
clients = {{ population = 20, sampled = 8 }}
training = {{ steps = {steps}, batch_size = 8 }}
evaluation = {{ limit = 100, every = 1000 }}
execution = {{ batch = {batch} }}
"""


class Taken(NamedTuple):
    """What one round took."""

    seconds: float  # of its training
    processor: float  # seconds of this process
    work: float  # seconds that workers spent on clients
    digest: str


def by_turns(text: str, pools: Mapping[str, Pool], rounds: int) -> dict[str, list[Taken]]:
    """Each round by each pool; the first is left out, which waits for the workers and sends the data."""
    given = parse_scenario(text)
    with ExitStack() as stack:
        runs = {name: stack.enter_context(simulate(given, stack.enter_context(pool))) for name, pool in pools.items()}
        found: dict[str, list[Taken]] = {name: [] for name in runs}
        for _ in range(rounds + 1):
            for name, run in runs.items():
                found[name].append(_round(run))
    if len({taken[-1].digest for taken in found.values()}) != 1:
        raise AssertionError("they came to different parameters")
    return {name: taken[1:] for name, taken in found.items()}


def _round(run: Iterator[Event]) -> Taken:
    begin, work = time.process_time(), 0.0
    for event in run:
        work += event.seconds if isinstance(event, BatchTrained) else 0.0
        if isinstance(event, RoundEnded):
            return Taken(event.training_seconds, time.process_time() - begin, work, event.digest)
    raise AssertionError("the run is over")


def _told(what: str, found: Mapping[str, list[Taken]]) -> None:
    first, other = found
    ratio = statistics.median(b.seconds / a.seconds for a, b in zip(found[first], found[other], strict=True))
    print(f"{what}: {other} takes {ratio:.2f} times as long as {first}")
    for name, taken in found.items():
        middle = [statistics.median(each[place] for each in taken) for place in range(3)]
        print(f"  {name:<14} {middle[0]:.3f} s a round, {middle[1]:.3f} s of it the owner's processor, "
              f"{middle[2]:.3f} s of work")  # fmt: skip


def main() -> None:
    """Measure both and print what they took."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for size, model in SENDING.items():
        text = TEXT.format(rounds=rounds + 1, data="digits", model=model, steps=2, batch=2)
        _told(f"{size} parameters", by_turns(text, {"loky": Pool(2), "dask": Pool(2, "dask")}, rounds))
    text = TEXT.format(rounds=rounds + 1, data="glyphs", model=WORK, steps=300, batch=1)
    for backend in ("loky", "dask"):
        pools = {"one worker": Pool(1, backend), "two workers": Pool(2, backend)}
        _told(f"lenet5, 300 steps a client, {backend}", by_turns(text, pools, rounds))


if __name__ == "__main__":
    main()
