"""What the arithmetic libraries are set to while a run computes, whatever their process has them set to.

Sums differ in their last bits between one thread and two, and numbers with their kind, their rounding and the way a
product is made. All of these a process may set for itself, by its environment or by a call, and a result must not
depend on them: so they are set here around every piece of work and given back afterwards.
"""

import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "BLIS")}
"""For libraries that are loaded under it."""
ERRORS: Mapping[str, Any] = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn", "call": None}
BUFFER = 8192
"""Numbers that numpy converts at a time: a longer sum of converted numbers is one of such parts."""


@contextmanager
def repeatable() -> Iterator[None]:
    """One arithmetic thread inside, and every setting that could change a bit as it is by default."""
    if _here.inside:
        yield
        return
    undo = ExitStack()
    try:
        _settle(undo)
        yield
    finally:
        # Interrupted between entering and the body, it ends when its last holder is freed: maybe after torch.
        if sys is not None and not sys.is_finalizing():  # else all that was set goes with the process
            undo.close()


def settle() -> None:
    """The same for good: a worker process does nothing else.

    No context is left open for it, which would be closed when the interpreter has taken down what closing needs.
    """
    import torch  # noqa: F401 - it brings libraries of its own

    if not _here.inside:
        _settle(_forever)


def _settle(undo: ExitStack) -> None:
    """Set what belongs to this thread, and to the process if nobody has; `undo` gives it back."""
    _here.inside = True
    undo.callback(setattr, _here, "inside", False)
    threads = _enter()
    undo.callback(_leave)
    undo.enter_context(np.errstate(**ERRORS))
    undo.callback(np.setbufsize, np.getbufsize())
    np.setbufsize(BUFFER)
    if "torch" in sys.modules:
        from fedsim.execution.torch_settings import settle_thread

        settle_thread(undo, threads)
    _limit(undo, "openmp")


class _Here(threading.local):
    """Whether this thread is inside."""

    inside = False


class _Process:
    """What all threads share: the first one inside sets it, the last one gives it back."""

    inside = 0
    threads = 1  # of torch, outside
    undo = ExitStack()


_here, _process, _lock, _forever = _Here(), _Process(), threading.Lock(), ExitStack()


def _enter() -> int:
    """Settle the process if nobody has, and give the threads that torch is to have here afterwards.

    They are asked for ahead of everything else: once OpenMP is limited torch hears of one. A thread that torch has
    not met yet hears of what others inside have set.
    """
    with _lock:
        own = _threads_of_torch()
        if _process.inside == 0:
            _process.threads, _process.undo = own, _settled()
        _process.inside += 1
        return own if own > 1 else _process.threads


def _leave() -> None:
    with _lock:
        _process.inside -= 1
        if _process.inside == 0:
            _process.undo.close()


def _settled() -> ExitStack:
    undo = ExitStack()
    undo.callback(_free_newcomers, _libraries())
    if "torch" in sys.modules:
        from fedsim.execution.torch_settings import settle_process

        settle_process(undo)
    _limit(undo, "blas")
    for name, value in ONE_THREAD.items():
        before = os.environ.get(name)
        if before != value:
            undo.callback(_set_variable, name, before)
            os.environ[name] = value
    return undo


def _set_variable(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _limit(undo: ExitStack, kind: str) -> None:
    """One thread in the libraries of a kind: those of BLAS ask the process, those of OpenMP the thread."""
    for library in _libraries():
        before = library.num_threads if library.user_api == kind else 1
        if before != 1:
            undo.callback(library.set_num_threads, before)
            library.set_num_threads(1)


def _free_newcomers(known: Sequence[Any]) -> None:
    """What was loaded inside began with one thread; outside it is to have as many as it would have begun with."""
    if _libraries() is known:
        return
    for library in _libraries():
        if library.filepath not in {old.filepath for old in known}:
            library.set_num_threads(_usual(library.user_api))


def _usual(kind: str) -> int:
    """The threads that a library begins with: those of the environment, else one for each core."""
    names = ("OMP",) if kind == "openmp" else ("OPENBLAS", "MKL", "BLIS", "OMP")
    given = [value for name in names if (value := os.environ.get(f"{name}_NUM_THREADS", "")).isdecimal()]
    return max(1, int(given[0])) if given else _cores()


def _cores() -> int:
    """Those that this process may use, where the system tells."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _threads_of_torch() -> int:
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch else 1


_found: dict[int, Sequence[Any]] = {}


def _libraries() -> Sequence[Any]:
    """The arithmetic libraries loaded so far, looked for again whenever modules have been imported since."""
    modules = len(sys.modules)
    found = _found.get(modules)
    if found is None:
        found = ThreadpoolController().lib_controllers
        _found.clear()
        _found[modules] = found
    return found
