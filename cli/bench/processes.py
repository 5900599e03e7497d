"""Work measured in a process of its own: what it takes from the start, and the most memory it held."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from cli.bench.effort import BenchFailed

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""One thread of arithmetic, for whichever library."""


def peak_memory() -> int:
    """Bytes this process has held at most."""
    status = Path("/proc/self/status")
    if status.exists():  # `ru_maxrss` would count what the parent held when it forked
        lines = status.read_text(encoding="ascii").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def answered(code: str, *words: str) -> Mapping[str, Any]:
    """The JSON that a fresh Python of one arithmetic thread prints last after running the code."""
    answer: Mapping[str, Any] = json.loads(_run(code, words, os.environ | ONE_THREAD).splitlines()[-1])
    return answer


def lifetime(code: str, *words: str) -> float:
    """Seconds from the start to the end of a fresh Python that runs the code."""
    begin = perf_counter()
    _run(code, words, os.environ)
    return perf_counter() - begin


def _run(code: str, words: Sequence[str], environment: Mapping[str, str]) -> str:
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise BenchFailed(f"a benchmark's process failed: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
    return done.stdout
