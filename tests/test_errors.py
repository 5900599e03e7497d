"""Messages are interface, and an error crosses a process border whole."""

import pickle

import pytest

from fedsim.errors import (
    ClientFailed,
    DataUnavailable,
    FedsimError,
    Problem,
    ResultsConflict,
    RunFailed,
    ScenarioError,
    StorageFailed,
    UnknownName,
    did_you_mean,
)

ROUNDS = Problem(("roundz",), "unknown key; did you mean `rounds`?", 40, line=4, column=1, width=6)
KNOWN = ["krum", "median", "trimmed_mean"]


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ((), "scenario"),
        (("rounds",), "rounds"),
        (("training", "optimizer", "lr"), "training.optimizer.lr"),
        (("attacks", 0, "fraction"), "attacks[0].fraction"),
        (("attacks", 1, "ids", 2), "attacks[1].ids[2]"),
        ((0, "name"), "[0].name"),
    ],
)
def test_a_path_reads_as_a_person_writes_it(path, where):
    assert Problem(path, "is wrong").where == where


def test_a_scenario_error_lists_every_problem():
    error = ScenarioError([ROUNDS, Problem(("attacks", 0), "is wrong")], "mine.toml")
    assert str(error) == (
        "mine.toml: 2 problems\n  roundz: unknown key; did you mean `rounds`?\n  attacks[0]: is wrong"
    )


def test_one_problem_is_counted_in_the_singular():
    assert str(ScenarioError([ROUNDS])).startswith("scenario: 1 problem\n")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("krumm", "; did you mean `krum`?"),
        ("trimmed-mean", "; did you mean `trimmed_mean`?"),
        ("medain", "; did you mean `median`?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_the_nearest_word_is_offered_when_one_is_near(word, hint):
    assert did_you_mean(word, iter(KNOWN)) == hint


def test_an_unknown_name_says_what_it_may_have_been_and_where_to_look():
    error = UnknownName("rule", "krumm", KNOWN, "fedsim list aggregators")
    assert str(error) == "unknown rule `krumm`; did you mean `krum`? (fedsim list aggregators)"
    assert str(UnknownName("rule", "zzz", [])) == "unknown rule `zzz`"
    assert isinstance(error, LookupError)


def test_a_failed_client_is_named_with_its_round():
    assert str(ClientFailed(3, [4, 5], "the loss is NaN")) == "round 3, clients 4, 5: the loss is NaN"


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (ScenarioError([ROUNDS], "mine.toml", "roundz = 40"), 2),
        (UnknownName("rule", "krumm", KNOWN, "fedsim list aggregators"), 2),
        (DataUnavailable("no mnist in data/"), 1),
        (RunFailed("stopped"), 1),
        (ClientFailed(3, [4, 5], "the loss is NaN"), 1),
        (StorageFailed("runs/a: no space left"), 1),
        (ResultsConflict("runs/a is in use"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_its_exit_code_and_survives_pickling(error, exit_code):
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert isinstance(error, FedsimError)
    assert error.exit_code == exit_code
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_the_tree_is_as_drawn():
    assert ClientFailed.__bases__ == StorageFailed.__bases__ == (RunFailed,)
    for error in (ScenarioError, UnknownName, DataUnavailable, RunFailed, ResultsConflict):
        assert error.__mro__[1] is FedsimError
