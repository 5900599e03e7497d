"""TOML text in, exact messages out; and what goes in comes back."""

import string
from pathlib import Path

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from fedsim.aggregators.contract import aggregators
from fedsim.errors import ScenarioError
from fedsim.scenario.load import dump_scenario, load_scenario, parse_scenario, scenario_digest

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
    with pytest.raises(ScenarioError) as nonfinite:
        parse_scenario(text, overrides)
    return [(each.line, each.where, each.message) for each in nonfinite.value.problems]


def blame(text, *overrides):
    with pytest.raises(ScenarioError) as nonfinite:
        parse_scenario(text, overrides)
    return [(each.where, each.origin, each.line) for each in nonfinite.value.problems]


F = aggregators["krum"].settings["f"].meaning
MISTAKES = {
    "roundz = 40": (1, "roundz", "unknown key; did you mean `rounds`?"),
    "rounds = 0": (1, "rounds", "must be ≥ 1, got 0"),
    "rounds = true": (1, "rounds", "must be a whole number, got true"),
    "rounds = 4.0": (1, "rounds", "must be a whole number, got 4.0"),
    "seed = -1": (1, "seed", "must be ≥ 0, got -1"),
    "seed = 9223372036854775808": (1, "seed", "must be < 9223372036854775808, got 9223372036854775808"),
    "seed = 1979-05-27": (1, "seed", "must be a whole number, got datetime.date(1979, 5, 27)"),
    "name = 'a/b'": (1, "name", "must be a plain word of at most 80 letters, digits, `_`, `-` and `.`, got 'a/b'"),
    "training = 3": (1, "training", "must be a table of settings, got 3"),
    "aggregator = 3": (1, "aggregator", "must be the name of one of the aggregators or a table, got 3"),
    "server.lr = nan": (1, "server.lr", "must be a finite number, got nan"),
    "server.lr = '1'": (1, "server.lr", "must be a number, got '1'"),
    "training.drop_last = 1": (1, "training.drop_last", "must be true or false, got 1"),
    "output.folder = ''": (
        1, "output.folder", "must be a path of at least one letter and without control characters, got ''",
    ),
    "output.folder = 1": (1, "output.folder", "must be text in quotes, got 1"),
    "execution.workers = 'many'": (
        1, "execution.workers", "must be 'auto' or a whole number, got 'many'",
    ),
    "execution.workers = 0": (1, "execution.workers", "must be 'auto' or ≥ 1, got 0"),
    "clients.late = 'kept'": (
        1, "clients.late", "must be 'discard' or 'keep', got 'kept'; did you mean `keep`?",
    ),
    "rounds =": (1, "scenario", "not valid TOML: Invalid value"),
    "rounds = 1\nrounds = 2": (2, "scenario", "rounds is written twice, or as two kinds of thing; keep one"),
    '[aggregator]\nname = "krumm"': (
        2, "aggregator.name", "unknown rule `krumm`; did you mean `krum`? (fedsim list aggregators)",
    ),
    '[aggregator]\nname = "krum"': (1, "aggregator.f", f"missing: krum needs `f`, {F}"),
    '[aggregator]\nname = "krum"\nf = 6': (
        3, "aggregator.f", "krum needs n ≥ 2f + 3: got n = 10, f = 6; here f is at most 3",
    ),
    '[aggregator]\nname = "krum"\nf = "autp"': (
        3, "aggregator.f", "must be a whole number or 'auto', got 'autp'",
    ),
    '[aggregator]\nname = "krum"\nf = "auto"\n[[attacks]]\nname = "zero"\nfraction = 0.2': (
        3, "aggregator.f",
        'krum needs n ≥ 2f + 3: got n = 10, f = 4; here f is at most 3; '
        'f = "auto" is 4 at a risk of 0.05 (clients.risk)',
    ),
    'partition = "by_writer"\ndata = {name = "digits"}\naggregator = {name = "krum", f = "auto"}': (
        3, "aggregator.f", '"auto" needs to know how many clients there are, which only the data tell here: '
        "give clients.population, or f as a number",
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
        1, "preaggregators[0].f", f"missing: nnm needs `f`, {F}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_one_mistake_one_message(text):
    assert problems(text) == [MISTAKES[text]]


def test_all_mistakes_at_once_in_the_order_of_the_file():
    text = 'roundz = 1\n[clients]\nsampled = 0\n[aggregator]\nname = "krumm"\n[server]\nlr = -1.0\n'
    assert [line for line, _, _ in problems(text)] == [1, 3, 5, 7]


def test_the_positions_point_at_the_offending_text():
    with pytest.raises(ScenarioError) as nonfinite:
        parse_scenario('roundz = 40\n[aggregator]\nname = "krumm"\n')
    spans = [(each.column, each.width) for each in nonfinite.value.problems]
    assert spans == [(1, len("roundz")), (8, len('"krumm"'))]


def test_settings_that_nobody_takes_are_named():
    assert problems('[aggregator]\nname = "median"\nzeal = 2') == [
        (3, "aggregator.zeal", "unknown key; known here: weighting, name"),
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
            ("rounds", "", "is not an override: write key.path=value"),
            ("=3", "", "is not an override: write key.path=value"),
            ("a..b=3", "", "is not an override: write key.path=value"),
            (".a=3", "", "is not an override: write key.path=value"),
            ("attacks[x]=3", "", "is not an override: write key.path=value"),
            ("attacks[-1]=3", "", "is not an override: write key.path=value"),
            ("attacks.²=3", "", "is not an override: write key.path=value"),
            ("attacks.0.count=2", "attacks[0].count", "there is no such place: the list has 0, counted from 0"),
            ("attacks[0].count=2", "attacks[0].count", "there is no such place: the list has 0, counted from 0"),
            ("rounds.x=2", "rounds", "must be a whole number, got {'x': 2}"),
            ("seed.x=2", "seed.x", "there is no such place: what stands above it is no table"),
            ("roundz=2", "roundz", "unknown key; did you mean `rounds`?"),
            ("rounds=many", "rounds", "must be a whole number, got 'many'"),
        ],
    )
    def test_what_cannot_be_overridden(self, override, where, message):
        found = problems("seed = 1", override)
        assert [(path, text) for _, path, text in found] == [(where or "scenario", message)]

    def test_the_problem_names_the_override_that_made_it(self):
        text = 'rounds = 3\n[aggregator]\nname = "trimmed_mean"\nf = 2\n[clients]\npopulation = 20\nsampled = 6'
        assert blame(text, "rounds=abc") == [("rounds", "rounds=abc", None)]
        assert blame(text, "seed=2", "clients.population=5") == [("clients.sampled", "clients.population=5", None)]
        assert blame(text, "aggregator=krum") == [("aggregator.f", "aggregator=krum", None)]
        assert blame(text + "\nroundz = 3", "seed=2") == [("clients.roundz", "", 8)]  # the file's own mistake

    def test_the_way_out_is_named(self):
        text = '[aggregator]\nname = "trimmed_mean"\nf = 2'
        (problem,) = problems(text, "aggregator.name=median")
        assert problem[2].endswith("; aggregator=median leaves out what the file sets for another")
        assert parse_scenario(text, ["aggregator=median"]).aggregator.name == "median"
        (problem,) = problems(text, "aggregator=krum")
        assert problem[2].endswith("; give it too: aggregator.f=…")
        assert parse_scenario(text, ["aggregator=krum", "aggregator.f=1"]).aggregator.settings["f"] == 1

    def test_a_table_of_plain_values_does_as_well(self):
        text = '[[attacks]]\nname = "noise"\ncount = 1'
        given = {"rounds": 3, "attacks[0].count": 2, "aggregator": {"name": "krum", "f": 1}, "server.lr": 0.5}
        scenario = parse_scenario(text, given)
        assert (scenario.rounds, scenario.attacks[0].count, scenario.server.lr) == (3, 2, 0.5)
        assert scenario.aggregator.settings["f"] == 1
        assert parse_scenario(text, "rounds=4").rounds == 4
        with pytest.raises(TypeError, match="an override is text"):
            parse_scenario(text, [3])

    def test_both_spellings_of_a_place_in_a_list(self):
        text = '[[attacks]]\nname = "noise"\ncount = 1'
        for spelling in ("attacks[0].count=2", "attacks.0.count=2"):
            assert parse_scenario(text, [spelling]).attacks[0].count == 2


REPEATED = {
    "rounds = 1\nrounds = 2": (2, 1, "rounds is written twice"),
    "[data]\nname = 'digits'\n[data]\nname = 'glyphs'": (3, 2, "[data] is written twice"),
    "data.name = 'digits'\n[data]\ntest_fraction = 0.5": (2, 2, "[data] is written twice"),
    "a = [\n 1,\n]\na = [\n 2,\n]": (4, 1, "a is written twice"),
    "data = {name = 'digits', name = 'glyphs'}": (1, 1, "data is written twice"),
    "aggregator.name = 'krum'\naggregator.name = 'mean'": (2, 1, "aggregator.name is written twice"),
}


@pytest.mark.parametrize("text", REPEATED)
def test_what_is_written_twice_is_said_in_words_and_at_the_key(text):
    with pytest.raises(ScenarioError) as nonfinite:
        parse_scenario(text)
    (problem,) = nonfinite.value.problems
    line, column, words = REPEATED[text]
    assert (problem.line, problem.column) == (line, column)
    assert problem.message.startswith(words)


class TestFiles:
    def test_a_plain_name_is_a_shipped_scenario_and_a_near_one_is_suggested(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert load_scenario("smoke").name == "smoke"
        for near, meant in {"krum_nois": "krum_noise", "Smoke": "smoke"}.items():
            with pytest.raises(ScenarioError, match=f"did you mean `{meant}"):
                load_scenario(near)
        (tmp_path / "mine.toml").write_text("rounds = 1")
        with pytest.raises(ScenarioError, match="did you mean `mine"):
            load_scenario("mien.toml")
        with pytest.raises(ScenarioError, match="cannot be read"):
            load_scenario("a" * 5000)

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
        with pytest.raises(ScenarioError) as nonfinite:
            load_scenario(path)
        assert [each.message for each in nonfinite.value.problems] == [message]
        assert nonfinite.value.source == str(path)

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
    from fedsim.scenario.build import compose

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
