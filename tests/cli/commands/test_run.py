"""`fedsim run`, `fedsim resume` and `fedsim verify` on real, small runs."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from cli.signals import Interrupted
from fedsim.runs.event_json import read_event
from fedsim.runs.folder import read_summary
from fedsim.runs.reading import read_events
from fedsim.runs.recorder import Recorder
from tests.cli.recorded_run import SMALL, ask

AGAIN = "run it again with --force"


def results(folder):
    (found,) = (folder / "runs").iterdir()
    return found


def test_a_run_in_a_pipe(capsys, folder):
    answer = ask(capsys, "run", "small.toml")
    lines = answer.out.splitlines()
    path = f"runs/{results(folder).name}"
    assert answer.code == 0
    assert answer.err == ""
    assert "\x1b" not in answer.out
    assert lines[:8] == [
        "small · Does the small one run?",
        "  data      digits iid: 1,138 train, 100 root, 200 validation, 359 test",
        "  clients   6 of 20 a round",
        "  model     logistic · 650 parameters",
        "  training  sgd lr=0.05, 1 epoch of 32",
        "  attack    sign_flip on 4 of 20",
        "  rule      trimmed_mean f=2, unweighted (n > 4 holds)",
        "  warning   1 round in 16 will sample more than f = 2 Byzantine clients (4 of 20",
    ]
    assert lines[10] == " round       time   Byzantine   weight on Byz.   accuracy       loss        s"
    assert [line.split()[0] for line in lines[11:17]] == ["1", "2", "3", "4", "5", "6"]
    assert [("–" in line) for line in lines[11:17]] == [True, False, True, False, True, False]
    assert lines[18].startswith("done in ")
    assert lines[-2:] == [f"  {path}   metrics.csv  events.jsonl  accuracy.png", f"  repeat: fedsim verify {path}"]
    assert {"scenario.toml", "events.jsonl", "metrics.csv", "summary.json", "accuracy.png"} <= {
        each.name for each in results(folder).iterdir()
    }


def test_quiet_says_only_the_last_lines(capsys, folder):
    answer = ask(capsys, "run", "small.toml", "--quiet")
    assert answer.out.startswith("done in ")
    assert len(answer.out.splitlines()) <= 6


def test_json_is_events_and_nothing_else(capsys, folder):
    answer = ask(capsys, "run", "small.toml", "--json")
    events = [read_event(line) for line in answer.out.splitlines()]
    assert events == read_events(results(folder))
    assert "done in" in answer.err


def test_a_finished_run_is_not_run_again_unasked(capsys, folder):
    ask(capsys, "run", "small.toml", "-q")
    before = (results(folder) / "events.jsonl").read_bytes()
    answer = ask(capsys, "run", "small.toml")
    assert (answer.code, answer.out) == (1, "")
    assert (
        answer.err == f"error: runs/{results(folder).name} holds this very run, finished; run it again with --force\n"
    )
    assert (results(folder) / "events.jsonl").read_bytes() == before
    assert ask(capsys, "run", "small.toml", "-q", "--force").code == 0
    assert ask(capsys, "resume", results(folder)).err.endswith("is finished: nothing to go on with\n")


def test_no_save_keeps_nothing(capsys, folder):
    answer = ask(capsys, "run", "small.toml", "--no-save", "-q")
    assert answer.code == 0
    assert "fedsim verify" not in answer.out
    assert not (folder / "runs").exists()


def test_options_are_overrides(capsys, folder):
    answer = ask(
        capsys, "run", "small.toml", "-q", "--seed", "9", "--workers", "1", "--set", "rounds=2", "--out", "here"
    )
    assert answer.code == 0
    summary = read_summary(folder / "here")
    assert (summary["seed"], summary["rounds"]) == (9, 2)


def test_wrong_overrides_are_shown_by_their_path(capsys, folder):
    answer = ask(capsys, "run", "small.toml", "--set", "aggregator.f=5", "--set", "roundz=1")
    assert answer.code == 2
    assert answer.err.splitlines()[2:] == [
        "    │ --set aggregator.f=5",
        "    │       ^^^^^^^^^^^^^^ trimmed_mean needs n > 2f: got n = 6, f = 5; here f is at most 2",
        "    │ --set roundz=1",
        "    │       ^^^^^^^^ unknown key; did you mean `rounds`?",
    ]


def test_what_only_the_data_can_show_is_shown_in_the_file_and_costs_nothing(capsys, folder):
    wrong = SMALL.replace("population = 20", "population = 2000").replace("[data]", '[partition]\nname = "iid"\n[data]')
    (folder / "small.toml").write_text(wrong)
    answer = ask(capsys, "run", "small.toml", "--out", "here")
    assert answer.code == 2
    assert answer.err.startswith(
        "small.toml: 1 problem\n\n  5 │ [partition]\n    │  ^^^^^^^^^ 1138 training examples are too few"
    )
    (folder / "small.toml").write_text(wrong)
    again = ask(capsys, "run", "small.toml", "--out", "here")
    assert again.err == answer.err  # not a word of a run that was begun


def test_a_taken_folder_is_left_alone(capsys, folder):
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.txt").write_text("years of work")
    answer = ask(capsys, "run", "small.toml", "--out", "mine", "--force")
    assert answer.code == 1
    assert "is not empty and is no results folder" in answer.err
    assert (folder / "mine" / "thesis.txt").read_text() == "years of work"


class TestUntil:
    def test_a_goal_ends_the_run_and_it_can_go_on(self, capsys, folder):
        answer = ask(capsys, "run", "small.toml", "-q", "--until", "round=3")
        path = f"runs/{results(folder).name}"
        assert answer.code == 0
        assert answer.out.startswith("reached round ≥ 3 in ")
        assert answer.out.endswith(f"  {path}   kept up to round 3\n  go on: fedsim resume {path}\n")
        assert read_summary(results(folder))["status"] == "stopped"
        assert ask(capsys, "run", "small.toml").code == 1
        again = ask(capsys, "resume", path)
        assert again.code == 0
        assert "  resumed  after round 3" in again.out
        assert "\n     4  " in again.out
        assert "\n     3  " not in again.out
        assert " · 6 rounds · " in again.out

    def test_the_parts_are_the_whole(self, capsys, folder):
        ask(capsys, "run", "small.toml", "-q", "--until", "round=3")
        ask(capsys, "resume", results(folder), "-q")
        parts = read_events(results(folder))
        ask(capsys, "run", "small.toml", "-q", "--out", "whole")
        assert parts == read_events(folder / "whole")
        for name in ("events.jsonl", "metrics.csv"):
            count = [len((where / name).read_text().splitlines()) for where in (results(folder), folder / "whole")]
            assert count[0] == count[1]

    def test_a_goal_never_reached_changes_nothing(self, capsys, folder):
        assert ask(capsys, "run", "small.toml", "-q", "--until", "accuracy=1").out.startswith("done in ")

    @pytest.mark.parametrize(
        ("goal", "words"),
        [("acuracy=0.9", "did you mean `accuracy`?"), ("accuracy", "key=value"), ("accuracy=x", "needs a number")],
    )
    def test_a_wrong_goal(self, capsys, folder, goal, words):
        answer = ask(capsys, "run", "small.toml", "--until", goal)
        assert answer.code == 2
        assert words in answer.err


class TestVerify:
    def test_a_run_repeats(self, capsys, folder):
        ask(capsys, "run", "small.toml", "-q")
        path = f"runs/{results(folder).name}"
        count = len(read_events(results(folder)))
        first, *left_out = ask(capsys, "verify", path).out.splitlines()
        compared = f"rounds 1 to 6, {count} events and the files that follow from them, every one equal"
        assert first == f"same  {path}: {compared}"
        assert all(line.startswith("  not compared: ") for line in left_out)
        found = json.loads(ask(capsys, "verify", path, "--rounds", "3-4", "--json").out)
        assert (found["first"], found["last"], found["same"], found["difference"]) == (3, 4, True, None)

    def test_a_changed_number_is_found(self, capsys, folder):
        ask(capsys, "run", "small.toml", "-q")
        path = results(folder) / "events.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        place = next(i for i, line in enumerate(lines) if '"RoundEnded"' in line and '"round":4' in line)
        event = json.loads(lines[place])
        event["scores"]["accuracy"] = 0.123
        lines[place] = json.dumps(event, separators=(",", ":")) + "\n"
        path.write_text("".join(lines))
        answer = ask(capsys, "verify", results(folder))
        assert answer.code == 1
        told = ": first in events.jsonl: round 4, scoring\n  events.jsonl: round 4, scoring\n"
        told += "    scores.accuracy on record  0.123\n    scores.accuracy now        0."
        assert told in answer.out

    def test_a_spot_check_says_what_it_proves(self, capsys, folder):
        ask(capsys, "run", "small.toml", "-q")
        answer = ask(capsys, "verify", results(folder), "--spot", "2", "--spot-seed", "1")
        assert answer.code == 0
        assert "A single wrong round of 6 would have been found with a chance of 33% at least" in answer.out
        assert "5 or more would have been missed with 0.0% at most" in answer.out
        assert "--spot 2 --seed 1" in answer.out
        assert ask(capsys, "verify", results(folder), "--spot", "2", "--rounds", "1-2").code == 2
        assert ask(capsys, "verify", results(folder), "--spot-seed", "2").code == 2


class TestEndingEarly:
    @pytest.mark.parametrize(("error", "status", "code"), [(Interrupted, "interrupted", 130), (OSError, "failed", 1)])
    def test_what_was_done_is_kept_whatever_happens(self, capsys, folder, monkeypatch, error, status, code):
        from fedsim.runs.history import History

        real = History.__call__

        def breaking(self, event):
            if getattr(event, "round", 0) == 4:
                raise error
            real(self, event)

        monkeypatch.setattr(History, "__call__", breaking)
        answer = ask(capsys, "run", "small.toml", "-q")
        assert answer.code == code
        assert read_summary(results(folder))["status"] == status
        assert read_summary(results(folder))["rounds_done"] == 3
        monkeypatch.undo()
        monkeypatch.chdir(folder)
        assert ask(capsys, "resume", results(folder), "-q").code == 0
        assert ask(capsys, "verify", results(folder)).code == 0

    def test_an_interruption_before_the_first_round(self, capsys, folder, monkeypatch):
        import fedsim.engine

        def build_federation(*_):
            raise Interrupted

        monkeypatch.setattr(fedsim.engine, "build_federation", build_federation)
        answer = ask(capsys, "run", "small.toml", "-q")
        assert answer.code == 130
        assert answer.out.startswith("interrupted before the first round\n")

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
    def test_a_signal_ends_the_run_within_seconds(self, folder, number):
        text = SMALL.replace("rounds = 6", "rounds = 2000").replace("every = 2", "every = 1")
        (folder / "long.toml").write_text(text)
        command = [sys.executable, "-c", "from cli.app import main; main()", "run", "long.toml"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, **pipes, text=True, env=environment) as process:
            try:
                next(line for line in process.stdout if line.split()[:1] == ["5"])
                process.send_signal(number)
                begin = time.monotonic()
                out, err = process.communicate(timeout=60)
            finally:
                process.kill()
        assert time.monotonic() - begin < 10
        assert process.returncode == 130
        assert "finishing; Ctrl-C again to stop now" in err
        assert "Traceback" not in err
        assert "interrupted in " in out
        assert out.splitlines()[-1] == f"  go on: fedsim resume runs/{results(folder).name}"
        assert read_summary(results(folder))["status"] == "interrupted"

    def test_a_reader_that_leaves_ends_the_run_quietly(self, folder):
        (folder / "long.toml").write_text(SMALL.replace("rounds = 6", "rounds = 2000"))
        command = f"{sys.executable} -c 'from cli.app import main; main()' run long.toml --json | head -3"
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, env=environment, check=True, timeout=120
        )
        assert len(done.stdout.splitlines()) == 3
        assert "Traceback" not in done.stderr
        assert read_summary(results(folder))["status"] in {"failed", "interrupted"}


def test_a_keeper_without_a_folder_keeps_nothing(folder):
    from fedsim.engine import simulate
    from fedsim.scenario.load import load_scenario

    with simulate(load_scenario("small.toml")) as simulation:
        recorder = Recorder(None, simulation)
        recorder(next(simulation))
        recorder.broken_off("interrupted")
    assert not (folder / "runs").exists()


def test_quoted_hints():
    from pathlib import Path

    from cli.display.summary import kept, to_go_on

    assert kept(Path("my run"), ())[1].plain == "  repeat: fedsim verify 'my run'"
    assert to_go_on(Path("my run"), 3)[1].plain == "  go on: fedsim resume 'my run'"


@pytest.mark.parametrize(
    ("override", "shown"),
    [
        ("data.targets=label", "--set data.targets=label\n"),
        ("model=lenet5", "--set model=lenet5\n"),
        ("model.name=lenet5", "--set model.name=lenet5\n"),
        ("rounds=3", '  5 │ targets = "y"\n'),
    ],
)
def test_what_only_the_data_show_is_told_where_it_was_given(capsys, folder, override, shown):
    np.savez(folder / "mine.npz", inputs=np.random.default_rng(0).standard_normal((60, 3)), targets=np.arange(60) % 3)
    targets = "y" if override == "rounds=3" else "targets"
    (folder / "own.toml").write_text(f'model = "mlp"\n[data]\nname = "npz"\nfile = "mine.npz"\ntargets = "{targets}"\n')
    answer = ask(capsys, "run", "own.toml", "--no-save", "-q", "--set", override)
    assert answer.code == 2
    assert shown in answer.err
    assert "Traceback" not in answer.err
