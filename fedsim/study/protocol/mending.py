"""Lines that change a study: a key of its base, one more level of what it varies, other attackers."""

import copy
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fedsim.errors import Problem
from fedsim.scenario.build import decompose
from fedsim.study.axes import NAMED, Axis, Level
from fedsim.study.protocol.answers import Keys, Mend
from fedsim.study.protocol.subject import Subject

Adversary = dict[str, Any]
Changes = Mapping[str, Any]

WORDS = {"attacks": "attack", "aggregator": "rule"}
"""What an axis is called that varies a section, where not by the section's name."""
AS_GIVEN = "as_given"


def study_keys(subject: Subject, changes: Mapping[Keys, Any]) -> Mend:
    """Keys of the study itself; of a scenario, those of a study of it."""
    if subject.is_study:
        return Mend(subject.source, changes)
    file = Path(subject.source)
    whole = {("base",): file.name, **changes}
    return Mend(str(file.with_name(f"{file.stem}_study.toml")), whole, is_new=True)


def base_keys(subject: Subject, changes: Mapping[Keys, Any]) -> tuple[Mend, ...]:
    """Keys of the scenario, or of a study's base and of every level that sets them otherwise."""
    inline = subject.is_study and subject.base_file == subject.source
    in_base = {(*(("base",) if inline else ()), *keys): value for keys, value in changes.items()}
    in_levels: dict[Keys, Any] = {}
    out: list[Axis] = []
    for axis, keys in itertools.product(subject.axes, changes):
        levels = [level for level in axis.levels if keys in level.changes]
        if levels and axis.where[0] == "axes":
            out.append(axis)
        elif levels:
            in_levels |= {("variants", axis.name, level.label, *keys): changes[keys] for level in levels}
    gone = _taken_out(subject, out)
    if inline or not (in_levels or gone):
        return (Mend(subject.base_file, in_base | in_levels, gone),)
    return Mend(subject.base_file, in_base), Mend(subject.source, in_levels, gone)


def one_more(subject: Subject, section: str, label: str, changes: Changes) -> tuple[Mend, ...]:
    """One more level on the axis that varies a section of the scenario, or an axis for it."""
    axes = [axis for axis in subject.axes if axis.sets(section)]
    if len(axes) == 1 and axes[0].where[0] == "variants":
        (axis,) = axes
        kept = {_dotted(keys): value for keys, value in axis.levels[0].changes.items() if keys[0] not in changes}
        place = ("variants", axis.name, _unused(label, [level.label for level in axis.levels]))
        return (Mend(subject.source, {place: kept | dict(changes)}, _zip_out(subject, axes)),)
    if len(axes) == 1 and axes[0].keys == {(section,)} and changes.keys() == {section}:
        (axis,) = axes
        values = [level.changes[section,] for level in axis.levels]
        return (Mend(subject.source, {_names(axis.where): [*values, changes[section]]}, _zip_out(subject, axes)),)
    return (_collapsed(subject, section, label, changes, axes),)


def _collapsed(subject: Subject, section: str, label: str, changes: Changes, axes: Sequence[Axis]) -> Mend:
    """One axis of named variants in the place of those that set parts of a section."""
    others = [axis.name for axis in subject.axes if axis not in axes]
    word = _unused(WORDS.get(section, section), others)
    levels: dict[str, Changes] = dict(map(_merged, itertools.product(*(axis.levels for axis in axes))))
    if not axes:
        levels = {AS_GIVEN: {key: _given(subject, key) for key in changes}}
    levels = levels | {_unused(label, list(levels)): changes}
    keys: dict[Keys, Any] = {("variants", word, name): dict(value) for name, value in levels.items()}
    return study_keys(subject, keys) if not axes else Mend(subject.source, keys, _taken_out(subject, axes))


