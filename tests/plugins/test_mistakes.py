"""Forty mistakes in own code, and the one message that each of them ends in: where, what, and what would be right."""

import re
import textwrap

import pytest

from tests.cli.recorded_run import ask
from tests.own_code import SMALL

HEAD = """\
import numpy as np
from typing import Annotated
from fedsim.aggregators import Aggregate, aggregator
from fedsim.attacks import attack, data_attack
from fedsim.datasets import Dataset, Examples, dataset
from fedsim.latencies import latency
from fedsim.models import model
from fedsim.optimizers import optimizer
from fedsim.partitions import Split, partition
from fedsim.preaggregators import preaggregator
"""
LINES = HEAD.count("\n")
PLAIN = "Aggregate(updates.mean(axis=0), np.full(len(updates), 1 / len(updates)))"
RULE = 'aggregator = "mine"'
BOTH = 'attacks = [ { name = "mine", count = 10 } ]'
NET = """
    import torch
    from torch import nn

    @model("mine")
    def mine(shape, classes):
        return Net(classes)

    class Net(nn.Module):
        def __init__(self, classes):
            super().__init__()
            self.layer = nn.Linear(64, classes)

        def forward(self, images):
            {}
"""


def rule(body, decorator='@aggregator("mine")', parameters="updates"):
    """A rule with this body below the head; its first line is the third of its own."""
    return f"\n{decorator}\ndef mine({parameters}):\n    {body}\n"


def in_a_round(body):
    """A rule that does so in a run, whose rows are longer than those of the dry run."""
    return rule(f"if updates.shape[1] > 6:\n        {body}\n    return {PLAIN}")


def net(body):
    return NET.replace("{}", body)


