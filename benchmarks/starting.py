"""Starting up: the help, and everything up to the first round of the smallest scenario."""

from collections.abc import Iterator
from statistics import median

from cli.bench.effort import Effort
from cli.bench.processes import lifetime
from cli.bench.tables import Column, Table
from fedsim.scenario.shipped import find_scenario

HELP = 'from cli.app import main; main(["--help"])'
TORCH = "import torch"
SMOKE = """
import sys
from fedsim import events, load_scenario, simulate
for event in simulate(load_scenario(sys.argv[1])):
    if isinstance(event, events.RoundEnded):
        break
"""
WHOLE = 'import sys; from cli.app import main; main(["run", sys.argv[1], "--no-save", "--quiet"])'
STEPS = {
    "python -c 'import torch'": TORCH,
    "fedsim --help": HELP,
    "smoke, to the end of round 1": SMOKE,
    "fedsim run smoke --no-save": WHOLE,
}
COLUMNS = (Column("what", "from nothing to …"), Column("seconds", "seconds", lambda seconds: f"{seconds:.2f}"))
NOTE = "Each in a fresh process, with the files in the system's cache and fedsim's kernels compiled anew."


def section(effort: Effort) -> Iterator[Table]:
    """Each step once to warm the disk's cache, then in turn."""
    spent: dict[str, list[float]] = {name: [] for name in STEPS}
    smoke = str(find_scenario("smoke").resolve())
    repeats = effort.repeats(2, 6)
    for done in range(repeats):
        effort.progress("starting up", done, repeats)
        for name, code in STEPS.items():
            spent[name].append(lifetime(code, smoke))
    effort.progress("starting up", repeats, repeats)
    rows = [{"what": name, "seconds": median(times[1:])} for name, times in spent.items()]
    yield Table("start", "Starting up", COLUMNS, rows, (NOTE,))
