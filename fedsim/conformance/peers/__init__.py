"""Other packages, a file each: the adapter says what it is called, `PACKAGE`, and what it has, `shared()`."""

import importlib
import pkgutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import NamedTuple

from fedsim.conformance.shared import Shared


class Peer(NamedTuple):
    """A package that has rules or attacks as well."""

    name: str
    version: str | None  # None where it is not installed
    adapter: ModuleType

    def shared(self) -> Iterator[Shared]:
        """Everything that it shares with fedsim."""
        yield from self.adapter.shared()


def known_peers() -> list[Peer]:
    """Every package that there is an adapter for."""
    found = sorted(module.name for module in pkgutil.iter_modules(__path__))
    adapters = [importlib.import_module(f"{__name__}.{name}") for name in found]
    return [Peer(adapter.PACKAGE, _version(adapter.PACKAGE), adapter) for adapter in adapters]


def installed_peers() -> list[Peer]:
    """Those that can be compared with here."""
    return [peer for peer in known_peers() if peer.version]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
