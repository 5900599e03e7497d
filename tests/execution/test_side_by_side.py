"""Long jobs in processes of their own: answered as they end, and a dying worker takes no other job with it."""

import os
import time

import pytest

from fedsim.execution.side_by_side import side_by_side


def steps(function, jobs, workers=2):
    return [(step.kind, step.job, step.result) for step in side_by_side(function, jobs, workers)]


def square(job):
    return job * job


def asleep(job):
    time.sleep(job / 10)
    return job


def fatal(job):
    if job == 2:
        os._exit(3)
    time.sleep(0.05)
    return job


def failing(job):
    raise ValueError(f"no {job}")


def test_every_job_is_started_and_answered_once():
    found = steps(square, [1, 2, 3, 4, 5])
    assert sorted(result for kind, _, result in found if kind == "answered") == [1, 4, 9, 16, 25]
    assert [job for kind, job, _ in found if kind == "started"] == [1, 2, 3, 4, 5]


def test_no_more_are_handed_out_than_there_are_workers():
    running, most = 0, 0
    for step in side_by_side(asleep, [3, 1, 1, 1], 2):
        running += 1 if step.kind == "started" else -1
        most = max(most, running)
    assert most == 2


def test_a_worker_that_dies_is_told_of_its_own_job_only():
    found = steps(fatal, [1, 2, 3, 4, 5])
    assert [job for kind, job, _ in found if kind == "died"] == [2]
    assert sorted(job for kind, job, _ in found if kind == "answered") == [1, 3, 4, 5]
    assert sorted(job for kind, job, _ in found if kind == "started") == [1, 2, 3, 4, 5]


def test_what_a_job_raises_is_raised_here():
    with pytest.raises(ValueError, match="no 1"):
        steps(failing, [1])


def test_jobs_that_are_not_taken_are_not_begun():
    taken = []

    def jobs():
        for job in range(100):
            taken.append(job)
            yield job

    for step in side_by_side(square, jobs(), 2):
        if step.kind == "answered":
            break
    assert len(taken) <= 4
