"""`fedsim new`: each starter works as it is written, tests and all, and writes over nothing."""

import subprocess
import sys

import pytest

from cli.commands.new import KINDS
from fedsim.laws import check_file
from tests.cli.recorded_run import ask


@pytest.mark.parametrize("kind", KINDS)
def test_a_starter_keeps_its_laws_and_runs(own, tmp_path, capsys, kind):
    answer = ask(capsys, "new", kind, "started.py")
    assert answer.code == 0
    assert answer.out.splitlines()[0].startswith("started.py and test_started.py written: ")
    assert [line.split()[:2] for line in answer.out.splitlines()[1:]] == [
        ["fedsim", "explain"], ["fedsim", "laws"], ["python", "-m"], ["fedsim", "run"],
    ]  # fmt: skip
    verdicts = check_file("started.py")
    assert [str(verdict) for verdict in verdicts if verdict.outcome in ("broken", "not tried")] == []
    assert verdicts or kind in ("local-algorithm", "tracker")
    assert ask(capsys, "explain", "started", "--plugin", "started.py").code == 0
    line = KINDS[kind].line("started")
    small = ["--set", "rounds=1", "--set", "execution.workers=1"]
    assert ask(capsys, "run", "smoke", "--plugin", "started.py", "--set", line, *small, "--no-save", "-q").code == 0


def test_the_tests_of_a_starter_pass_where_they_lie(own, tmp_path, capsys):
    ask(capsys, "new", "rule", "started.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_started.py"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout
    assert "10 passed" in ended.stdout


def test_nothing_is_written_over(own, capsys):
    own("started.py", "years of work")
    answer = ask(capsys, "new", "rule", "started.py")
    assert (answer.code, answer.err) == (1, "error: started.py exists: name another file, or move it away\n")
    own("test_other.py", "years of work")
    assert ask(capsys, "new", "rule", "other.py").code == 1
    assert not (own("x.txt", "").parent / "other.py").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rul", "x.py"], "there is no starter for 'rul'; did you mean `rule`?"),
        (["weather", "x.py"], "there is no starter for 'weather'; one of rule, preaggregator, attack"),
        (["rule", "x.txt"], "a file of Python ends in .py, got x.txt"),
    ],
)
def test_what_cannot_be_started_is_said(own, capsys, arguments, message):
    answer = ask(capsys, "new", *arguments)
    assert answer.code == 2
    assert message in " ".join(answer.err.split())


@pytest.mark.parametrize(
    ("file", "name"), [("krum.py", "my_krum"), ("3d-mean.py", "my_3d_mean"), ("class.py", "my_class")]
)
def test_the_name_is_a_word_that_is_free(own, capsys, file, name):
    assert f"`{name}`" in ask(capsys, "new", "rule", file).out
