"""A working directory of the test's own."""

import pytest

from tests.cli.recorded_run import SMALL


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "small.toml").write_text(SMALL)
    return tmp_path
