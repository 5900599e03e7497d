"""Rows that clients keep: a mapping like any other, in a file that does not grow with the rounds."""

import errno
import os

import numpy as np
import pytest

from fedsim.engine import simulate
from fedsim.errors import RunFailed
from fedsim.events import RoundEnded
from fedsim.execution import row_file
from fedsim.execution.pool import Pool
from fedsim.simulation.client_rows import ClientRows
from tests.small_runs import DIGITS, scenario


def row_of(number):
    return np.full(5, number, np.float32)


def same_as(rows, plain):
    assert (list(rows), len(rows)) == (sorted(plain), len(plain))
    for client, number in plain.items():
        np.testing.assert_array_equal(rows[client], row_of(number))


@pytest.fixture(params=["memory", "both", "file"])
def place(request, monkeypatch):
    """Where rows lie: in memory, the first two of them, or none."""
    if request.param != "memory":
        monkeypatch.setattr(row_file, "NEAR_BYTES", 40 if request.param == "both" else 0)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("seed", range(3))
def test_it_is_a_mapping_whose_copies_go_their_own_way(seed):
    draw = np.random.default_rng(seed)
    kept = [(ClientRows(), {})]
    for step in range(400):
        rows, plain = kept[draw.integers(len(kept))]
        client, choice = int(draw.choice([0, 1, 2, 7, 10**12])), draw.random()
        if choice < 0.15:
            kept = [*kept[-6:], (rows.copy(), dict(plain))]  # older ones are let go of, whose slots others may have
        elif choice < 0.25 and client in plain:
            del rows[client], plain[client]
        else:
            rows[client] = row_of(step)
            plain[client] = step
        for each in kept:
            same_as(*each)
    assert 3 not in kept[0][0]
    with pytest.raises(KeyError):
        kept[0][0][3]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("seed", range(3))
def test_rows_renewed_together_are_those_renewed_one_by_one(seed):
    draw = np.random.default_rng(seed)
    kept = [(ClientRows(), {})]
    for step in range(60):
        rows, plain = kept[draw.integers(len(kept))]
        if draw.random() < 0.4:
            kept = [*kept[-4:], (rows.copy(), dict(plain))]
        clients = sorted(draw.choice(12, draw.integers(0, 6), replace=False).tolist())
        for client, (before, after) in zip(clients, rows.renewed(clients, 5, row_of(0).dtype), strict=True):
            assert (before is None) == (client not in plain)
            after[:] = row_of(step) if before is None else before + row_of(step)
            plain[client] = step + plain.get(client, 0)
        for each in kept:
            same_as(*each)


def test_a_round_without_clients_says_nothing_of_the_size_of_rows():
    rows = ClientRows()
    assert list(rows.renewed([], 0, row_of(0).dtype)) == []
    rows[3] = row_of(1)
    same_as(rows, {3: 1})


@pytest.mark.usefixtures("place")
def test_what_is_read_and_what_was_written_are_ones_own():
    rows, row = ClientRows(), row_of(1)
    rows[4] = row
    row[:] = 2
    rows[4][:] = 3
    np.testing.assert_array_equal(rows[4], row_of(1))
    with pytest.raises(ValueError, match=r"this file holds \(5,\) float32"):
        rows[5] = np.zeros(6, np.float32)


@pytest.mark.usefixtures("place")
def test_the_file_has_room_for_two_rounds_however_many_there_are():
    state = ClientRows()
    for round in range(50):
        following = state.copy()
        for client in range(8):
            following[client] = row_of(round)
        state = following
    assert state._index.file.slots <= 16
    same_as(state, dict.fromkeys(range(8), 49))


def test_a_full_disk_is_told_in_words(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    monkeypatch.setattr(row_file, "NEAR_BYTES", 0)
    with pytest.raises(RunFailed, match=r"cannot keep what clients remember in .*No space left.*TMPDIR"):
        ClientRows()[0] = row_of(0)


@pytest.mark.usefixtures("place")
def test_a_state_of_an_earlier_round_stays_what_it_was_and_can_be_gone_on_from():
    given, states = scenario(DIGITS, "rounds=6", "clients.sampled=3", "training.worker_momentum=0.5"), {}
    with simulate(given, Pool(1, "serial")) as run:
        for event in run:
            if isinstance(event, RoundEnded):
                states[event.round] = run.state, {client: row.copy() for client, row in run.state.momenta.items()}
        last = run.state.parameters
    for state, momenta in states.values():
        assert set(state.momenta) == set(momenta)
        assert all(np.array_equal(state.momenta[client], row) for client, row in momenta.items())
    for _ in range(2):  # twice from the same state
        with simulate(given, Pool(1, "serial"), resume=states[2][0]) as again:
            list(again)
            np.testing.assert_array_equal(again.state.parameters, last)
