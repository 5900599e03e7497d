"""The signature is the declaration: what the registry reads from it, and what it refuses at the decoration."""

import sys
from typing import Annotated, Literal

import pytest
from annotated_types import Ge

from fedsim.errors import UnknownName
from fedsim.registry import REQUIRED, Registry, registries
from fedsim.scenario.validation import check_settings

ENTRIES = [(family, entry) for family, registry in registries().items() for entry in registry]
every_entry = pytest.mark.parametrize(
    "entry", [entry for _, entry in ENTRIES], ids=[f"{family}-{entry.name}" for family, entry in ENTRIES]
)
LITERATURE = ("aggregators", "preaggregators", "attacks", "metrics")


def blend(updates, counts, *, share: Annotated[float, Ge(0), "how much"] = 0.5, mode: Literal["a", "b"]):
    """Blend the rows.

    Formula:
        Σ x
            indented
        second line

    Assumes:
        n ≥ 1.
    Not a title because of its spaces:
    Source:
        Somebody, 2020.
    """


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A family of the test's own, its package on disk."""
    package = tmp_path / "family_of_this_test"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield Registry("blends", "blend", "family_of_this_test", {"updates": "rows", "counts": "how many"})
    for name in [name for name in sys.modules if name.startswith("family_of_this_test")]:
        del sys.modules[name]


def test_what_stands_before_the_star_is_supplied_and_what_stands_after_it_is_set(registry):
    registry.register("blend", blend, aliases=("mix",), needs="n ≥ 1", breaks={"law": "why"}, trait=7)
    entry = registry["blend"]
    assert entry.supplied == ("updates", "counts")
    assert list(entry.settings) == ["share", "mode"]
    assert (entry.needs, entry.breaks, entry.traits) == ("n ≥ 1", {"law": "why"}, {"trait": 7})
    share, mode = entry.settings.values()
    assert (share.default, share.meaning, share.required) == (0.5, "how much", False)
    assert (mode.default, mode.meaning, mode.required) == (REQUIRED, "", True)


def test_the_docstring_is_the_page(registry):
    registry.register("blend", blend)
    entry = registry["blend"]
    assert entry.summary == "Blend the rows"
    assert list(entry.sections) == ["Formula", "Assumes", "Source"]
    assert entry.sections["Formula"] == "Σ x\n    indented\nsecond line"
    assert entry.sections["Source"] == "Somebody, 2020."


def test_an_alias_is_the_same_entry_and_is_listed_once(registry):
    registry.register("blend", blend, aliases=("mix", "stir"))
    assert registry["mix"] is registry["blend"]
    assert "stir" in registry
    assert "shake" not in registry
    assert [entry.name for entry in registry] == ["blend"]
    assert registry.names() == ("blend", "mix", "stir")


def test_an_unknown_name_is_an_error_with_the_nearest(registry):
    registry.register("blend", blend, aliases=("mix",))
    with pytest.raises(UnknownName, match=r"unknown blend `blent`; did you mean `blend`\? \(fedsim list blends\)"):
        registry["blent"]


def asks_for_weather(updates, weather): ...
def takes_any_setting(updates, **settings): ...
def takes_any_item(*updates): ...
def hides_names(updates, /): ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (asks_for_weather, r"blend `bad` asks for `weather`, .* it supplies updates, counts \(settings go after"),
        (takes_any_setting, r"blend `bad` takes \*settings: name every setting"),
        (takes_any_item, r"blend `bad` takes \*updates: name every setting"),
        (hides_names, "blend `bad` hides the name of `updates`"),
    ],
)
def test_a_signature_that_cannot_be_served_is_refused_at_once(registry, function, message):
    with pytest.raises(TypeError, match=message):
        registry.register("bad", function)
    assert "bad" not in registry


def test_a_name_belongs_to_one_function(registry):
    registry.register("blend", blend, aliases=("mix",))
    registry.register("blend", blend, aliases=("mix",))  # a module imported anew
    for name, aliases in (("blend", ()), ("other", ("mix",))):
        with pytest.raises(TypeError, match=r"is registered twice: also as .*test_registry\.blend"):
            registry.register(name, lambda updates: updates, aliases=aliases)


def test_every_module_of_the_package_is_found(registry, tmp_path):
    (tmp_path / "family_of_this_test" / "found.py").write_text("loaded = True\n")
    assert registry.names() == ()
    assert sys.modules["family_of_this_test.found"].loaded


def test_a_family_that_fails_to_load_fails_every_time(registry, tmp_path):
    broken = tmp_path / "family_of_this_test" / "broken.py"
    broken.write_text("raise RuntimeError('half')\n")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="half"):
            registry["blend"]


def test_there_is_a_registry_for_every_family():
    assert set(registries()) == {
        *("aggregators", "preaggregators", "attacks", "datasets", "partitions", "models", "local_algorithms"),
        *("optimizers", "server_optimizers", "schedules", "latencies", "workloads", "availabilities", "metrics"),
        "trackers",
    }
    for family, found in registries().items():
        assert found.family == family
        assert all(item.meaning.strip() and item.name == name for name, item in found.supplies.items())
        assert len(list(found)) >= 1


@every_entry
def test_every_entry_says_what_it_does(entry):
    assert 10 < len(entry.summary) < 110
    assert "\n" not in entry.summary


@every_entry
def test_every_section_of_a_docstring_is_known_and_filled(entry):
    assert set(entry.sections) <= {"Formula", "Assumes", "Breakdown", "Cost", "Differs", "Source", "Example"}
    assert all(entry.sections.values())
    if entry.family in LITERATURE and entry.sections:  # one line alone is a draft, and a page is whole
        assert "Formula" in entry.sections


@every_entry
def test_every_setting_says_what_it_means(entry):
    for setting in entry.settings.values() if entry.sections else ():
        assert len(setting.meaning) > 5, setting.name


@every_entry
def test_every_default_is_allowed_by_its_own_annotation(entry):
    defaults = {s.name: s.default for s in entry.settings.values() if not s.required and s.default is not None}
    _, problems = check_settings(entry, defaults)
    assert [p for p in problems if p.path[0] in defaults] == []


@every_entry
def test_no_setting_takes_a_name_that_stands_beside_it(entry):
    """In a scenario's table, and among the keywords of the library door."""
    beside = {"name", "nonfinite", "seed", "stream"}
    if entry.family == "attacks":
        beside |= {"count", "fraction", "ids", "start", "stop", "every", "knowledge"}
    assert not beside & set(entry.settings)


@every_entry
def test_names_are_plain_words(entry):
    for name in (entry.name, *entry.aliases):
        assert name == name.lower()
        assert name.isidentifier()
