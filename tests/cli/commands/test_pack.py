"""`fedsim pack` and `fedsim verify ARCHIVE` as somebody meets them at 80 columns, and as a program reads them."""

import json

import pytest

from fedsim.scenario.load import parse_scenario
from tests.cli.recorded_run import SMALL, ask
from tests.small_runs import run_in


@pytest.fixture
def packed(folder, capsys):
    run_in(folder / "mine", parse_scenario(SMALL))
    answer = ask(capsys, "pack", "mine")
    assert answer.code == 0
    return answer


def test_an_archive_says_how_it_is_checked(packed, folder, capsys):
    assert packed.out.startswith("mine.zip  run scenario: 6 rounds, ")
    assert "after round 2, 4, 6: a spot check of a round plays from the one" in packed.out
    assert "fedsim verify mine.zip --spot 20" in packed.out
    assert max(map(len, packed.out.splitlines())) <= 80
    again = ask(capsys, "pack", "mine")
    assert (again.code, again.err) == (
        1,
        "error: mine.zip is there already; choose another --out, or replace it with --force\n",
    )
    assert ask(capsys, "pack", "mine", "--force").out == packed.out


def test_a_check_says_what_it_proves(packed, capsys):
    answer = ask(capsys, "verify", "mine.zip", "--spot", 2, "--seed", 1)
    assert answer.code == 0
    assert answer.out.startswith("same  mine.zip: run scenario, rounds ")
    told = " ".join(answer.out.split())
    assert "A single wrong round of 6 would have been found with a chance of 33% at least" in told
    assert "signed by nobody: it stands for itself" in told
    again = json.loads(ask(capsys, "verify", "mine.zip", "--spot", 2, "--seed", 1, "--json").out)
    assert (again["same"], again["kind"], again["done"]) == (True, "run", 6)
    assert again["spots"]["least"] == pytest.approx(1 / 3)
    assert again["claimed"][0]["rounds"] == 6


def test_a_changed_archive_is_one_message(packed, folder, capsys):
    data = bytearray((folder / "mine.zip").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "changed.zip").write_bytes(data)
    answer = ask(capsys, "verify", "changed.zip", "--spot", 2)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("error: changed.zip was changed: ")
    assert len(answer.err.splitlines()) == 1
    wrong = ask(capsys, "verify", "mine", "--allowed-signers", "small.toml")
    assert wrong.code == 2
    assert "only an archive is signed: fedsim pack --sign KEY makes one" in wrong.err
