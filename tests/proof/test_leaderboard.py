"""A leaderboard holds what repeats, ranked within a task, and lists the rest with the reason."""

import shutil
from html.parser import HTMLParser

import pytest

import fedsim
from fedsim.errors import ResultsConflict
from fedsim.proof.leaderboard_page import leaderboard_page
from tests.proof.forging import forge_norm, repacked
from tests.small_runs import DIGITS, run_in, scenario


@pytest.fixture(scope="module")
def submissions(tmp_path_factory):
    room = tmp_path_factory.mktemp("board")
    for name, change in {
        "mean": ('aggregator="fedavg"',),
        "mean2": ('aggregator="fedavg"', "seed=2"),
        "median": ('aggregator="median"',),
        "longer": ('aggregator="median"', "rounds=4"),
        "<b>bold": ('aggregator="median"', "seed=3"),
    }.items():
        run_in(room / "runs" / name, scenario(DIGITS, *change))
        (room / "in").mkdir(exist_ok=True)
        fedsim.pack(room / "runs" / name, room / "in" / f"{name}.zip")
    shutil.copy(room / "in" / "mean.zip", room / "in" / "z_again.zip")
    repacked(room / "in" / "median.zip", room / "in" / "lying.zip", lambda f: forge_norm(f, 2), room / "beside")
    changed = bytearray((room / "in" / "median.zip").read_bytes())
    changed[len(changed) // 2] ^= 1
    (room / "in" / "changed.zip").write_bytes(changed)
    return room / "in"


@pytest.fixture(scope="module")
def board(submissions):
    return fedsim.leaderboard(submissions, spot=3)


def test_what_repeats_is_ranked_within_its_task(board):
    (_, first), (_, second) = board.tasks()
    assert {place.rule: place.seeds for place in first} == {"fedavg": (1, 2), "median weighting=rows": (1, 3)}
    means = [place.estimate.mean for place in first]
    assert means == sorted(means, reverse=True)
    assert [(place.rule, place.seeds) for place in second] == [("median weighting=rows", (1,))]
    assert board.twice == 1
    assert all(entry.archive.played == entry.archive.done or entry.archive.least < 1 for entry in board.entries)


def test_what_does_not_is_refused_with_the_reason(board):
    reasons = {each.file: each.reason for each in board.refused}
    assert set(reasons) == {"lying.zip", "changed.zip"}
    assert reasons["lying.zip"] == "does not repeat, first in events.jsonl: round 2, aggregation norm"
    assert reasons["changed.zip"].startswith("was changed: ")
    assert "lying.zip" not in {entry.archive.file for entry in board.entries}


class Words(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def test_the_page_escapes_whatever_a_file_is_called(board):
    page = Words()
    page.feed(leaderboard_page(board, "Rules & <i>friends"))
    assert not {"b", "i", "script"} & set(page.tags)
    assert "<b>bold.zip" in page.text
    assert "Rules & <i>friends" in page.text
    assert page.tags.count("table") == 3
    assert "was changed: " in page.text


def test_a_folder_without_archives_and_a_signer_who_is_wanted(submissions, tmp_path):
    with pytest.raises(ResultsConflict, match=r"holds no archive \(\*\.zip\): fedsim pack makes them"):
        fedsim.leaderboard(tmp_path)
    (tmp_path / "allowed").write_text("")
    shutil.copy(submissions / "mean.zip", tmp_path)
    board = fedsim.leaderboard(tmp_path, allowed_signers=tmp_path / "allowed")
    assert [each.reason for each in board.refused] == ["is not signed by anybody"]
    assert board.tasks() == []
