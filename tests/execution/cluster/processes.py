"""A scheduler and workers of Dask as a person starts them, on 127.0.0.1."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

HOUSE = Path(__file__).parents[3]
QUIET = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical"}


class Cluster:
    """The processes, each of which may be killed."""

    def __init__(self, folder):
        self.folder, self.file = folder, folder / "scheduler.json"
        self.workers = []
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(self.file)]
        self.scheduler = self._begun("scheduler", *options)
        until(self.file.exists)
        self.address = json.loads(until(self._told))["address"]

    def start(self, count=1, house=HOUSE, **environment):
        """Attach so many workers, which are there once `has` them."""
        for _ in range(count):
            options = [self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
            options += ["--local-directory", str(self.folder), "--memory-limit", "0"]
            self.workers.append(self._begun("worker", *options, house=house, **environment))

    def has(self, count):
        """Wait until so many workers are attached."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            until(lambda: len(client.nthreads()) == count)

    def kill(self, place=0):
        """End a worker at once, as a machine that loses its power."""
        worker = self.workers.pop(place)
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def end(self):
        """End them all."""
        for process in [*self.workers, self.scheduler]:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()

    def _told(self):
        with suppress(ValueError):
            return self.file.read_text() if json.loads(self.file.read_text()) else None

    def _begun(self, what, *options, house=HOUSE, **environment):
        return subprocess.Popen(
            [sys.executable, "-m", "dask", what, *options],
            env=os.environ | {"PYTHONPATH": str(house)} | QUIET | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
        )


@contextmanager
def cluster(folder, workers=0):
    """A scheduler, and so many workers on their way to it."""
    made = Cluster(folder)
    try:
        made.start(workers)
        yield made
    finally:
        made.end()


def until(true, seconds=30):
    """Wait for this to hold, and give what it says then."""
    limit = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.02)
    return found
