"""summary.json: what a run was asked and what it ended as, for readers who want one small file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fedsim.atomic_files import read_plain
from fedsim.events import RunEnded, RunStarted
from fedsim.provenance import host, versions
from fedsim.runs.event_json import event_record
from fedsim.runs.inventory import SUMMARY
from fedsim.scenario.build import decompose, settings_of
from fedsim.scenario.labels import labels
from fedsim.scenario.load import scenario_digest
from fedsim.scenario.sections import Scenario

MOST_BYTES = 2**25
LABELS = "labels"
"""Rule, attack, partition, data and model with their settings, the same in runs that differ in the seed alone."""
LEDGER = "ledger"
"""What the rule did with whom, of a finished run."""
MACHINE = ("versions", "host", "wall")
"""What depends on where and when a run was made rather than on its scenario."""
ADDED_FIELDS = ("guarantee_broken", LABELS, LEDGER)
"""What summaries of older runs do not hold."""
UNFINISHED = ("running", "interrupted", "stopped", "failed")


def asked(scenario: Scenario) -> dict[str, Any]:
    """What a run was asked: its names at a glance, and every setting that its record depends on."""
    return {
        "name": scenario.name,
        "question": scenario.question,
        "scenario": scenario_digest(scenario),
        "seed": scenario.seed,
        "data": scenario.data.name,
        "partition": scenario.partition.name,
        "model": scenario.model.name,
        "attacks": [each.name for each in scenario.attacks],
        "rule": scenario.aggregator.name,
        "preaggregators": [each.name for each in scenario.preaggregators],
        LABELS: labels(scenario),
        "settings": recorded_settings(scenario),
    }


def recorded_settings(scenario: Scenario) -> dict[str, Any]:
    """Every setting that the record of a run depends on, by its dotted path."""
    return {"name": scenario.name} | settings_of(scenario) | {"execution.batch": decompose(scenario.execution)["batch"]}


def unfinished(status: str, rounds_done: int | None = None) -> dict[str, Any]:
    """How far a run got."""
    return {"status": status} if rounds_done is None else {"status": status, "rounds_done": rounds_done}


def finished(started: RunStarted, ended: RunEnded, ledger: Mapping[str, Any]) -> dict[str, Any]:
    """What a whole run ended as."""
    record = event_record(ended)
    sizes = {name: getattr(started, name) for name in ("train", "root", "validation", "test")}
    told = {key: value for key, value in record.items() if key not in ("event", "wall")}
    added = {"guarantee_broken": ended.guarantee_broken, LEDGER: dict(ledger)}
    return {"status": "finished", "examples": sizes} | told | added


def summary_text(body: Mapping[str, Any], wall: Mapping[str, Any] | None = None) -> str:
    """The file: the body, then what depends on the machine."""
    return written({**body, "versions": versions(), "host": host(), "wall": dict(wall or {})})


def written(summary: Mapping[str, Any]) -> str:
    """A summary as a run writes it."""
    return json.dumps(summary, indent=2) + "\n"


def read_summary(path: Path) -> dict[str, Any]:
    """The summary of a results folder; empty where there is none that can be read."""
    try:
        summary = json.loads(read_plain(path / SUMMARY, MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return summary if isinstance(summary, dict) else {}
