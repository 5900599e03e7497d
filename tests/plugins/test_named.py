"""One thing by its address, decorated or not: what it is given, and what a scenario may set."""

import numpy as np
import pytest

import fedsim
from fedsim.aggregators import aggregators
from fedsim.attacks import attacks
from fedsim.errors import PluginFailed
from fedsim.models import models
from fedsim.partitions import partitions
from fedsim.scenario.load import parse_scenario
from fedsim.scenario.validation import check_settings
from tests.own_code import NET, RULE, SMALL


def ended(*overrides, text=SMALL):
    *_, last = fedsim.simulate(parse_scenario(text, overrides))
    return last


def test_a_class_is_given_what_it_calls_by_other_names_and_the_rest_are_settings(own):
    own("net.py", NET)
    entry = models["net.py:Net"]
    assert entry.supplied == ("shape", "classes")
    assert [(name, setting.default) for name, setting in entry.settings.items()] == [("width", 4), ("weights", None)]
    assert ended('model={name="./net.py:Net", width=2}').digest != ended('model="./net.py:Net"').digest


def test_a_decorated_thing_by_its_address_is_the_registered_one(own):
    own("my_rules.py", RULE)
    assert aggregators["my_rules.py:mine"] is aggregators["mine"]
    assert ended('aggregator="my_rules.py:mine"').final is not None
    assert parse_scenario(SMALL, ['aggregator="my_rules.py:mine"']).aggregator.name == "my_rules.py:mine"


def test_every_family_takes_a_plain_function(own):
    own(
        "plain.py",
        """
        import numpy as np
        from fedsim.aggregators import Aggregate
        from fedsim.partitions import Split

        def rule(stream, updates, floor=0.0, *, f: int = 0):
            return Aggregate(updates.mean(axis=0), np.full(len(updates), 1 / len(updates)))

        def halve(updates):
            return updates / 2

        def push(honest, count, scale=2):
            return np.repeat(-scale * honest[:1], count, axis=0).astype(honest.dtype)

        def swap(targets, classes):
            return (targets + 1) % classes

        def deal(targets, clients, stream):
            return Split.of(np.array_split(np.arange(len(targets)), clients))

        def step(parameters, gradient, state, lr=0.1):
            parameters.sub_(gradient, alpha=lr)

        def wait(clients, round, seconds=1.0):
            return np.full(len(clients), float(seconds))
        """,
    )
    assert aggregators["plain.py:rule"].supplied == ("updates", "stream")
    assert list(aggregators["plain.py:rule"].settings) == ["floor", "f"]
    assert attacks["plain.py:push"].traits["poisons"] == "updates"
    assert attacks["plain.py:swap"].traits["poisons"] == "data"
    assert (
        ended(
            'aggregator={name="plain.py:rule", floor=0.5}',
            'preaggregators=["plain.py:halve"]',
            'attacks=[{name="plain.py:push", scale=3, count=1}, {name="plain.py:swap", count=1}]',
            'partition="plain.py:deal"',
            'training.optimizer={name="plain.py:step", lr=0.2}',
            'clients.latency={name="plain.py:wait", seconds=2}',
        ).time
        == 4.0
    )
    rows = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(fedsim.aggregate("plain.py:rule", rows), rows.mean(axis=0))
    assert partitions["plain.py:deal"].supplied == ("targets", "clients", "stream")


@pytest.mark.parametrize("data", ['"digits"', '{name="glyphs", writers=4, samples=62}'])
def test_a_network_of_torchvision_takes_grey_images_and_any_number_of_classes(data):
    """Three channels are made of one, and the number of classes is handed on through the keywords."""
    entry = models["torchvision.models:resnet18"]
    assert entry.supplied == ("shape", "classes")
    assert set(entry.settings) == {"weights", "progress"}
    from fedsim.inputs import InputSpec
    from fedsim.scenario.sections import Choice
    from fedsim.training.torch_models import ModelKind

    settings, problems = check_settings(entry, {})
    assert not problems
    for shape in ((1, 28, 28), (3, 32, 32)):
        kind = ModelKind(Choice("torchvision.models:resnet18", settings), InputSpec("images", shape), 7)
        import torch

        with torch.no_grad():
            assert kind.build().eval()(torch.zeros(2, *shape)).shape == (2, 7)


def test_a_model_of_another_shape_than_the_data_is_one_message(own):
    with pytest.raises(fedsim.ScenarioError, match=r"model: torchvision.models:vgg11 cannot take images of 1×8×8"):
        ended('model="torchvision.models:vgg11"')


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.py:Nett", r"net.py has no `Nett`; did you mean `Net`\?"),
        ("net.py:nothing_like_it", r"net.py has no `nothing_like_it`; it has Net, asks, blind$"),
        ("net.py:VALUE", "net.py:VALUE is a int, not a function or a class"),
        ("nett.py:Net", r"nett.py is not there; did you mean `net.py`"),
        ("torchvision.modelz:resnet18", r"there is no module torchvision.modelz; did you mean `torchvision.models`\?"),
        ("no.such.module:x", "there is no module no.such.module"),
        ("net.py:asks", r"net.py:asks.* asks for `clases`, which the engine does not supply; did you mean `classes`"),
        ("math:hypot", "module math has no file of Python to read"),
    ],
)
def test_an_address_that_leads_nowhere_says_where_it_went_wrong(own, name, message):
    own("net.py", NET + "\nVALUE = 3\n\ndef asks(shape, clases):\n    pass\n\ndef blind(shape):\n    pass\n")
    with pytest.raises(PluginFailed, match=message):
        models[name]


def test_a_thing_of_another_family_is_told_apart(own):
    own("my_rules.py", RULE)
    with pytest.raises(PluginFailed, match=r"my_rules.py:mine is a rule, where a model is wanted"):
        models["my_rules.py:mine"]


def test_one_address_that_means_two_files_is_an_error(own, tmp_path):
    from fedsim.plugins import beside

    own("one/net.py", NET)
    own("two/net.py", NET + "\nMORE = 1\n")
    with beside(tmp_path / "one"):
        models["./net.py:Net"]
    with beside(tmp_path / "two"), pytest.raises(PluginFailed, match="means two files"):
        parse = __import__("fedsim.plugins.named", fromlist=["named"]).named
        parse(models, "./net.py:Net")
