"""Own code is found, run once, run anew when it was changed, and leaves nothing where it fails."""

import os
import subprocess
import sys

import pytest

import fedsim
from fedsim.aggregators import aggregators
from fedsim.errors import NotRegistrable, PluginFailed
from fedsim.plugins import beside, load, loaded, permit
from fedsim.plugins import installed as entry_points
from fedsim.scenario.load import dump_scenario, load_scenario, parse_scenario, scenario_digest
from tests.cli.recorded_run import ask
from tests.own_code import ATTACK, DATA, NET, REMEMBERING, RULE, SMALL


def digests(path, **options):
    return [event.digest for event in fedsim.simulate(load_scenario(path, **options)) if hasattr(event, "train_loss")]


def test_a_file_brings_a_rule_that_is_listed_explained_checked_and_run(own, capsys):
    file = own("my_rules.py", RULE)
    own("mine.toml", 'plugins = ["my_rules.py"]\naggregator = "mine"\n' + SMALL)
    assert ask(capsys, "check", "mine.toml").code == 0
    assert load("my_rules.py") is load("my_rules.py")
    assert aggregators["mine"].file == file
    assert "from my_rules.py" in ask(capsys, "list", "rules", "--plugin", "my_rules.py").out
    assert "mine · rule · my_rules.py" in ask(capsys, "explain", "mine", "--plugin", "my_rules.py").out
    schema = ask(capsys, "schema", "--plugin", "my_rules.py").out
    assert '"mine"' in schema
    assert ask(capsys, "run", "mine.toml", "--no-save", "-q").code == 0
    assert "did you mean `mine`?" in ask(capsys, "run", "mine.toml", "--set", "aggregator=minne").err


def test_a_plug_in_of_the_command_line_need_not_stand_in_the_scenario(own, capsys):
    own("rules/my_rules.py", RULE)
    own("there/mine.toml", 'aggregator = "mine"\n' + SMALL)
    assert "unknown rule `mine`" in ask(capsys, "check", "there/mine.toml").err
    assert ask(capsys, "check", "there/mine.toml", "--plugin", "rules/my_rules.py").code == 0
    assert digests("there/mine.toml", plugins=["rules/my_rules.py"])


def test_files_lie_beside_the_scenario_wherever_one_stands(own, monkeypatch, tmp_path):
    own("there/my_rules.py", "import my_help\n" + RULE)
    own("there/my_help.py", "")
    own("there/my_package/__init__.py", "")
    own("there/my_package/robust.py", RULE.replace('"mine"', '"theirs"'))
    own("there/a.toml", 'plugins = ["my_rules.py", "my_package.robust"]\naggregator = "theirs"\n' + SMALL)
    scenario = load_scenario(tmp_path / "there" / "a.toml")
    assert scenario.aggregator.name == "theirs"
    assert [[source.name for source in plugin.sources] for plugin in loaded()] == [
        ["my_rules.py", "my_help.py"],
        ["my_package.robust.py", "my_package.__init__.py"],
    ]


def test_where_own_code_lies_changes_no_digest_and_the_table_goes_there_and_back(own, tmp_path):
    own("my_rules.py", RULE)
    plain = parse_scenario(SMALL)
    given = parse_scenario(SMALL, plugins=["my_rules.py"])
    assert scenario_digest(plain) == scenario_digest(given)
    assert parse_scenario(dump_scenario(given)) == given


def test_an_edited_file_is_run_anew_and_what_it_no_longer_defines_is_gone(own):
    own("my_rules.py", "import my_help\n" + RULE + RULE.replace('"mine"', '"other"').replace("def mine", "def other"))
    own("my_help.py", "VALUE = 1")
    first = load("my_rules.py")
    assert {entry.name for entry in first.entries} == {"mine", "other"}
    own("my_rules.py", "import my_help\n" + RULE)
    second = load("my_rules.py")
    assert second is not first
    assert "other" not in aggregators
    own("my_help.py", "VALUE = 2")
    load("my_rules.py")
    assert sys.modules["my_help"].VALUE == 2


def test_what_fails_in_the_middle_has_registered_nothing_and_the_last_good_state_stays(own):
    own("my_rules.py", RULE)
    load("my_rules.py")
    own("my_rules.py", RULE.replace('"mine"', '"half"') + "\nraise RuntimeError('too late')\n")
    with pytest.raises(PluginFailed, match=r"^my_rules.py:10: raised RuntimeError: too late$"):
        load("my_rules.py")
    assert "half" not in aggregators
    assert "mine" in aggregators


def test_one_name_in_two_files_is_an_error_that_names_both_and_a_copy_is_the_same_file(own):
    own("one.py", RULE)
    own("two.py", RULE)
    own("copy/one.py", RULE)
    first = load("one.py")
    assert load("copy/one.py") is first
    with pytest.raises(
        PluginFailed, match=r"two.py:5: rule `mine` is registered twice: also as one.mine in .*one.py, line 5"
    ):
        load("two.py")


