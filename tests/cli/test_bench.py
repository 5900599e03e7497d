"""`fedsim bench`: what it shows and writes, and that times are refused where the two sides differ."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from benchmarks import players, rounds
from benchmarks.players import Contender, Player
from cli.app import main
from cli.bench import command, every_rule, rules
from cli.bench.effort import BenchFailed, Effort, must_agree
from cli.bench.listeners import listening
from cli.bench.machine import bandwidth, installed, machine_line, peak
from cli.bench.options import SECTIONS
from cli.bench.pairs import Peer, in_turn, ratio
from cli.bench.processes import answered
from cli.bench.tables import Column, Table, markdown, milliseconds, plain, record, screen, share, times
from cli.bench.workloads import WORKLOADS
from fedsim.aggregators.contract import aggregators
from fedsim.datasets.contract import datasets
from fedsim.models.contract import models
from fedsim.preaggregators.contract import preaggregators

TABLE = Table(
    "training",
    "A title",
    (Column("model", "model"), Column("seconds", "ms", milliseconds), Column("ratio", "ratio", times)),
    [{"model": "mlp", "seconds": 0.0123, "ratio": 3.456}, {"model": "lenet5", "seconds": 1.5, "ratio": None}],
    ("A note.",),
)
MACHINE = {
    "processor": "A processor", "cores": 2, "gigaflops": 93.6, "gigabytes_a_second": 21.04,
    "versions": {"python": "3.11.7", "byzfl": "not installed"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _forgotten_afterwards(monkeypatch):
    """What the benchmarks register exists while one of their tests runs and in no other."""
    for registry in (datasets, models):
        registry.names()
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))


def shown(table):
    console = Console(file=StringIO(), width=100)
    console.print(screen(table))
    return console.file.getvalue()


def test_a_table_in_a_pipe():
    assert list(plain(TABLE)) == [
        "A title",
        "  model      ms  ratio",
        "  mlp      12.3  3.46×",
        "  lenet5  1,500      –",
    ]


def test_a_table_in_a_file():
    assert list(markdown(TABLE)) == [
        "### A title",
        "",
        "| model | ms | ratio |",
        "|---|--:|--:|",
        "| mlp | 12.3 | 3.46× |",
        "| lenet5 | 1,500 | – |",
        "",
        "A note.",
    ]


def test_a_table_in_a_terminal_has_the_same_cells():
    text = shown(TABLE)
    assert all(cell in text for cells in TABLE.cells() for cell in cells)


def test_json_keeps_the_numbers_themselves():
    assert record(TABLE)["rows"][0] == {"model": "mlp", "seconds": 0.0123, "ratio": 3.456}


@pytest.mark.parametrize(("value", "text"), [(0.972, "0.97×"), (3.456, "3.46×"), (34.56, "34.6×"), (345.6, "346×")])
def test_ratios_have_three_digits(value, text):
    assert times(value) == text


def test_shares_keep_their_sign_apart():
    assert share(0.0423) == "4.2 %"


def test_the_machine_in_a_line_leaves_out_what_is_not_there():
    line = machine_line(MACHINE)
    assert line == (
        "A processor, 2 cores; one core: 94 GFLOP/s in a float32 product, 21.0 GB/s read; python 3.11.7"
    )  # fmt: skip


def test_limits_are_those_of_a_machine():
    assert 1e8 < peak() < 1e13
    assert 1e8 < bandwidth() < 1e13


def test_a_ratio_is_the_median_of_neighbours():
    assert ratio([2.0, 9.0, 8.0], [1.0, 3.0, 2.0]) == 3.0


def test_calls_are_taken_in_turn():
    order = []
    spent = in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert order == ["a", "b"] * 3
    assert [len(times) for times in spent.values()] == [3, 3]


@pytest.mark.parametrize("difference", [0.1, float("nan")])
def test_sides_that_differ_have_no_times(difference):
    with pytest.raises(BenchFailed, match="the two sides differ by"):
        must_agree("training mlp", difference, 1e-3)


def test_a_rule_that_answers_otherwise_stops_the_benchmark():
    case = rules.Case("mean", lambda: np.zeros(3), [Peer("other", lambda: np.ones(3), True)])
    with pytest.raises(BenchFailed, match="mean: fedsim and other answer differently"):
        rules.check(case, np.ones((2, 3)))
    rules.check(case._replace(peers=[Peer("other", lambda: np.ones(3), False)]), np.ones((2, 3)))


def test_a_geometric_median_that_is_beaten_stops_the_benchmark():
    rows = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
    case = rules.Case("geometric_median", lambda: rows[0], [Peer("other", lambda: rows[1], False)])
    with pytest.raises(BenchFailed, match="other is nearer"):
        rules.check(case, rows)


def test_every_rule_by_plain_numpy_is_the_rule():
    matrix = np.random.default_rng(3).standard_normal((11, 40)).astype(np.float32)
    found = rules.cases(matrix, 2, [])
    assert {case.rule for case in found if case.peers} >= {"mean", "median", "trimmed_mean", "krum", "multi_krum"}
    for case in found:
        rules.check(case, matrix)


def test_sections_come_in_their_order_and_unknown_ones_are_refused():
    assert command.sections(["around", "training"], full=False) == ["training", "around"]
    assert command.sections([], full=True) == list(SECTIONS)
    assert command.sections([], full=False) == list(command.QUICK)


def test_every_section_is_a_function():
    assert list(command._known()) == list(SECTIONS)


def test_an_unknown_section_is_named_with_the_nearest(capsys):
    with pytest.raises(SystemExit) as left:
        main(["bench", "--only", "trainin"])
    assert left.value.code == 2
    assert "unknown section `trainin`; did you mean `training`?" in " ".join(capsys.readouterr().err.split())


@pytest.fixture
def made_up(monkeypatch, folder):
    monkeypatch.setattr("fedsim.execution.arithmetic.settle", lambda: None)  # for good, which other tests would notice
    monkeypatch.setattr(command, "machine", lambda: MACHINE)
    monkeypatch.setattr(command, "_known", lambda: {name: lambda effort: iter([TABLE]) for name in SECTIONS})
    return folder


def test_the_command_prints_the_machine_and_the_tables(made_up, capsys):
    main_quietly(["bench", "--only", "training"])
    assert capsys.readouterr().out.splitlines() == [machine_line(MACHINE), "", *plain(TABLE)]


def test_json_on_standard_output_is_json_and_nothing_else(made_up, capsys):
    main_quietly(["bench", "--only", "training", "--json"])
    assert json.loads(capsys.readouterr().out) == {
        "machine": MACHINE,
        "tables": [json.loads(json.dumps(record(TABLE)))],
        "refused": [],
    }


def test_the_file_names_the_command_that_made_it(made_up, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["fedsim", "bench", "--full"])
    main_quietly(["bench", "--full", "--write", "RESULTS.md"])
    lines = (made_up / "RESULTS.md").read_text().splitlines()
    assert "    fedsim bench --full" in lines
    assert lines.count("### A title") == len(SECTIONS)
    assert machine_line(MACHINE) in lines


def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(made_up, monkeypatch, capsys):
    monkeypatch.setattr(command, "machine", pytest.fail)
    with pytest.raises(SystemExit) as left:
        main(["bench", "--write", "nowhere/RESULTS.md"])
    assert left.value.code == 2
    assert "nowhere" in capsys.readouterr().err


def test_what_is_piped_arrives_though_a_bar_is_on_the_terminal(made_up, monkeypatch, capfd):
    """A progress bar on the screen must not take what is printed elsewhere."""
    screen, seen = os.openpty()
    with os.fdopen(seen, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        main_quietly(["bench", "--only", "training"])
    os.close(screen)
    assert capfd.readouterr().out.splitlines() == [machine_line(MACHINE), "", *plain(TABLE)]


def test_what_is_done_is_kept_when_a_later_section_breaks(made_up, monkeypatch):
    def breaks(effort):
        raise BenchFailed("the two sides differ")

    monkeypatch.setattr(command, "_known", lambda: {"training": lambda effort: iter([TABLE]), "rules": breaks})
    with pytest.raises(SystemExit) as left:
        main(["bench", "--only", "training", "--only", "rules", "--write", "RESULTS.md"])
    assert left.value.code == 1
    assert "### A title" in (made_up / "RESULTS.md").read_text()


def test_a_childs_memory_is_its_own():
    held = np.ones(50_000_000)
    code = "import json; from cli.bench.processes import peak_memory; print(json.dumps({'most': peak_memory()}))"
    assert 1e6 < answered(code)["most"] < held.nbytes


def main_quietly(arguments):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 0


def test_local_training_and_overhead_are_measured_for_real():
    """In a process of its own: what the benchmarks register belongs to no list."""
    code = """
