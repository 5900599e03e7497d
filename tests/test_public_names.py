"""What `import fedsim` offers, name by name: an addition or a loss is a decision."""

import pytest

import fedsim

PUBLIC = {
    *(
        "simulate",
        "consume",
        "compare",
        "draw",
        "list_runs",
        "load_run",
        "load_scenario",
        "perform",
        "replay",
        "review",
        "fork",
        "pack",
        "AttackSearch",
        "Breakdown",
        "leaderboard",
        "verify_archive",
        "sweep",
        "load_study",
        "dump_scenario",
        "Scenario",
        "Stream",
        "events",
        "__version__",
    ),
    *("aggregate", "attack", "preaggregate"),
    *(
        "FedsimError",
        "ScenarioError",
        "Problem",
        "UnknownName",
        "PluginFailed",
        "DataUnavailable",
        "RunFailed",
        "ClientFailed",
    ),
    *("ResultsConflict", "StorageFailed"),
}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_there(name):
    assert getattr(fedsim, name)


def test_the_public_names_are_these():
    assert set(fedsim.__all__) == PUBLIC
    assert set(dir(fedsim)) >= PUBLIC
    assert fedsim.events.RunStarted.__module__ == "fedsim.events"
    assert fedsim.__version__[0].isdigit()


def test_any_other_name_is_no_attribute():
    with pytest.raises(AttributeError, match="module 'fedsim' has no attribute 'simulates'"):
        _ = fedsim.simulates
