"""Functions on their way to other processes: pickled once a run, whatever the number of jobs, and once unpickled there.

A function that another process can import is sent as its address. Any other, such as one of a notebook, of the script
that is being run or of a file loaded by its path, is sent by value. Only what a run's first process sent to its own
workers, through a pipe, memory that it shares or a cluster that it was told of, is unpickled: never what lies in a
results folder.
"""

import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from hashlib import blake2b
from typing import Any, Generic, Protocol, TypeVar

import cloudpickle
import numpy as np

from fedsim.errors import RunFailed
from fedsim.execution.shared_memory import Arena, Shared
from fedsim.plugins.load import own_modules
from fedsim.registry import Bound

Thing = TypeVar("Thing", bound=Bound)

SENT_WITH_JOBS = 1 << 14
"""Bytes above which a thing is put into shared memory instead of into every job."""
MOST_KEPT = 32
"""Things that a process keeps of those it was sent."""


class Sent(Generic[Thing]):
    """An algorithm that every process can be given: `thing` is itself here, and the same one object there."""

    def __init__(self, thing: Thing) -> None:
        self.thing = thing

    def __reduce__(self) -> tuple[Any, tuple[str, bytes | Shared]]:
        name, data = self._packed
        if len(data) <= SENT_WITH_JOBS:
            return _received, (name, data)
        return _received, (name, self._shared if _here.parcels is None else _here.parcels.parcel(name, data))

    @cached_property
    def _packed(self) -> tuple[str, bytes]:
        data = _packed(self.thing)
        return blake2b(data, digest_size=16).hexdigest(), data

    @cached_property
    def _shared(self) -> Shared:
        arena = Arena()
        weakref.finalize(self, arena.close)
        return arena.of(np.frombuffer(self._packed[1], np.uint8))


class Parcels(Protocol):
    """Where what is too long to go with every job is put, for workers that do not share this machine's memory."""

    def parcel(self, key: str, data: bytes) -> Shared:
        """The address of these bytes."""


class _Here(threading.local):
    """Whose jobs this thread packs."""

    parcels: Parcels | None = None


_here = _Here()
_kept: OrderedDict[str, Sent[Any]] = OrderedDict()
_keeping = threading.RLock()


def _received(name: str, data: bytes | Shared) -> Sent[Any]:
    """What was sent under this name, unpacked the first time that it arrives."""
    with _keeping:
        if name not in _kept:
            _kept[name] = Sent(cloudpickle.loads(data if isinstance(data, bytes) else bytes(data.open())))
            while len(_kept) > MOST_KEPT:
                _kept.popitem(last=False)
        _kept.move_to_end(name)
        return _kept[name]


def packed(thing: Any, parcels: Parcels | None = None) -> bytes:
    """A function and its job on their way to another machine."""
    before, _here.parcels = _here.parcels, parcels
    try:
        data: bytes = cloudpickle.dumps(thing)
    finally:
        _here.parcels = before
    return data


def unpacked(data: bytes) -> Any:
    """The same there."""
    try:
        return cloudpickle.loads(data)
    except ImportError as error:
        raise RunFailed(
            f"the worker cannot read its job: {error}; what is imported here must be installed there"
        ) from error


def _packed(thing: Bound) -> bytes:
    try:
        with _by_value_unless_importable(thing.function.__module__):
            data: bytes = cloudpickle.dumps(thing)
    except Exception as error:  # whatever the pickling of a user's object raises
        message = f"`{thing.name}` cannot be sent to other processes: {error}; `execution.workers = 1` needs no sending"
        raise RunFailed(message) from error
    return data


@contextmanager
def _by_value_unless_importable(name: str) -> Iterator[None]:
    """Own code, and any module that was loaded by its path, has a name that means nothing in another process."""
    module, top = sys.modules.get(name), name.partition(".")[0]
    own = {each.__name__: each for each in own_modules()}
    if module is not None and name != "__main__" and not _importable(top):
        own[name] = module
    known = cloudpickle.list_registry_pickle_by_value()
    registered = [each for each in own.values() if each.__name__ not in known and each.__name__ != "__main__"]
    for each in registered:
        cloudpickle.register_pickle_by_value(each)
    try:
        yield
    finally:
        for each in registered:
            cloudpickle.unregister_pickle_by_value(each)


def _importable(top: str) -> bool:
    """Whether a fresh process with this search path would find the module."""
    finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
    return any(find is not None and find(top, None) is not None for find in finders)
