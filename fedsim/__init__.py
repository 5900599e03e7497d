"""fedsim: the laboratory for Byzantine-robust federated learning.

    for event in fedsim.simulate(fedsim.load_scenario("scenarios/smoke.toml")):
        ...
    fedsim.aggregate("krum", updates, f=2)

Every name is imported when it is first used, so that `import fedsim` costs neither numpy nor torch.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fedsim import events
    from fedsim.drawing import draw
    from fedsim.engine import simulate
    from fedsim.errors import (
        ClientFailed,
        DataUnavailable,
        FedsimError,
        PluginFailed,
        Problem,
        ResultsConflict,
        RunFailed,
        ScenarioError,
        StorageFailed,
        UnknownName,
    )
    from fedsim.functional import aggregate, attack, preaggregate
    from fedsim.proof.attack_search import AttackSearch
    from fedsim.proof.breakdown import Breakdown
    from fedsim.proof.counterfactual import replay
    from fedsim.proof.fork import fork
    from fedsim.proof.leaderboard import leaderboard
    from fedsim.proof.pack import pack
    from fedsim.proof.verify_archive import verify_archive
    from fedsim.randomness import Stream
    from fedsim.runs.compared import compare
    from fedsim.runs.load import load_run
    from fedsim.runs.metrics_file import consume
    from fedsim.runs.perform import perform
    from fedsim.runs.queries import list_runs
    from fedsim.scenario.load import dump_scenario, load_scenario
    from fedsim.scenario.sections import Scenario
    from fedsim.study.perform import sweep
    from fedsim.study.protocol.review import review
    from fedsim.study.results import load_study

    __version__: str

__all__ = [
    "AttackSearch",
    "Breakdown",
    "ClientFailed",
    "DataUnavailable",
    "FedsimError",
    "PluginFailed",
    "Problem",
    "ResultsConflict",
    "RunFailed",
    "Scenario",
    "ScenarioError",
    "StorageFailed",
    "Stream",
    "UnknownName",
    "__version__",
    "aggregate",
    "attack",
    "compare",
    "consume",
    "draw",
    "dump_scenario",
    "events",
    "fork",
    "leaderboard",
    "list_runs",
    "load_run",
    "load_scenario",
    "load_study",
    "pack",
    "perform",
    "preaggregate",
    "replay",
    "review",
    "simulate",
    "sweep",
    "verify_archive",
]

_MODULES = {
    "functional": ("aggregate", "attack", "preaggregate"),
    "engine": ("simulate",),
    "errors": (
        "ClientFailed",
        "DataUnavailable",
        "FedsimError",
        "PluginFailed",
        "Problem",
        "ResultsConflict",
        "RunFailed",
        "ScenarioError",
        "StorageFailed",
        "UnknownName",
    ),
    "scenario.load": ("dump_scenario", "load_scenario"),
    "scenario.sections": ("Scenario",),
    "drawing": ("draw",),
    "runs.compared": ("compare",),
    "runs.load": ("load_run",),
    "runs.metrics_file": ("consume",),
    "runs.perform": ("perform",),
    "runs.queries": ("list_runs",),
    "proof.attack_search": ("AttackSearch",),
    "proof.breakdown": ("Breakdown",),
    "proof.counterfactual": ("replay",),
    "proof.fork": ("fork",),
    "proof.leaderboard": ("leaderboard",),
    "proof.pack": ("pack",),
    "proof.verify_archive": ("verify_archive",),
    "randomness": ("Stream",),
    "study.perform": ("sweep",),
    "study.protocol.review": ("review",),
    "study.results": ("load_study",),
}


# Before the first product that anybody makes: MKL's strict mode, in which a row of a product has the same bits wherever
# it lies in memory and whatever stands beside it.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("fedsim-byzantine")
    if name == "events":
        return import_module("fedsim.events")
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"fedsim.{module}"), name)
    raise AttributeError(f"module 'fedsim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
