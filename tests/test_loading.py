"""TOML text in, exact messages out; and what goes in comes back."""

import string
from pathlib import Path

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from fedsim.errors import ScenarioError
from fedsim.loading import dump_scenario, load_scenario, parse_scenario, scenario_digest

WHOLE = """\
# Does it survive?
seed = 7
rounds = 12
preaggregators = [{ name = "nnm", f = 2 }, { name = "clip", norm = 1.5 }]

[data]
name = "digits"

[clients]
population = 40
deadline = 2.5
latency = { name = "uniform", low = 0.5, high = 2 }

[[attacks]]
name = "noise"
mode = "own"
fraction = 0.1
stop = 9

[[attacks]]
name = "label_flip"
ids = [0, 39]

[aggregator]
name = "krum"
f = 3
"""


def problems(text, *overrides):
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, overrides)
    return [(each.line, each.where, each.message) for each in caught.value.problems]


MISTAKES = {
    "roundz = 40": (1, "roundz", "unknown key; did you mean `rounds`?"),
    "rounds = 0": (1, "rounds", "must be ≥ 1, got 0"),
    "rounds = true": (1, "rounds", "must be a whole number, got true"),
    "rounds = 4.0": (1, "rounds", "must be a whole number, got 4.0"),
    "seed = -1": (1, "seed", "must be ≥ 0, got -1"),
    "seed = 9223372036854775808": (1, "seed", "must be < 9223372036854775808, got 9223372036854775808"),
    "seed = 1979-05-27": (1, "seed", "must be a whole number, got datetime.date(1979, 5, 27)"),
    "name = 'a/b'": (1, "name", r"must match ^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,79}$, got 'a/b'"),
    "training = 3": (1, "training", "must be a table of settings, got 3"),
    "aggregator = 3": (1, "aggregator", "must be the name of one of the aggregators or a table, got 3"),
    "server.lr = nan": (1, "server.lr", "must be a finite number, got nan"),
    "server.lr = '1'": (1, "server.lr", "must be a number, got '1'"),
    "training.drop_last = 1": (1, "training.drop_last", "must be true or false, got 1"),
    "output.folder = 1": (1, "output.folder", "must be text in quotes, got 1"),
    "execution.workers = 'many'": (
        1, "execution.workers", "must be 'auto' or a whole number, got 'many'",
    ),
    "execution.workers = 0": (1, "execution.workers", "must be 'auto' or ≥ 1, got 0"),
    "clients.late = 'kept'": (
        1, "clients.late", "must be 'discard' or 'keep', got 'kept'; did you mean `keep`?",
    ),
    "rounds =": (1, "scenario", "not valid TOML: Invalid value"),
    "rounds = 1\nrounds = 2": (2, "scenario", "not valid TOML: Cannot overwrite a value"),
    '[aggregator]\nname = "krumm"': (
        2, "aggregator.name", "unknown rule `krumm`; did you mean `krum`? (fedsim list aggregators)",
    ),
    '[aggregator]\nname = "krum"': (1, "aggregator.f", "missing: krum needs `f`, rows assumed Byzantine"),
    '[aggregator]\nname = "krum"\nf = 6': (
        3, "aggregator.f", "krum needs n ≥ 2f + 3: got n = 10, f = 6; here f is at most 3",
    ),
    '[aggregator]\nname = "krum"\nf = 2\nff = 2': (4, "aggregator.ff", "unknown key; did you mean `f`?"),
    '[aggregator]\nname = "krum"\nf = 2\nvariant = "byzfll"': (
        4, "aggregator.variant", "must be 'blanchard2017' or 'byzfl', got 'byzfll'; did you mean `byzfl`?",
    ),
    '[[attacks]]\nname = "noise"\nfraction = 0.1\nmodee = "own"': (
        4, "attacks[0].modee", "unknown key; did you mean `mode`?",
    ),
    '[[attacks]]\nname = "noise"\nfraction = 0.1\nknowlege = "own"': (
        4, "attacks[0].knowlege", "unknown key; did you mean `knowledge`?",
    ),
    '[attacks]\nname = "noise"': (1, "attacks", "must be a list of tables, got {'name': 'noise'}"),
    'preaggregators = ["nnm"]': (
        1, "preaggregators[0].f", "missing: nnm needs `f`, rows assumed Byzantine",
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_one_mistake_one_message(text):
    assert problems(text) == [MISTAKES[text]]


def test_all_mistakes_at_once_in_the_order_of_the_file():
    text = 'roundz = 1\n[clients]\nsampled = 0\n[aggregator]\nname = "krumm"\n[server]\nlr = -1.0\n'
    assert [line for line, _, _ in problems(text)] == [1, 3, 5, 7]


def test_the_positions_point_at_the_offending_text():
    with pytest.raises(ScenarioError) as caught:
        parse_scenario('roundz = 40\n[aggregator]\nname = "krumm"\n')
    spans = [(each.column, each.width) for each in caught.value.problems]
    assert spans == [(1, len("roundz")), (8, len('"krumm"'))]


def test_settings_that_nobody_takes_are_named():
    assert problems('[aggregator]\nname = "median"\nzeal = 2') == [
        (3, "aggregator.zeal", "unknown key; known here: name"),
    ]


@pytest.mark.parametrize("path", sorted(Path("scenarios").glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_scenarios_come_back_equal(path):
    scenario = load_scenario(path)
    assert parse_scenario(dump_scenario(scenario)) == scenario
    assert scenario.question.endswith("?")
    assert scenario.name == path.stem


def test_everything_comes_back_equal():
    scenario = parse_scenario(WHOLE, name="whole")
    again = parse_scenario(dump_scenario(scenario))
    assert again == scenario
    assert scenario_digest(again) == scenario_digest(scenario)
    assert dump_scenario(again) == dump_scenario(scenario)


def test_a_dump_says_every_default_aloud():
    table = tomli.loads(dump_scenario(parse_scenario("")))
    assert table["clients"]["sampled"] == 10
    assert table["training"]["optimizer"] == {"name": "sgd", "lr": 0.05, "momentum": 0.0, "weight_decay": 0.0}
    assert "deadline" not in table["clients"]


def test_an_alias_and_its_name_are_the_same_scenario():
    one, other = (parse_scenario(f'[[attacks]]\nname = "{name}"\ncount = 1') for name in ("model", "random_weights"))
    assert one == other


def test_the_digest_names_what_a_result_depends_on():
    base = parse_scenario("")
    digest = scenario_digest(base)
    same = parse_scenario('name = "x"\nquestion = "y"\n[execution]\nworkers = 3\n[output]\nfolder = "z"')
    assert scenario_digest(same) == digest
    others = [parse_scenario(text) for text in ("seed = 2", "rounds = 21", "evaluation.every = 2", "server.lr = 0.5")]
    assert len({digest, *map(scenario_digest, others)}) == 1 + len(others)


def test_an_integer_is_a_number_but_the_same_one():
    assert scenario_digest(parse_scenario("server.lr = 1")) == scenario_digest(parse_scenario("server.lr = 1.0"))


class TestOverrides:
    def test_a_value_is_toml_and_a_bare_word_needs_no_quotes(self):
        scenario = parse_scenario("", ["rounds=3", "model=mlp", 'data={name="digits"}', "clients.deadline=1.5"])
        assert (scenario.rounds, scenario.model.name, scenario.data.name) == (3, "mlp", "digits")
        assert scenario.clients.deadline == 1.5

    def test_into_a_list_and_into_a_bare_name(self):
        text = 'aggregator = "trimmed_mean"\n[[attacks]]\nname = "noise"\ncount = 1'
        scenario = parse_scenario(text, ["attacks.0.count=2", "aggregator.f=1"])
        assert scenario.attacks[0].count == 2
        assert scenario.aggregator.settings["f"] == 1

    @pytest.mark.parametrize(
        ("override", "where", "message"),
        [
            ("rounds", "rounds", "not an override: 'rounds'; write key.path=value"),
            ("=3", "", "not an override: '=3'; write key.path=value"),
            ("a..b=3", "a..b", "not an override: 'a..b=3'; write key.path=value"),
            ("attacks.0.count=2", "attacks[0].count", "no such place for the override 'attacks.0.count=2'"),
            ("rounds.x=2", "rounds", "must be a whole number, got {'x': 2}"),
            ("seed.x=2", "seed.x", "no such place for the override 'seed.x=2'"),
            ("roundz=2", "roundz", "unknown key; did you mean `rounds`?"),
            ("rounds=many", "rounds", "must be a whole number, got 'many'"),
        ],
    )
    def test_what_cannot_be_overridden(self, override, where, message):
        found = problems("seed = 1", override)
        assert [(path, text) for _, path, text in found] == [(where or "scenario", message)]


class TestFiles:
    def test_name_and_question_come_from_the_file(self, tmp_path):
        path = tmp_path / "my study #2.toml"
        path.write_text("#  Does it?  \nrounds = 3\n", encoding="utf-8")
        scenario = load_scenario(path)
        assert (scenario.name, scenario.question) == ("my_study__2", "Does it?")

    def test_a_byte_order_mark_and_windows_line_ends(self, tmp_path):
        path = tmp_path / "windows.toml"
        path.write_bytes("\ufeff# Why?\r\nrounds = 3\r\n[clients]\r\nsampled = 5\r\n".encode())
        scenario = load_scenario(path)
        assert (scenario.question, scenario.rounds, scenario.clients.sampled) == ("Why?", 3, 5)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"\xff\xfe", "is not UTF-8 text: invalid start byte at byte 0"),
            (b"#" * 1_000_001, "is longer than 1,000,000 bytes: not a scenario"),
            (b"a = " + b"[" * 5000, "is nested too deeply to be a scenario"),
        ],
    )
    def test_what_is_no_scenario(self, tmp_path, data, message):
        path = tmp_path / "wrong.toml"
        path.write_bytes(data)
        with pytest.raises(ScenarioError) as caught:
            load_scenario(path)
        assert [each.message for each in caught.value.problems] == [message]
        assert caught.value.source == str(path)

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(ScenarioError, match="cannot be read: No such file or directory"):
            load_scenario(tmp_path / "nowhere.toml")
        with pytest.raises(ScenarioError, match="cannot be read: Is a directory"):
            load_scenario(tmp_path)


VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.none().map(lambda _: "krum"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_lowercase, min_size=1), inner),
    max_leaves=6,
)
KEYS = st.sampled_from([
    "seed", "rounds", "data", "partition", "model", "clients", "training", "attacks", "preaggregators", "aggregator",
    "server", "root", "evaluation", "execution", "output", "name", "question", "nonsense",
])  # fmt: skip


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_whatever_a_table_holds_the_answer_is_a_scenario_or_a_list_of_problems(table):
    from fedsim.composing import compose

    scenario, found = compose(table)
    assert scenario is not None or found
    assert all(each.message and "\n" not in each.message for each in found)


@given(st.text(max_size=200))
def test_whatever_a_file_says_it_is_a_scenario_or_a_scenario_error(text):
    try:
        scenario = parse_scenario(text)
    except ScenarioError as error:
        assert error.problems
    else:
        assert parse_scenario(dump_scenario(scenario)) == scenario