from cli.bench.around import overhead
from cli.bench.training import measured
from fedsim.execution.arithmetic import settle
import json
settle()
rows = [measured(name, 1) for name in ("logistic", "mlp", "branched")]
print(json.dumps([*rows, overhead("mlp", 1)]))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    *rows, around = json.loads(done.stdout.splitlines()[-1])
    assert [row["model"] for row in rows] == ["logistic", "mlp", "branched"]
    assert all(row["difference"] < 1e-5 and row["ratio"] > 0 and row["share"] > 0 for row in rows)
    assert 0 < around["around"] < around["whole"]


def test_sides_that_train_otherwise_are_found_out():
    """The same check must fail when one side's learning rate is another's."""
    code = """
from dataclasses import replace
from cli.bench import training, usual
from cli.bench.effort import BenchFailed
fit = usual.fit
usual.fit = lambda module, start, loader, lr, momentum: fit(module, start, loader, 1.01 * lr, momentum)
try:
    training.compared(training.SUBJECTS["mlp"][0])
except BenchFailed as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "training mlp (from double precision" in done.stdout


def test_whole_rounds_are_played_in_turn_and_agree():
    found, missing = rounds.contenders(peers=False)
    assert missing == []
    assert [contender.module for contender in found] == ["ours", "ours", "script", "script"]
    rows, broken = rounds.measured("mlp", found[1:3], 1)
    assert broken == []
    assert [row["runner"] for row in rows] == ["fedsim (trimmed mean)", "usual script (trimmed mean)"]
    assert rows[1]["difference"] < 1e-4
    assert all(row["round"] > 0 and row["memory"] > 1e7 for row in rows)


def test_a_package_that_breaks_is_told_with_its_last_word():
    with pytest.raises(BenchFailed, match=r"fedsim \(no rule\) broke: .*no_rule"):
        Player("mlp", Contender("ours", "no_rule"))


@pytest.mark.peers
@pytest.mark.parametrize(("module", "package"), [("byzfl", "byzfl"), ("pfl", "pfl"), ("fedlab", "fedlab")])
def test_a_peer_computes_the_same_round(module, package):
    if installed(package) is None:
        pytest.skip(f"{package} is not installed")
    rule = "trimmed_mean" if module == "byzfl" else "mean"
    apart, broken = rounds.compared("mlp", [Contender("ours", rule), Contender(module, rule)])
    assert broken == []
    assert apart[Contender(module, rule)] < 1e-4


def test_workloads_are_those_that_the_tables_name():
    assert list(WORKLOADS) == ["mlp", "femnist_cnn", "lenet5"]
    assert set(players.NAMES) >= {"ours", "script"}
    assert replace(WORKLOADS["mlp"], clients=10).f == 2
    assert Effort(full=True).repeats(1, 5) == 5


def test_a_refused_section_costs_no_other(capsys, monkeypatch, tmp_path):
    """The other one is measured for real, of the smallest model and for a moment."""
    from cli.bench import around, command

    def refuses(effort):
        raise BenchFailed("the two sides differ")

    kept = command._known()
    monkeypatch.setattr(around, "MODELS", ("mlp",))
    monkeypatch.setattr(around, "SPREAD", ("mlp",))
    monkeypatch.setattr(around, "listening", lambda seconds: listening(0.2))
    monkeypatch.setattr(command, "_known", lambda: kept | {"training": refuses})
    monkeypatch.setattr("fedsim.execution.arithmetic.settle", lambda: None)  # it is for good
    with pytest.raises(BenchFailed, match=r"^1 of 2 sections say nothing: training: the two sides differ"):
        command.bench(command.Options(only=("training", "around"), file=tmp_path / "found.md"))
    assert "Virtual clients of the mlp" in (tmp_path / "found.md").read_text()


def test_two_trainings_are_judged_by_double_precision():
    from cli.bench.training import must_be_as_exact

    exact = np.random.default_rng(0).normal(size=(3, 100))
    jump = exact + np.array([[0], [0], [1e-2]])  # one client moved by a near-tie
    must_be_as_exact("training", jump, exact + 1e-6, exact)
    with pytest.raises(BenchFailed, match="from double precision"):
        must_be_as_exact("training", exact + 1e-2, exact + 1e-6, exact)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_benchmark_that_is_told_to_end_leaves_no_child():
    running = subprocess.Popen(
        [sys.executable, "-m", "cli", "bench", "--only", "rounds"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        while not (children := children_of(running.pid)) and running.poll() is None:
            time.sleep(0.05)
        running.terminate()
        assert running.wait(20) == 143
        limit = time.monotonic() + 5
        while any(map(runs, children)) and time.monotonic() < limit:
            time.sleep(0.05)
        assert not any(map(runs, children))
    finally:
        running.kill()
        running.communicate()


def children_of(process):
    """The runners that it has started so far."""
    try:
        started = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        return [int(child) for child in started if b"benchmarks.runners" in Path(f"/proc/{child}/cmdline").read_bytes()]
    except (FileNotFoundError, ProcessLookupError):  # one of them has just ended
        return []


def runs(process):
    """Whether there is such a process, and not only its entry for a parent that never asks."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_every_rule_and_pre_aggregator_has_a_time():
    found = every_rule.table(Effort(), d=300)
    listed = {entry.name for family in (aggregators, preaggregators) for entry in family if not entry.file}
    assert [row["rule"] for row in found.rows if row["rule"] == "mean" and row["means"] == 1] == ["mean"]
    assert {row["rule"] for row in found.rows} == listed
    assert [row["seconds"] for row in found.rows] == sorted(row["seconds"] for row in found.rows)


def test_the_full_section_has_that_table(monkeypatch):
    cold = replace(TABLE, title="cold")
    monkeypatch.setattr(rules, "FULL", ())
    monkeypatch.setattr(every_rule, "table", lambda effort: TABLE)
    monkeypatch.setattr(rules, "beside", lambda name: SimpleNamespace(cold=lambda: cold))
    assert list(rules.section(Effort(full=True))) == [TABLE, cold]
