"""A long run needs no more memory than a short one."""

import gc
from pathlib import Path

from fedsim.engine import simulate
from fedsim.events import RoundEnded
from fedsim.execution.pool import Pool
from fedsim.runs.folder import claim
from fedsim.runs.recorder import Recorder
from tests.small_runs import DIGITS, held, scenario

LONG = scenario(
    DIGITS, "rounds=420", "evaluation.every=20", "output.checkpoint_every=50", "clients.sampled=4",
    'clients.latency={name="exponential"}', "clients.deadline=1.5", 'clients.late="keep"', "evaluation.limit=20",
    "training.worker_momentum=0.5", "evaluation.validation=5", 'aggregator={name="centered_clip", radius=1.0}',
    rest=held(1, name="sign_flip"),
)  # fmt: skip


def resident():
    """Bytes of this process that lie in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_memory_stays_flat_over_hundreds_of_rounds(tmp_path):
    sizes = {}
    with claim(LONG, tmp_path / "run") as folder:
        simulation = simulate(LONG, Pool(1, "serial"), resume=folder.begin())
        recorder = Recorder(folder, simulation)
        with simulation:
            for event in simulation:
                recorder(event)
                if isinstance(event, RoundEnded) and event.round in {100, 400}:
                    sizes[event.round] = resident()
        recorder.close()
    assert sizes[400] - sizes[100] < 3_000_000
