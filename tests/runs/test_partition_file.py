"""Who holds what, on disk."""

import numpy as np
import pytest

from fedsim.engine import simulate
from fedsim.errors import ResultsConflict
from fedsim.execution.pool import Pool
from fedsim.report.document import Table
from fedsim.report.run_read import read_run
from fedsim.report.whom import ledger
from fedsim.runs import partition_file
from fedsim.runs.inventory import PARTITION
from fedsim.runs.partition_file import partition_lines, read_partition, write_partition
from fedsim.runs.verify import verify
from tests.small_runs import DIGITS, run_in, scenario

SKEWED = scenario(DIGITS, 'partition={name="dirichlet",alpha=0.2}', "rounds=1")


@pytest.fixture(scope="module")
def federation():
    with simulate(SKEWED, Pool(1, "serial")) as simulation:
        next(simulation)
        yield simulation.federation


def test_the_file_holds_every_clients_examples_by_class(tmp_path, federation):
    write_partition(tmp_path, federation)
    found = read_partition(tmp_path)
    assert found.examples.sum() == len(federation.held)
    for client in range(federation.population):
        targets = federation.train.targets[federation.examples_of(client)]
        assert found.classes[client].tolist() == [int((targets == label).sum()) for label in range(10)]
    assert (found.classes.sum(axis=1) == found.examples).all()


def test_the_file_says_who_is_in_which_group(tmp_path):
    given = scenario(
        DIGITS, "rounds=1", "topology={groups=3,assignment='random',aggregator='mean'}", "aggregator='mean'"
    )
    run_in(tmp_path, given)
    with simulate(given, Pool(1, "serial")) as simulation:
        next(simulation)
        wanted = simulation.federation.groups.of(np.arange(12))
    found = read_partition(tmp_path)
    assert found.groups.tolist() == wanted.tolist()
    assert (found.classes.sum(axis=1) == found.examples).all()
    assert (tmp_path / PARTITION).read_text().startswith("client,examples,group,class_0,")
    assert verify(tmp_path).differences == ()
    told = {part.name: part for part in ledger(read_run(tmp_path)) if isinstance(part, Table)}["honest-clients"]
    assert [column.name for column in told.columns][-1] == "group"
    assert [row[-1] for row in told.rows] == [wanted[row[0]] for row in told.rows]


def test_where_clients_are_very_many_there_is_no_file(tmp_path, federation, monkeypatch):
    monkeypatch.setattr(partition_file, "MOST_NUMBERS", 119)
    write_partition(tmp_path, federation)
    assert read_partition(tmp_path) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("client,examples,class_1\n", "its heading is"),
        ("client,examples,class_0\n0,3,3\n2,1,1\n", "not one for each client"),
        ("client,examples,class_0\n0,3,-3\n", "not one for each client"),
        ("client,examples,class_0\n0,3,many\n", "invalid literal"),
        ("client,examples,class_0\n0,3,3\n1,3\n", "inhomogeneous"),
        ("", "its heading is"),
    ],
)
def test_a_damaged_file_is_told(tmp_path, line, words):
    (tmp_path / PARTITION).write_text(line)
    with pytest.raises(ResultsConflict, match=f"{PARTITION} is damaged: .*{words}"):
        read_partition(tmp_path)


def test_verify_compares_it_and_says_where_it_is_missing(tmp_path):
    run_in(tmp_path, SKEWED)
    assert verify(tmp_path).differences == ()
    lines = (tmp_path / PARTITION).read_text().splitlines(keepends=True)
    cells = np.array(lines[1].split(","), int)
    cells[2] += 1
    (tmp_path / PARTITION).write_text("".join([lines[0], ",".join(map(str, cells)) + "\n", *lines[2:]]))
    found = verify(tmp_path).differences
    assert PARTITION in {each.file for each in found}
    (tmp_path / PARTITION).unlink()
    without = verify(tmp_path)
    assert PARTITION in {each.file for each in without.differences}
    assert any(PARTITION in left for left in without.not_compared)


def test_the_lines_end_as_lines_do(federation):
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in partition_lines(federation))
