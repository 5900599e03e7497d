"""The price of the compiler: the first calls of a fresh process, with it and without."""

from cli.bench.processes import answered
from cli.bench.tables import Column, Row, Table, milliseconds

CALLS = (1, 3, 10, 30, 100)
SIZES = (10_000, 100_000, 1_000_000)
COLUMNS = (
    Column("what", "20 rows of …, until the end of call"),
    *(Column(str(call), f"{call}, ms", milliseconds) for call in CALLS),
)
CODE = """
import json, sys, time, numpy
from fedsim.kernels import llvm
from fedsim.aggregators.coordinatewise import trimmed_mean
if sys.argv[1] == "without":
    llvm.available = lambda: False
rows = numpy.random.default_rng(0).standard_normal((20, int(sys.argv[2]))).astype(numpy.float32)
start, told = time.perf_counter(), {}
for call in range(1, 101):
    trimmed_mean(rows, f=4)
    told[str(call)] = time.perf_counter() - start
print(json.dumps(told))
"""


def cold() -> Table:
    """The trimmed mean at three sizes."""
    rows: list[Row] = []
    for size in SIZES:
        for which in ("with", "without"):
            what = {"what": f"{size:,}, {which} the compiler"}
            rows.append(what | dict(answered(CODE, which, str(size))))
    return Table("rules", "The first calls of a process: the trimmed mean", COLUMNS, rows)