# what is wrong: the own code, the scenario's lines, what is said
MISTAKES = {
    # that does not load
    "a syntax error": ("\ndef f(:\n    pass\n", RULE, "my.py:12: is not Python: invalid syntax: def f(:"),
    "an import that is not there": ("import numpyy\n", RULE, "my.py:11: imports `numpyy`, which is not installed; did you mean `numpy`?"),
    "an error at import": ("1 / 0\n", RULE, "my.py:11: raised ZeroDivisionError: division by zero"),
    "an exit at import": ("\ndef end():\n    raise SystemExit\n\nend()\n", RULE, "my.py:13: ends the process (SystemExit) where it should only define things (in end)"),
    "nothing registered": ("\ndef mine(updates):\n    return updates\n", RULE, "my.py registers no algorithm: decorate one"),
    "a name that fedsim has": (rule(f"return {PLAIN}", '@aggregator("krum")'), RULE, "my.py:12: rule `krum` is registered twice: also as fedsim.aggregators.distance.krum, which comes with fedsim; choose another name"),
    "one name twice in a file": (rule(f"return {PLAIN}") + rule(f"return {PLAIN}").replace("def mine", "def other"), RULE, "my.py:16: rule `mine` is registered twice: also as my.mine in"),
    # whose signature cannot be served
    "an unknown item": (rule(f"return {PLAIN}", parameters="updats"), RULE, "my.py:12: rule `mine` asks for `updats`, which the engine does not supply; did you mean `updates`? It supplies updates, counts"),
    "no updates": (rule("return counts", parameters="counts"), RULE, "my.py:12: rule `mine` does not ask for `updates`: name it before the star"),
    "a setting without a type": (rule(f"return {PLAIN}", parameters="updates, *, power=2"), RULE, "my.py:12: rule `mine` does not say the type of its setting `power`: write power: Annotated"),
    "any settings": (rule(f"return {PLAIN}", parameters="updates, **settings"), RULE, "my.py:12: rule `mine` takes *settings: name every setting instead"),
    "a type that does not exist": (rule(f"return {PLAIN}", parameters='updates, *, power: "Powr" = 2'), RULE, "my.py:12: rule `mine`: the type of a setting cannot be read: name 'Powr' is not defined"),
    "a type that no file can give": (rule(f"return {PLAIN}", parameters="updates, *, power: np.ndarray = None"), RULE, "aggregator `mine`: a setting has a type that a scenario cannot give"),
    "a condition that is none": (rule(f"return {PLAIN}", '@aggregator("mine", needs="n more than f")'), RULE, "my.py:12: raised ValueError: not a condition on n and f: 'n more than f'"),
    "an attack that asks for both kinds": ('\n@attack("mine")\ndef mine(honest, targets):\n    return honest\n', BOTH, "my.py:12: attack `mine` poisons updates and cannot ask for targets"),
    # whose settings are wrong in the scenario
    "a misspelled setting": (rule(f"return {PLAIN}", parameters="updates, *, power: float = 2"), 'aggregator = { name = "mine", powr = 3 }', "unknown key; did you mean `power`?"),
    "a missing setting": (rule(f"return {PLAIN}", parameters='updates, *, power: Annotated[float, "how steep"]'), RULE, "missing: mine needs `power`, how steep"),
    "a misspelled name": (rule(f"return {PLAIN}"), 'aggregator = "mien"', "unknown rule `mien`; did you mean `mine`?"),
    # that fails in the dry run
    "a rule that raises at once": (rule("return updates.meen(axis=0)"), RULE, "`mine` raised AttributeError: 'numpy.ndarray' object has no attribute 'meen' (my.py:14 in mine)"),
    "a rule that answers a plain array": (rule("return updates.mean(axis=0)"), RULE, "`mine` answered wrongly: returned ndarray, not Aggregate(update, weights) (my.py:12 in mine)"),
    "an attack that answers one row": ('\n@attack("mine")\ndef mine(honest, count):\n    return honest[0]\n', BOTH, "`mine` answered wrongly: rows must have shape (2, 6): got (6,) (my.py:12 in mine)"),
    "targets that are no classes": ('\n@data_attack("mine")\ndef mine(targets, classes):\n    return targets + classes\n', BOTH, "`mine` answered wrongly: targets must be 0 to 9: got 10 to 13 (my.py:12 in mine)"),
    "targets that are no whole numbers": ('\n@data_attack("mine")\ndef mine(targets, classes):\n    return targets / 2\n', BOTH, "`mine` answered wrongly: targets must be an array of whole numbers: got float64 (my.py:12 in mine)"),
    "a wait of less than nothing": ('\n@latency("mine")\ndef mine(clients):\n    return np.full(len(clients), -1.0)\n', 'clients.latency = "mine"', "round 1: latency law `mine` answered wrongly: seconds must be finite and not negative: got -1 to -1"),
    # that fails in a round
    "a rule that raises in a round": (in_a_round("raise KeyError('past')"), RULE, "round 1: rule `mine` raised KeyError: 'past' (my.py:15 in mine)"),
    "a rule that writes to its input": (in_a_round("updates -= updates.mean(axis=0)"), RULE, "round 1: rule `mine` wrote to its input `updates` (output array is read-only): work on a copy of it (my.py:15 in mine)"),
    "a rule that sorts its input": (in_a_round("updates.sort(axis=0)"), RULE, "round 1: rule `mine` wrote to its input `updates`"),
    "a rule of the wrong shape": (in_a_round("return Aggregate(updates, np.full(len(updates), 0.25))"), RULE, "round 1: rule `mine` answered wrongly: update must have shape (650,): got (4, 650) (my.py:12 in mine)"),
    "a rule of the wrong type": (in_a_round("return Aggregate(updates.mean(axis=0).astype(int), np.full(len(updates), 0.25))"), RULE, "round 1: rule `mine` answered wrongly: update must be a numpy array of float32 or float64: got an array of int64"),
    "a rule that is not finite": (in_a_round("return Aggregate(updates[0] * np.nan, np.full(len(updates), 0.25))"), RULE, "round 1: rule `mine` answered wrongly: update must be finite: got NaN or infinity in 650 of 650 numbers"),
    "weights that do not sum to one": (in_a_round("return Aggregate(updates[0], np.ones(len(updates)))"), RULE, "round 1: rule `mine` answered wrongly: weights must sum to 1: got 4"),
    "a memory of lists": (in_a_round('return Aggregate(updates[0], np.full(len(updates), 0.25), {"past": [1]})'), RULE, "round 1: rule `mine` answered wrongly: memory must map names to arrays of numbers"),
    "a pre-aggregator that loses rows": ('\n@preaggregator("mine")\ndef mine(updates):\n    return updates[1:] if updates.shape[1] > 6 else updates\n', 'preaggregators = ["mine"]', "round 1: pre-aggregator `mine` answered wrongly: changed the rows' number and must return Mixed(updates, shares)"),
    "an attack that writes to what it knows": ('\n@attack("mine")\ndef mine(honest, count):\n    if honest.shape[1] > 6:\n        honest[0] = 0\n    return np.array(honest[:count])\n', 'attacks = [ { name = "mine", ids = [0, 1, 2, 3, 4, 5, 6] } ]', "round 1: attack `mine` wrote to its input `honest` (assignment destination is read-only): work on a copy of it (my.py:15 in mine)"),
    "an exit in a round": (in_a_round("raise SystemExit(3)"), RULE, "round 1: rule `mine` raised SystemExit: 3 (my.py:15 in mine)"),
    # models, data, partitions, optimizers
    "a model that raises": (net("return self.layer(images.flaten(1))"), 'model = "mine"', "mine raised AttributeError: 'Tensor' object has no attribute 'flaten' (my.py:25 in forward)"),
    "a model for other images": (net("return self.layer(images)"), 'model = "mine"', "mine cannot take images of 1×8×8: mat1 and mat2 shapes cannot be multiplied (16x8 and 64x10) (my.py:25 in forward)"),
    "a model with too few outputs": (net("return self.layer(images.flatten(1))[:, :3]"), 'model = "mine"', "mine gives (2, 3) for 2 images of 10 classes (my.py:15 in mine)"),
    "a model that answers whole numbers": (net("return self.layer(images.flatten(1)).long()"), 'model = "mine"', "mine gives logits of torch.int64, not of a kind of float (my.py:15 in mine)"),
    "a model that is none": ('\n@model("mine")\ndef mine(shape, classes):\n    return classes\n', 'model = "mine"', "mine answered wrongly: must return a torch.nn.Module: got int (my.py:12 in mine)"),
    "a model that raises while it trains": (net("if images[0].max() > 0 and self.training:\n                raise RuntimeError('tired')\n            return self.layer(images.flatten(1))"), 'model = "mine"', ": RuntimeError: tired (my.py:26 in forward)"),
    "a data set that raises": ('\n@dataset("mine")\ndef mine(stream):\n    return {}["digits"]\n', 'data = "mine"', "`mine` raised KeyError: 'digits' (my.py:14 in mine)"),
    "a data set that is none": ('\n@dataset("mine")\ndef mine(stream):\n    return np.zeros(3)\n', 'data = "mine"', "a dataset returns a Dataset, not a ndarray (my.py:12 in mine)"),
    "a partition of lists": ('\n@partition("mine")\ndef mine(targets):\n    return np.array_split(np.arange(len(targets)), 10)\n', 'partition = "mine"', "a partition returns a Split, such as Split.of(parts), not a list (my.py:12 in mine)"),
    "a partition that loses examples": ('\n@partition("mine")\ndef mine(targets):\n    return Split.of(np.array_split(np.arange(len(targets) - 1), 10))\n', 'partition = "mine"', "the split is no partition: some example belongs to nobody, or to more than one client (my.py:12 in mine)"),
    "an optimizer that answers": ('\n@optimizer("mine")\ndef mine(parameters, gradient, state):\n    return parameters - gradient\n', 'training.optimizer = "mine"', "optimizer `mine` must change `parameters` in place and return nothing: got a Tensor"),
    "an optimizer that raises": ('\n@optimizer("mine")\ndef mine(parameters, gradient, state):\n    state["steps"] += 1\n', 'training.optimizer = "mine"', ": KeyError: 'steps' (my.py:14 in mine)"),
}  # fmt: skip


