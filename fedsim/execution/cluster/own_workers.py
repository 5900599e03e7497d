"""Workers of a cluster that is started here: processes that a nanny begins, and begins again where one is lost."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Nanny

_hiding = 0
_hidden: dict[str, Any] = {}


class OwnNanny(Nanny):  # type: ignore[misc]
    """Begins a worker without running there again the script that wanted it, as Python does of itself."""

    async def instantiate(self) -> Any:
        """Begin the process."""
        with _without_script():
            return await super().instantiate()


@contextmanager
def _without_script() -> Iterator[None]:
    """Nobody can tell inside which script this process runs; all that enter together leave it as it was."""
    global _hiding  # noqa: PLW0603 - one process has one script
    names = vars(sys.modules["__main__"])
    if not _hiding:
        _hidden.update({key: names.pop(key) for key in ("__file__", "__spec__") if key in names})
        names["__spec__"] = None
    _hiding += 1
    try:
        yield
    finally:
        _hiding -= 1
        if not _hiding:
            names |= _hidden
            _hidden.clear()
