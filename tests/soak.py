"""Break runs off in every way, go on with them, and compare what they end as with a run that nothing happened to.

    python -m tests.soak --minutes 10

Every run is a real `fedsim` in a process of its own.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.small_runs import content
from tests.temporary_algorithms import Nursery

SCENARIO = """
rounds = 20
data = "digits"
model = "mlp"
[clients]
population = 30
sampled = 6
dropout = 0.1
latency = { name = "exponential" }
deadline = 2.0
late = "keep"
[training]
worker_momentum = 0.5
epochs = 2
[aggregator]
name = "centered_clip"
radius = 1.0
[evaluation]
every = 3
limit = 100
[[attacks]]
name = "sign_flip"
fraction = 0.2
[output]
checkpoint_every = 4
[execution]
"""
ALONE, CREW = SCENARIO + 'backend = "serial"\n', SCENARIO + "workers = 2\nbatch = 1\n"
INTERRUPTED, SAID_NO = 130, 1


class Soaked(AssertionError):
    """A run that ended otherwise."""


@dataclass
class Soak:
    """One session: where things lie, the draws, the nursery, and what was survived."""

    home: Path
    draw: random.Random
    survived: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.log = self.home / "log"
        self.nursery = Nursery(self.log)
        self.took, self.expected = {}, {}
        for name, text in (("alone", ALONE), ("crew", CREW)):
            (self.home / f"{name}.toml").write_text(text)
            begin = time.monotonic()
            self._expect(self._played(name, "reference-" + name), 0)
            self.took[name] = time.monotonic() - begin
            self.expected[name] = content(self.home / f"reference-{name}")

    def close(self) -> None:
        """End the nursery."""
        self.nursery.close()

    def once(self, name: str) -> None:
        """One run with one to three misfortunes, finished and compared."""
        folder = self.home / "run"
        happened = [self._misfortune(name, folder) for _ in range(self.draw.randint(1, 3))]
        self._expect(self._played(name, "run"), 0)
        if content(folder) != self.expected[name]:
            raise Soaked(f"{folder} is not what it should be after {', '.join(happened)}")
        self.survived.update(happened)
        shutil.rmtree(folder)
        self.log.unlink()

    def _misfortune(self, name: str, folder: Path) -> str:
        ways = [self._killed, self._killed, self._asked_to_end, self._no_room, self._cut, self._tampered, self._lost]
        way = self.draw.choice([*ways, self._worker_killed, self._worker_killed] if name == "crew" else ways)
        return way(name, folder)

    def _killed(self, name: str, folder: Path) -> str:
        pid = self._begin(name, folder.name)
        self._wait(name)
        _send(pid, signal.SIGKILL)
        self._expect(self.nursery.ended(), -signal.SIGKILL, 0)
        return "killed"

    def _asked_to_end(self, name: str, folder: Path) -> str:
        pid = self._begin(name, folder.name)
        self._wait(name)
        number = self.draw.choice([signal.SIGINT, signal.SIGTERM])
        _send(pid, number)
        begin = time.monotonic()
        self._expect(self.nursery.ended(), INTERRUPTED, 0, -signal.SIGTERM)
        if time.monotonic() - begin > 3:
            raise Soaked("it took more than three seconds to end")
        return f"asked to end ({number.name})"

    def _no_room(self, name: str, folder: Path) -> str:
        """Play it on a disk of its own that is too small, where one may be mounted."""
        small, used = self.home / "small", sum(8192 + path.stat().st_size for path in folder.rglob("*"))
        small.mkdir(exist_ok=True)
        size = used + self.draw.randint(20_000, 300_000)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", small]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            return self._killed(name, folder)
        try:
            if folder.exists():
                shutil.copytree(folder, small, dirs_exist_ok=True)
                shutil.rmtree(folder)
            self._expect(self._played(name, "small"), SAID_NO, 0)
            shutil.copytree(small, folder)
        finally:
            subprocess.run(["umount", small], check=True)
        return "no room on the disk"

    def _worker_killed(self, name: str, folder: Path) -> str:
        pid = self._begin(name, folder.name)
        self._wait(name)
        for worker in _workers_of(pid)[:1]:
            _send(worker, signal.SIGKILL)
        self._expect(self.nursery.ended(), 0)
        return "a worker killed"

    def _cut(self, name: str, folder: Path) -> str:
        self._killed(name, folder)
        path = folder / self.draw.choice(["events.jsonl", "metrics.csv", "summary.json"])
        if path.exists():
            os.truncate(path, self.draw.randint(0, path.stat().st_size))
            (folder / "summary.json").unlink(missing_ok=True)
        return "a file cut"

    def _tampered(self, name: str, folder: Path) -> str:
        self._killed(name, folder)
        for path in sorted(folder.glob("checkpoints/*/state.*"))[-2:]:
            data = bytearray(path.read_bytes())
            if data:
                data[self.draw.randrange(len(data))] ^= self.draw.randint(1, 255)
            path.write_bytes(data)
        (folder / "summary.json").unlink(missing_ok=True)
        return "the newest checkpoint tampered with"

    def _lost(self, name: str, folder: Path) -> str:
        self._killed(name, folder)
        for path in sorted(folder.glob("checkpoints/round-*"))[-self.draw.randint(1, 3) :]:
            shutil.rmtree(path)
        (folder / "summary.json").unlink(missing_ok=True)
        return "checkpoints lost"

    def _begin(self, name: str, folder: str) -> int:
        """The pid of a run, or of a resumed one where there is something to go on with."""
        place = self.home / folder
        known = (place / "scenario.toml").exists()
        words = ["resume", place] if known else ["run", self.home / f"{name}.toml", "--out", place]
        return self.nursery.begin(*words, "--quiet")

    def _played(self, name: str, folder: str) -> int:
        self._begin(name, folder)
        return self.nursery.ended()

    def _wait(self, name: str) -> None:
        time.sleep(self.draw.uniform(0, 1.1 * self.took[name]))

    def _expect(self, code: int, *wanted: int) -> None:
        said = self.log.read_text(errors="replace") if self.log.exists() else ""
        if code not in wanted or "Traceback" in said or "internal error" in said:
            raise Soaked(f"ended with {code}, not {' or '.join(map(str, wanted))}:\n{said[-3000:]}")


def _send(pid: int, number: signal.Signals) -> None:
    """A signal to a process, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _workers_of(pid: int) -> list[int]:
    """Processes below this one that do a client's work."""
    found = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in tasks.read_text().split()]
            found += [c for c in children if b"LokyProcess" in Path(f"/proc/{c}/cmdline").read_bytes()]
        except OSError:
            continue
    return found


def soak(seconds: float, seed: int, home: Path) -> Counter[str]:
    """Misfortunes for so many seconds, at least once with a run alone and once with a crew; how many of each."""
    session, limit = Soak(home, random.Random(seed)), time.monotonic() + seconds  # noqa: S311 - nothing secret
    runs = 0
    with closing(session):
        while runs < 2 or time.monotonic() < limit:
            session.once("crew" if runs % 8 == 1 else "alone")
            runs += 1
    return session.survived


def main() -> None:
    """Soak and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as home:
        survived = soak(60 * given.minutes, given.seed, Path(home))
    for what, times in sorted(survived.items()):
        print(f"{times:6,} × {what}")


if __name__ == "__main__":
    main()
