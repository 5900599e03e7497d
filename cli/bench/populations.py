"""What a round costs by the number of clients there are, of those sampled, and of parameters; and the most memory."""

from cli.bench.processes import answered
from cli.bench.tables import Column, Row, Table, megabytes, milliseconds

SIZES = (
    (100, 20, 128),
    (1_000_000, 20, 128),
    (1_000_000, 200, 128),
    (1_000_000, 2_000, 128),
    (1_000_000, 20, 1_280),
)
"""Clients, those sampled in a round, and units in the hidden layer of the mlp."""
COLUMNS = (
    Column("clients", "clients", lambda count: f"{count:,}"),
    Column("sampled", "sampled a round", lambda count: f"{count:,}"),
    Column("parameters", "parameters", lambda count: f"{count:,}"),
    Column("first", "data to first round, s", lambda seconds: f"{seconds:.2f}"),
    Column("round", "a round, ms", milliseconds),
    Column("memory", "most memory, MB", megabytes),
)
VIRTUAL = 'partition={name="virtual", samples=200}'
ROUNDS = 5
CODE = """
import json, sys
from cli.bench.populations import lived
print(json.dumps(lived(*map(int, sys.argv[1:]))))
"""


def populations(repeats: int) -> Table:
    """Each size in a process of its own, the sizes in turn; the least of the repeats. Once alone is a quick look."""
    sizes = SIZES if repeats > 1 else SIZES[:2]
    lives: dict[tuple[int, ...], list[Row]] = {size: [] for size in sizes}
    for _ in range(repeats):
        for size in sizes:
            lives[size].append(dict(answered(CODE, *map(str, size))))
    rows = [{key: min(life[key] for life in lives[size]) for key in lives[size][0]} for size in sizes]
    note = (
        "Virtual clients of the mlp: a client's examples are drawn when it is. A round costs its cohort and its "
        "parameters, not the population; the median of five."
    )
    return Table("around", "A hundred clients and a million", COLUMNS, rows, (note,))


def lived(clients: int, sampled: int, hidden: int) -> Row:
    """Some rounds in this process."""
    from statistics import median
    from time import perf_counter

    from cli.bench.processes import peak_memory
    from cli.bench.running import Run
    from cli.bench.workloads import WORKLOADS

    sizes = [f"clients.population={clients}", f"clients.sampled={sampled}", f'model={{name="mlp", hidden={hidden}}}']
    begin = perf_counter()
    run = Run(WORKLOADS["mlp"].scenario(overrides=[VIRTUAL, *sizes]))
    run.round()
    first = perf_counter() - begin
    seconds = median(run.round().whole for _ in range(ROUNDS))
    parameters = run.parameters
    run.close()
    told = {"clients": clients, "sampled": sampled, "parameters": parameters}
    return {**told, "first": first, "round": seconds, "memory": peak_memory()}
