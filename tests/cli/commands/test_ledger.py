"""The ledger at 80 columns, its table and its JSON, and every wrong way to ask."""

import csv
import json
from io import StringIO

import pytest

from fedsim.runs.ledger import COLUMNS, as_columns, ledger_of
from fedsim.runs.partition_file import PARTITION
from fedsim.scenario.load import parse_scenario
from tests.cli.recorded_run import ask
from tests.small_runs import run_in

SKEWED = """\
# Whom does Multi-Krum silence?
rounds = 30
data = "digits"
model = "logistic"
aggregator = { name = "multi_krum", f = 2 }
partition = { name = "dirichlet", alpha = 0.1 }
clients = { population = 10, sampled = 10 }
attacks = [{ name = "sign_flip", fraction = 0.2 }]
evaluation = { every = 30 }
training = { steps = 2 }
execution = { backend = "serial" }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs") / "mine"
    run_in(place, parse_scenario(SKEWED))
    return place


def test_a_page_within_eighty_columns(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    answer = ask(capsys, "ledger", folder)
    lines = answer.out.splitlines()
    assert (answer.code, answer.err) == (0, "")
    assert lines[0] == "multi_krum(f=2) against sign_flip on 20%, 30 rounds"
    assert lines[1].split() == ["rows", "cut", "voice", "factor"]
    assert lines[2].split()[:2] == ["Byzantine", "60"]
    assert lines[3].split()[:2] == ["honest", "240"]
    assert "cut more often than chance explains" in " ".join(answer.out.split())
    assert "holds (of all examples of the class)" in answer.out
    assert max(map(len, lines)) <= 80


def test_the_table_is_the_ledger(folder, capsys):
    answer = ask(capsys, "ledger", folder, "--csv")
    rows = list(csv.DictReader(StringIO(answer.out)))
    columns = as_columns(ledger_of(folder))
    assert tuple(rows[0]) == tuple(COLUMNS)
    assert [int(row["client"]) for row in rows] == columns["client"].tolist()
    assert [float(row["voice"]) for row in rows] == columns["voice"].tolist()
    assert [row["kept"] == "True" for row in rows] == columns["kept"].tolist()


def test_json_has_every_round_client_and_class(folder, capsys):
    answer = json.loads(ask(capsys, "ledger", folder, "--json").out)
    columns = as_columns(ledger_of(folder))
    assert answer["labels"]["partition"] == "dirichlet(alpha=0.1)"
    assert len(answer["rounds"]) == 30
    for told in answer["rounds"]:
        here = columns["round"] == told["round"]
        cut = ~columns["kept"][here]
        assert told["byzantine_cut"] == (cut & columns["byzantine"][here]).sum()
        assert told["precision"] == told["byzantine_cut"] / cut.sum()
    assert sorted(each["client"] for each in answer["clients"]) == sorted(set(columns["client"][~columns["byzantine"]]))
    silenced = [each for each in answer["clients"] if each["silenced"]]
    assert silenced == answer["clients"][: len(silenced)]
    assert len(silenced) == answer["totals"]["silenced"] > 0
    assert {each["label"] for each in answer["classes"]} <= set(range(10))


def test_without_a_partition_on_record_it_says_so(folder, capsys):
    text = (folder / PARTITION).read_bytes()
    (folder / PARTITION).unlink()
    try:
        assert "not on record" in ask(capsys, "ledger", folder).out
    finally:
        (folder / PARTITION).write_bytes(text)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nowhere",), 1, "nowhere is no results folder"),
        (("tests", "--csv", "--json"), 2, "not both"),
        ((), 2, "Missing argument"),
    ],
)
def test_wrong_ways_to_ask(capsys, arguments, code, words):
    answer = ask(capsys, "ledger", *arguments)
    assert (answer.code, answer.out) == (code, "")
    assert words in answer.err