def _merged(levels: Iterable[Level]) -> tuple[str, Changes]:
    """Several levels as one."""
    levels = list(levels)
    label = re.sub(r"[^A-Za-z0-9_.\-]+", "_", "_".join(level.label for level in levels)).strip("_")
    return label, {_dotted(keys): value for level in levels for keys, value in level.changes.items()}


def attackers(subject: Subject, change: Callable[[Adversary], Adversary]) -> tuple[Mend, ...]:
    """Every adversary changed, wherever the study or the scenario names it; none where only parts of it are varied."""
    found: dict[Keys, Any] = {}
    for axis in subject.axes:
        whole = [level for level in axis.levels if ("attacks",) in level.changes]
        changed = [[change(copy.deepcopy(dict(each))) for each in level.changes["attacks",]] for level in whole]
        if axis.sets("attacks") and len(whole) < len(axis.levels) and not whole:
            return ()
        if whole and axis.where[0] == "axes":
            found[_names(axis.where)] = changed
        else:
            places = [("variants", axis.name, level.label, "attacks") for level in whole]
            pairs = zip(places, changed, whole, strict=True)
            found |= {place: new for place, new, level in pairs if new != list(level.changes["attacks",])}
    mends = [Mend(subject.source, found)] if found else []
    varied = any(axis.sets("attacks") for axis in subject.axes)
    if not varied and (given := subject.base.get("attacks")):
        return base_keys(subject, {("attacks",): [change(copy.deepcopy(dict(each))) for each in given]})
    return tuple(mends)


def apply(table: Mapping[str, Any], mend: Mend) -> dict[str, Any]:
    """A file's table with the keys set and taken out."""
    changed: dict[str, Any] = copy.deepcopy(dict(table))
    for keys in mend.takes_out:
        _take_out(changed, keys)
    for keys, value in mend.changes.items():
        node = changed
        for key in keys[:-1]:
            inner = node.get(key)
            node[key] = inner if isinstance(inner, dict) else {NAMED: inner} if isinstance(inner, str) else {}
            node = node[key]
        node[keys[-1]] = copy.deepcopy(value)
    return changed


def _take_out(table: dict[str, Any], keys: Keys) -> None:
    *above, last = keys
    node: Any = table
    for key in above:
        node = node.get(key, {})
    node.pop(last, None)


def _taken_out(subject: Subject, axes: Sequence[Axis]) -> tuple[Keys, ...]:
    """Axes, and what speaks of them elsewhere in the study."""
    if not axes:
        return ()
    asked, names = subject.table.get("statistics", {}), {axis.name for axis in axes}
    spoken = [("statistics", key) for key in ("compare", "worst_over") if asked.get(key) in names]
    spoken += [("statistics", "reference")] if ("statistics", "compare") in spoken and "reference" in asked else []
    excluded = [("exclude",)] if any(names & each.keys() for each in subject.table.get("exclude", [])) else []
    return (*(_names(axis.where) for axis in axes), *_zip_out(subject, axes), *excluded, *spoken)


def _zip_out(subject: Subject, axes: Sequence[Axis]) -> tuple[Keys, ...]:
    """Axes in step cannot have more levels one by one."""
    names = {axis.name for axis in axes}
    return (("zip",),) if any(names & {*group} for group in subject.table.get("zip", [])) else ()


def _given(subject: Subject, key: str) -> Any:
    """What the base says of a section, its usual value where it says nothing."""
    if key in subject.base:
        return subject.base[key]
    usual = decompose(subject.cases[0].scenario)[key]
    return usual[NAMED] if isinstance(usual, Mapping) else usual


def _unused(word: str, taken: Sequence[str]) -> str:
    """The word, or the first with a number that nothing else has."""
    words = itertools.chain([word], (f"{word}_{number}" for number in itertools.count(2)))
    return next(each for each in words if each not in taken)


def _names(where: Iterable[str | int]) -> Keys:
    return tuple(map(str, where))


def _dotted(keys: tuple[str | int, ...]) -> str:
    return Problem(keys, "").where