@pytest.mark.parametrize("name", ["krum", "mean"])
def test_a_name_that_fedsim_has_is_taken(own, name):
    aggregators[name]
    own("my_rules.py", RULE.replace('"mine"', f'"{name}"'))
    with pytest.raises(PluginFailed, match=rf"my_rules.py:5: rule `{name}` is registered twice: .*comes with fedsim"):
        load("my_rules.py")


def in_main(text, file):
    exec(compile(text, file, "exec"), {"__name__": "__main__"})  # noqa: S102 - as a kernel runs a cell


def test_a_cell_of_a_notebook_takes_its_own_place_and_a_script_defines_a_name_once():
    try:
        in_main(RULE, "<cell 1>")
        in_main(RULE.replace("def mine", "def renamed"), "<cell 2>")
        assert aggregators["mine"].function.__name__ == "renamed"
        with pytest.raises(NotRegistrable, match="registered twice"):
            in_main(RULE + RULE.replace("def mine", "def again"), "script.py")
    finally:
        aggregators.restore({})


def test_no_plugins_runs_none_and_names_all_that_are_asked_for(own, capsys):
    own("my_rules.py", "raise SystemExit")
    own("net.py", "raise SystemExit")
    own("a.toml", 'plugins = ["my_rules.py"]\nmodel = "./net.py:Net"\nrounds = 1')
    answer = ask(capsys, "run", "a.toml", "--no-plugins")
    assert answer.code == 2
    assert "own code is asked for, and --no-plugins runs none: my_rules.py, ./net.py:Net" in answer.err
    answer = ask(capsys, "list", "--no-plugins", "--plugin", "my_rules.py")
    assert (answer.code, answer.err) == (
        2, "error: own code is asked for, and --no-plugins runs none: my_rules.py\n"
    )  # fmt: skip
    permit(True)


@pytest.fixture
def installed(own, monkeypatch):
    """A package that is installed beside fedsim and declares an entry point."""

    def install(name, text):
        own(f"site-packages/{name}.py", text)
        own(f"site-packages/{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        own(f"site-packages/{name}-1.0.dist-info/entry_points.txt", f"[fedsim.plugins]\n{name} = {name}\n")
        monkeypatch.syspath_prepend("site-packages")

    monkeypatch.setattr(entry_points, "_done", set())
    monkeypatch.setattr(entry_points, "_failed", {})
    return install


def test_an_installed_package_brings_algorithms_without_being_named(installed, capsys):
    installed("fedsim_theirs", RULE.replace('"mine"', '"theirs"'))
    assert aggregators["theirs"].name == "theirs"
    assert "theirs" in ask(capsys, "list", "rules").out


def test_one_that_is_broken_takes_nothing_with_it_and_is_told(installed, capsys):
    installed("fedsim_broken", "import nowhere_at_all")
    answer = ask(capsys, "list")
    assert answer.code == 0
    assert "fedsim_broken could not be loaded" in " ".join(answer.out.split())
    with pytest.raises(fedsim.UnknownName, match=r"fedsim_broken could not be loaded: .*imports `nowhere_at_all`"):
        aggregators["theirs"]


def test_loading_and_refusing_costs_no_torch(own):
    own("my_rules.py", RULE)
    code = "import sys\nfrom cli.app import main\ntry:\n    main(['check', 'a.toml'])\n"
    code += "except SystemExit as ended:\n    print(ended.code)\n"
    code += "print(sorted({'torch', 'joblib', 'scipy'} & sys.modules.keys()))"
    for text, exit_code in (('aggregator = "mine"', "0"), ('aggregator = "mina"', "2")):
        own("a.toml", f'plugins = ["my_rules.py"]\n{text}\n{SMALL}')
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        ended = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
        )
        assert ended.stdout.split("\n")[-3:-1] == [exit_code, "[]"]


@pytest.mark.parametrize("workers", [2, 3])
def test_everything_own_at_once_gives_the_same_bits_on_any_number_of_workers(own, workers):
    for name, text in (("rule.py", REMEMBERING), ("attack.py", ATTACK), ("net.py", NET), ("data.py", DATA)):
        own(name, text)
    own(
        "all.toml",
        """
        plugins = ["rule.py", "attack.py", "data.py"]
        rounds = 2
        data = "stripes"
        model = "./net.py:Net"
        aggregator = { name = "slow_mean", beta = 0.25 }
        attacks = [ { name = "push", count = 1 } ]
        clients = { population = 6, sampled = 4 }
        root = { size = 10 }
        evaluation = { validation = 20, limit = 50 }
        execution = { batch = 1 }
        """,
    )
    assert digests("all.toml", overrides=[f"execution.workers={workers}"]) == digests(
        "all.toml", overrides=['execution.backend="serial"']
    )


def test_beside_is_where_own_code_is_looked_for(own, tmp_path):
    own("there/my_rules.py", RULE)
    with beside(tmp_path / "there"):
        assert load("my_rules.py").file == tmp_path / "there" / "my_rules.py"
