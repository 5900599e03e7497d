"""Draw docs/live-table.svg: the live table of a real run, at the round it shows when stopped.

python docs/draw_live_table.py [SCENARIO] [ROUND]
"""

import io
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from cli.display.header import opening, title
from cli.display.live import LiveTable
from fedsim.engine import simulate
from fedsim.events import RoundEnded, RunStarted
from fedsim.runs.history import History
from fedsim.scenario.load import load_scenario

HOUSE = Path(__file__).parent.parent


def main(path: str = "scenarios/krum_noise.toml", stop: str = "122") -> None:
    """Run, follow, stop and draw."""
    scenario = load_scenario(HOUSE / path)
    quiet = Console(file=io.StringIO(), force_terminal=True, width=92, height=28)
    page = Console(file=io.StringIO(), force_terminal=True, width=92, record=True)
    history = History()
    with simulate(scenario) as simulation, LiveTable(quiet, history, above=10) as table:
        for event in simulation:
            history(event)
            table(event)
            if isinstance(event, RunStarted):
                page.print(Text(f"$ fedsim run {path}\n"), title(scenario), *opening(scenario, event, 92), "", sep="\n")
            if isinstance(event, RoundEnded) and event.round == int(stop):
                page.print(table.picture())
                break
    page.save_svg(str(HOUSE / "docs" / "live-table.svg"), title="fedsim")


if __name__ == "__main__":
    main(*sys.argv[1:])
