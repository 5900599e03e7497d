import urllib.error

import pytest

from fedsim.datasets import fetching


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """A cache of its own, an empty working folder and no network."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    (home / "here").mkdir()
    monkeypatch.chdir(home / "here")
    monkeypatch.setattr(fetching, "open_url", unreachable)
    return home


def unreachable(url):
    raise urllib.error.URLError("no route to host")
