"""A short soak; `python -m tests.soak --minutes 60` is a long one."""

import pytest

from tests.soak import soak


@pytest.mark.alone
@pytest.mark.slow
def test_runs_survive_what_may_happen_to_them(tmp_path):
    survived = soak(6, 4, tmp_path)
    assert sum(survived.values()) >= 2
