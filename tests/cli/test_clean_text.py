"""What may reach a terminal, whoever wrote it and whatever the terminal can show."""

import io
import json
import os
import subprocess
import sys

import pytest
from rich.text import Text

from cli.display.consoles import CleanConsole, show
from fedsim.clean_text import FALLBACK, clean, json_text, let_nothing_fail_to_show, one_line
from tests.cli.recorded_run import SMALL, ask

HOSTILE = "a\x1b[2J\x9b31m\u202eb\x07\x7fc"
SEEN = "a␛[2J�31m�b␇␡c"
STEERING = ("\x1b", "\x9b", "\u202e", "\x07", "\x7f")


def no_steering(text):
    return not any(letter in text for letter in STEERING)


def test_each_sign_takes_the_place_of_one_letter():
    assert clean(HOSTILE) == SEEN
    assert len(SEEN) == len(HOSTILE)
    assert clean("é漢 ▲\u00a0·") == "é漢 ▲ ·"
    assert one_line("two\nlines\tand\x1b") == "two lines and␛"


def test_json_escapes_what_is_not_visible_and_means_the_same():
    value = {"name": HOSTILE, "list": [1, None, "é·\u2028"]}
    for encoding in ("utf-8", "ascii", "latin-1"):
        text = json_text(value, encoding, indent=1)
        assert no_steering(text)
        assert text.encode(encoding)
        assert json.loads(text) == value


def test_a_console_steers_by_its_own_commands_only():
    console = CleanConsole(file=io.StringIO(), force_terminal=True, color_system="standard", width=60)
    show([Text(f"x{HOSTILE}", style="red")], console)
    assert console.file.getvalue() == f"\x1b[31mx{SEEN.replace('␇', '')}\x1b[0m\n"  # rich itself drops the bell


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_every_letter_has_something_to_stand_in_for_it(encoding):
    let_nothing_fail_to_show()
    text = "Σλ · ≥ … é 漢 ━╸ ▲ \udcff"
    assert text.encode(encoding, FALLBACK)
    if encoding == "ascii":
        assert text.encode(encoding, FALLBACK) == b"sumlambda - >= ... e ? => ^ ?"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "ascii:strict"])
@pytest.mark.parametrize(
    "arguments",
    [["explain", "krum"], ["list", "aggregators"], ["check", "small.toml"], ["init", "new.toml"], ["run", "--help"],
     ["list", "--json"], ["check", "no·file.toml"]],
)  # fmt: skip
def test_an_output_of_few_letters_is_no_failure(folder, encoding, arguments):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", "from cli.app import main; main()", *arguments]
    ended = subprocess.run(command, capture_output=True, env=environment, timeout=120, check=False)
    assert ended.returncode == (2 if "no·file.toml" in arguments else 0), ended.stderr
    assert b"internal error" not in ended.stderr
    (ended.stdout + ended.stderr).decode(encoding.partition(":")[0])


class TestHostileNames:
    def test_in_a_scenario(self, capsys, folder):
        text = SMALL.replace("# Does the small one run?", f"# {HOSTILE}").replace(
            'name = "digits"', 'name = "di\\u001bg"'
        )
        (folder / "small.toml").write_text(text)
        said = ask(capsys, "check", "small.toml").err
        assert no_steering(said)
        assert "␛" in said
        assert no_steering(ask(capsys, "check", "small.toml", "--json").out)

    def test_in_a_question(self, capsys, folder):
        (folder / "small.toml").write_text('question = "line\\none\\u001b[2J"\n' + SMALL)
        out = ask(capsys, "check", "small.toml").out
        assert out.splitlines()[0] == "small.toml: small · line one␛[2J"

    @pytest.mark.parametrize("command", ["run", "check", "resume", "verify", "compare"])
    def test_in_a_path(self, capsys, folder, command):
        answer = ask(capsys, command, HOSTILE, *([HOSTILE] if command == "compare" else []))
        assert answer.code in (1, 2)
        assert no_steering(answer.out + answer.err)

    @pytest.mark.parametrize("arguments", [[f"--{HOSTILE}"], [HOSTILE], ["list", HOSTILE], ["list", "a", HOSTILE]])
    def test_on_the_command_line(self, capsys, folder, arguments):
        answer = ask(capsys, *arguments)
        assert answer.code == 2
        assert no_steering(answer.out + answer.err)
