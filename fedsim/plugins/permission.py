"""Whether own code may be run at all: `--no-plugins` forbids it."""

from collections.abc import Sequence
from contextvars import ContextVar

from fedsim.errors import PluginFailed

_permitted: ContextVar[bool] = ContextVar("permitted", default=True)


def permit(allowed: bool) -> None:
    """Allow or forbid own code from here on."""
    _permitted.set(allowed)


def permitted() -> bool:
    """Whether own code may be run."""
    return _permitted.get()


def refusal(asked: Sequence[str]) -> str:
    """What is said of own code that is asked for and may not be run; nothing where it may."""
    if permitted() or not asked:
        return ""
    return f"own code is asked for, and --no-plugins runs none: {', '.join(dict.fromkeys(asked))}"


def require(asked: str) -> None:
    """PluginFailed where this may not be run."""
    if words := refusal([asked]):
        raise PluginFailed(words)
