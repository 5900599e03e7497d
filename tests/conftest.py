"""Hypothesis without a stopwatch, since that says how busy the machine is; and own code that a test forgets."""

import sys
import textwrap

import pytest
from hypothesis import HealthCheck, settings

from fedsim.plugins.load import forget, loaded
from fedsim.plugins.permission import permit

settings.register_profile("fedsim", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fedsim")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of own code: `own("my_rules.py", text)` writes a file there; what was run is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = set(sys.modules)

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    yield write
    permit(True)
    for plugin in loaded():
        forget(plugin)
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
