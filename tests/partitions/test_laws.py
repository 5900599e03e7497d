"""Every registered partition keeps the laws, whoever wrote it; one that cannot has confessed."""

from typing import Literal, get_args, get_origin

import numpy as np
import pytest
from annotated_types import Ge, Gt, Le
from hypothesis import given
from hypothesis import strategies as st

from fedsim.partitions.contract import DEFAULT_CLIENTS, partitions
from fedsim.randomness import Stream
from fedsim.registry import Entry

ENTRIES = list(partitions)
TRUE = [entry for entry in ENTRIES if "partition" not in entry.breaks]


def by_name(entries):
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)


@st.composite
def worlds(draw):
    """Labels, owners, a number of clients and a stream, from tidy to nearly empty."""
    classes = draw(st.integers(1, 12))
    examples = draw(st.integers(1, 120))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    targets = generator.integers(0, classes, examples)
    owners = generator.integers(0, draw(st.integers(1, 20)), examples)
    clients = draw(st.none() | st.integers(1, 130))
    return targets, owners, classes, clients, Stream.root(draw(st.integers(0, 1000)))


def choices(entry: Entry):
    """Settings within their declared bounds; a required one is always given, another sometimes."""
    required = {name: values(s.annotation) for name, s in entry.settings.items() if s.required}
    optional = {name: values(s.annotation) for name, s in entry.settings.items() if not s.required}
    return st.fixed_dictionaries(required, optional=optional)


def values(annotation):
    kind, *extras = get_args(annotation)
    bounds = dict.fromkeys(("low", "high"))
    for extra in extras:
        bounds["low"] = getattr(extra, "ge", getattr(extra, "gt", bounds["low"]))
        bounds["high"] = getattr(extra, "le", getattr(extra, "lt", bounds["high"]))
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if kind is bool:
        return st.booleans()
    if kind is int:
        low = bounds["low"] if bounds["low"] is not None else 0
        return st.integers(low, min(bounds["high"] or low + 4, low + 4))
    open_low = any(isinstance(extra, Gt) for extra in extras)
    assert any(isinstance(extra, (Ge, Gt, Le)) for extra in extras), f"no bounds on {annotation}"
    return st.floats(bounds["low"], min(bounds["high"] or 100.0, 1e6), exclude_min=open_low)


def divide(entry, federation, settings):
    targets, owners, classes, clients, stream = federation
    supplied = {"targets": targets, "owners": owners, "classes": classes, "clients": clients, "stream": stream}
    return entry.function(**{name: supplied[name] for name in entry.supplied}, **settings)


@by_name(TRUE)
@given(federation=worlds(), data=st.data())
def test_disjoint_complete_and_nobody_empty_or_a_clear_refusal(entry, federation, data):
    targets, clients = federation[0], federation[3]
    try:
        split = divide(entry, federation, data.draw(choices(entry)))
    except ValueError as refusal:
        assert len(str(refusal)) > 20
        return
    assert clients is None or len(split) == clients
    parts = [split[client] for client in range(len(split))]
    assert min(map(len, parts)) >= 1
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(targets)))


@by_name(TRUE)
def test_does_divide_an_ordinary_world(entry):
    targets, owners = np.arange(3000) % 10, np.arange(3000) % 150
    split = divide(entry, (targets, owners, 10, 50, Stream.root(1)), required(entry))
    assert len(split) == 50


@by_name(ENTRIES)
@given(federation=worlds(), data=st.data())
def test_same_address_same_split(entry, federation, data):
    settings = data.draw(choices(entry))
    try:
        first = divide(entry, federation, settings)
    except ValueError:
        return
    again = divide(entry, federation, settings)
    for client in {0, len(first) // 2, len(first) - 1}:
        np.testing.assert_array_equal(first[client], again[client])


@by_name(ENTRIES)
@given(federation=worlds(), data=st.data())
def test_inputs_may_be_read_only_and_indices_are_good(entry, federation, data):
    targets, owners, *rest = federation
    for array in (targets, owners):
        array.flags.writeable = False
    try:
        split = divide(entry, (targets, owners, *rest), data.draw(choices(entry)))
    except ValueError:
        return
    held = split[len(split) - 1]
    assert held.dtype == np.int64
    assert held.min() >= 0 and held.max() < len(targets)
    assert len(np.unique(held)) == len(held)


@by_name(ENTRIES)
def test_another_address_is_another_split(entry):
    targets, owners = np.arange(3000) % 10, np.arange(3000) % 150
    splits = [divide(entry, (targets, owners, 10, 50, Stream.root(seed)), required(entry)) for seed in (1, 2)]
    assert any(not np.array_equal(splits[0][client], splits[1][client]) for client in range(50))


@by_name([entry for entry in TRUE if "clients" in entry.supplied and "owners" not in entry.supplied])
def test_a_population_left_open_is_a_hundred(entry):
    federation = (np.arange(3000) % 10, None, 10, None, Stream.root(1))
    assert len(divide(entry, federation, required(entry))) == DEFAULT_CLIENTS


@by_name([entry for entry in ENTRIES if entry.breaks])
def test_a_confessed_break_is_real(entry):
    assert set(entry.breaks) == {"partition"}
    federation = (np.arange(100) % 10, np.arange(100) % 20, 10, 20, Stream.root(1))
    split = divide(entry, federation, required(entry))
    held = np.concatenate([split[client] for client in range(len(split))])
    assert len(np.unique(held)) < len(held)


@by_name(ENTRIES)
def test_documented(entry):
    assert "Formula" in entry.sections
    assert all(setting.meaning for setting in entry.settings.values())


def required(entry):
    return {name: 0.5 for name, setting in entry.settings.items() if setting.required}