def made(own, mistake):
    text, lines, message = MISTAKES[mistake]
    own("my.py", HEAD + textwrap.dedent(text))
    keys = {line.split(" =")[0].split(".")[0] for line in lines.splitlines()}
    rest = "\n".join(line for line in SMALL.splitlines() if line.split(" =")[0] not in keys - {"clients"})
    if lines.startswith("clients."):
        rest = rest.replace("sampled = 4 }", f"sampled = 4, {lines.removeprefix('clients.')} }}")
        lines = ""
    own("wrong.toml", f'plugins = ["my.py"]\n{lines}\n{rest}')
    return message


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_message(own, capsys, monkeypatch, mistake):
    monkeypatch.setenv("COLUMNS", "400")
    message = made(own, mistake)
    answer = ask(capsys, "run", "wrong.toml", "--no-save", "-q")
    said = " ".join(answer.err.split())
    assert message.removeprefix("aggregator.name: ") in said, said
    assert answer.code == (1 if "round 1" in said else 2)
    assert "Traceback" not in answer.err
    assert "internal error" not in answer.err
    assert len(re.findall(r"error: |\^ ", answer.err)) == 1


def test_there_are_forty_of_them():
    assert len(MISTAKES) >= 40


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('plugins = ["mine.py"]', "mine.py is not there; did you mean `mine_too.py` (looked for in "),
        ('plugins = ["folder/"]', "folder is a folder: name a file in it"),
        ('plugins = ["notes.txt"]', "`notes.txt` is neither a file, such as my_rules.py, nor a module"),
        ('plugins = ["folder/notes.txt"]', "notes.txt is no file of Python: its name would end in .py"),
        ('plugins = ["mine_too"]', "mine_too.py registers no algorithm"),
        ('plugins = ["mine_tou"]', "there is no module mine_tou; did you mean `mine_too`?"),
        ('plugins = ["circle.py"]', "other.py:1: circular import: cannot import name 'one' from partially initialized"),
        ('plugins = "mine_too.py"', "must be a list, got 'mine_too.py'"),
        ("plugins = [3]", "must be text in quotes, got 3"),
        ('model = "./mine_too.py:Nett"', "./mine_too.py has no `Nett`; did you mean `Net`?"),
        ('model = "mine_too.py"', "unknown model `mine_too.py`; name what is meant in it: mine_too.py:NAME"),
    ],
)  # fmt: skip
def test_own_code_that_is_not_where_it_is_looked_for(own, capsys, monkeypatch, lines, message):
    monkeypatch.setenv("COLUMNS", "400")
    own("mine_too.py", "class Net:\n    pass\n")
    own("folder/notes.txt", "")
    own("notes.txt", "")
    own("circle.py", "from other import two\none = 1\n")
    own("other.py", "from circle import one\ntwo = 2\n")
    own("wrong.toml", f"{lines}\n")
    answer = ask(capsys, "check", "wrong.toml")
    assert answer.code == 2
    assert message in " ".join(answer.err.split())
    assert answer.err.count("^ ") == 1


def test_debug_shows_the_traceback(own, capsys):
    made(own, "a rule that raises in a round")
    from cli.app import main

    with pytest.raises(Exception, match="round 1: rule `mine`") as raised:
        main(["run", "wrong.toml", "--no-save", "-q", "--debug"])
    assert isinstance(raised.value.__cause__, KeyError)


def test_a_worker_tells_the_same(own, capsys):
    message = made(own, "a model that raises while it trains")
    answer = ask(capsys, "run", "wrong.toml", "--no-save", "-q", "--workers", "2", "--set", "execution.batch=1")
    assert message in " ".join(answer.err.split())
    assert answer.code == 1
