"""The live table in a terminal: a pseudo-terminal with a screen behind it that can be read."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pyte
import pytest

from tests.cli.recorded_run import SMALL

MAIN = "from cli.app import main; main()"


def seen(columns, rows, arguments, folder, **environment):
    """What stands on the screen when the command has ended, every byte it wrote, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    settings = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES", "NO_COLOR"}}
    settings |= {"TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    command = [sys.executable, "-c", MAIN, *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=settings) as process:
        os.close(theirs)
        written = _read(ours)
    screen = pyte.Screen(columns, rows)
    pyte.ByteStream(screen).feed(written)
    return [line.rstrip() for line in screen.display], written, process.returncode


def _read(ours):
    pieces = []
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end was closed
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(ours)
    return b"".join(pieces)


@pytest.fixture
def folder(tmp_path):
    text = SMALL.replace("rounds = 6", "rounds = 60").replace("every = 2", "every = 1")
    (tmp_path / "small.toml").write_text(text)
    return tmp_path


@pytest.mark.parametrize(("columns", "rows", "colour"), [(80, 24, {}), (160, 50, {}), (60, 16, {"NO_COLOR": "1"})])
def test_the_screen_at_the_end(folder, columns, rows, colour):
    lines, written, code = seen(columns, rows, ["run", "small.toml"], folder, **colour)
    shown = "\n".join(lines)
    assert code == 0
    assert " 60/60  100 %" in shown
    assert "accuracy" in shown
    assert "done in " in shown
    numbers = [int(line.split()[0]) for line in lines if line[:6].strip().isdigit()]
    assert numbers == list(range(61 - len(numbers), 61)), shown  # the last rounds, none twice, none missing
    assert shown.count("weight on Byz.") <= 1
    assert written.endswith(b"\r\n")
    assert written.count(b"\x1b[?25l") == written.count(b"\x1b[?25h")  # the cursor is given back
    assert (b"\x1b[36m" in written) == (not colour)


def test_a_comparison_in_a_terminal(folder):
    (folder / "mean.toml").write_text(SMALL.replace('"trimmed_mean"\nf = 2', '"fedavg"'))
    lines, _, code = seen(80, 30, ["compare", "mean.toml", "small.toml"], folder)
    assert code == 0
    assert any(line.endswith("100 %") for line in lines)
    assert sum(line.startswith(" scenario") for line in lines) == 1
    assert sum(line.startswith(" round") for line in lines) <= 1
