"""Installed packages that bring algorithms: the entry points of the group `fedsim.plugins`.

They are loaded when something is listed, or when a name is not fedsim's own. One that fails to load takes nothing
else with it: it is told beside names that are unknown, and by `fedsim list`.
"""

import threading

GROUP = "fedsim.plugins"

_failed: dict[str, str] = {}
_state = threading.local()
_done: set[str] = set()


def load_installed() -> None:
    """Load every installed plug-in once, where own code may be run."""
    from fedsim.plugins.permission import permitted

    if GROUP in _done or not permitted() or getattr(_state, "loading", False):
        return
    _state.loading = True
    try:
        _load_all()
        _done.add(GROUP)
    finally:
        _state.loading = False


def not_loaded() -> list[str]:
    """What is installed and could not be loaded, and why."""
    return [f"installed plug-in {name} could not be loaded: {why}" for name, why in _failed.items()]


def _load_all() -> None:
    from importlib.metadata import entry_points

    from fedsim.errors import PluginFailed
    from fedsim.plugins.load import load_module

    for point in entry_points(group=GROUP):
        try:
            load_module(point.module)
        except PluginFailed as error:
            _failed[point.name] = str(error)
