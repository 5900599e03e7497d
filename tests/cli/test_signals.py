"""Ctrl-C, without a keyboard: signals this process sends itself."""

import os
import signal
import time

import pytest

from cli.signals import Interrupted, Stopping
from tests.cli.recorded_run import tale


def press(number=signal.SIGINT):
    os.kill(os.getpid(), number)
    time.sleep(0.01)


def test_nothing_happens_when_nothing_is_pressed():
    with Stopping() as stopping:
        assert list(stopping.following(iter(tale()))) == list(tale())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_round_is_let_end(number):
    asked, seen = [], []
    with Stopping(lambda: asked.append(True)) as stopping:
        for event in stopping.following(iter(tale())):
            seen.append(event)
            if len(seen) == 3:
                press(number)
    assert seen == list(tale())[:6]  # to the end of the first round
    assert asked == [True]


def test_a_round_that_does_not_end_is_broken_off():
    def endless():
        yield from list(tale())[:3]
        press()
        while True:
            time.sleep(0.001)

    begin = time.monotonic()
    with Stopping(grace=0.05) as stopping, pytest.raises(Interrupted):
        list(stopping.following(endless()))
    assert time.monotonic() - begin < 5


def test_the_second_time_means_now():
    def stubborn():
        yield from list(tale())[:3]
        press()
        press()
        while True:
            time.sleep(0.001)

    with Stopping(grace=600) as stopping, pytest.raises(Interrupted):
        list(stopping.following(stubborn()))


def test_a_sink_is_never_broken_off_by_the_end_of_the_grace():
    seen = []
    with Stopping(grace=0.01) as stopping:
        for event in stopping.following(iter(tale())):
            seen.append(event)
            if len(seen) == 6:  # the end of a round
                press()
                time.sleep(0.1)  # writing files, say
    assert len(seen) == 6


def test_cleaning_up_is_let_end():
    with Stopping(grace=600) as stopping:
        for _ in stopping.following(iter(tale())):
            if not stopping.requested:
                press()
        press()  # the second time, when only the cleaning up is left


def test_handlers_are_given_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
    with Stopping(grace=0.01) as stopping:
        list(stopping.following(iter(tale())))
        press()
    time.sleep(0.05)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)] == before
