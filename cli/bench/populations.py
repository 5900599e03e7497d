"""A hundred clients and a million: what a round takes, and the most memory."""

from cli.bench.processes import answered
from cli.bench.tables import Column, Row, Table, megabytes, milliseconds

SIZES = (100, 1_000_000)
COLUMNS = (
    Column("clients", "clients", lambda count: f"{count:,}"),
    Column("first", "data to first round, s", lambda seconds: f"{seconds:.2f}"),
    Column("round", "a round, ms", milliseconds),
    Column("memory", "most memory, MB", megabytes),
)
VIRTUAL = ('partition={name="virtual", samples=200}',)
CODE = """
import json, sys
from cli.bench.populations import lived
print(json.dumps(lived(int(sys.argv[1]))))
"""


def populations(repeats: int) -> Table:
    """Each size in a process of its own, the sizes in turn; the least of the repeats."""
    lives: dict[int, list[Row]] = {size: [] for size in SIZES}
    for _ in range(repeats):
        for size in SIZES:
            lives[size].append(dict(answered(CODE, str(size))))
    rows = [{key: min(life[key] for life in lives[size]) for key in lives[size][0]} for size in SIZES]
    note = "Virtual clients of the mlp, 20 sampled a round: a client's examples are drawn when it is."
    return Table("around", "A hundred clients and a million", COLUMNS, rows, (note,))


def lived(clients: int) -> Row:
    """Some rounds in this process."""
    from statistics import median
    from time import perf_counter

    from cli.bench.processes import peak_memory
    from cli.bench.running import Run
    from cli.bench.workloads import WORKLOADS

    begin = perf_counter()
    run = Run(WORKLOADS["mlp"].scenario(overrides=[*VIRTUAL, f"clients.population={clients}"]))
    run.round()
    first = perf_counter() - begin
    seconds = median(run.round().whole for _ in range(10))
    run.close()
    return {"clients": clients, "first": first, "round": seconds, "memory": peak_memory()}
