"""Examples dealt to the honest clients alone: what attackers hold, claim, know and may be asked to do."""

import numpy as np
import pytest

from fedsim.attacks.contract import attack, attacks
from fedsim.errors import ScenarioError
from fedsim.execution.pool import Pool
from fedsim.partitions.contract import Split
from fedsim.scenario.load import dump_scenario, parse_scenario
from fedsim.simulation.federation import build_federation
from fedsim.simulation.holders import among_honest
from tests.small_runs import DIGITS, held, played, registered, same, trained, witness

PARTITIONS = {
    "iid": {},
    "gamma": {"similarity": 0.0},
    "gamma half": {"similarity": 0.5},
    "dirichlet": {"alpha": 0.5},
    "shards": {"per_client": 2},
    "quantity": {},
    "virtual": {"samples": 30},
}
EVERYBODY = ["clients.population=12", "clients.sampled=12"]


def among(name, **more):
    settings = PARTITIONS[name] | more
    return {"partition": {"name": name.partition(" ")[0], "holders": "honest", **settings}}


def of_honest(name, rest, *overrides):
    text = DIGITS + rest
    return parse_scenario(text, {"execution.backend": "serial", **among(name), **dict(o.split("=") for o in overrides)})


@pytest.mark.parametrize("name", PARTITIONS)
def test_the_honest_share_what_they_would_share_alone(name):
    federation = build_federation(of_honest(name, held(2, 3, 11, name="sign_flip")))
    plain = DIGITS.replace("population = 12", "population = 9")
    alone = build_federation(parse_scenario(plain, {"partition": {"name": name.partition(" ")[0], **PARTITIONS[name]}}))
    honest = [client for client in range(12) if client not in (2, 3, 11)]
    for rank, client in enumerate(honest):
        np.testing.assert_array_equal(federation.examples_of(client), alone.examples_of(rank))
    assert [len(federation.examples_of(client)) for client in (2, 3, 11)] == [0, 0, 0]
    assert federation.population == 12
    if name != "virtual":
        assert sorted(np.concatenate([federation.examples_of(c) for c in honest])) == federation.held.tolist()


def test_who_attacks_does_not_depend_on_who_holds():
    rest = '\n[[attacks]]\nname = "sign_flip"\ncount = 4\n'
    both = [build_federation(parse_scenario(DIGITS + rest, {"partition": {"name": "iid", "holders": who}}))
            for who in ("all", "honest")]  # fmt: skip
    everybody = np.arange(12)
    masks = [federation.controlled[0].among(everybody) for federation in both]
    np.testing.assert_array_equal(*masks)
    assert masks[0].sum() == 4


@pytest.mark.parametrize("name", ["iid", "virtual"])
def test_attackers_train_nothing_and_claim_an_honest_share(name):
    rest = held(0, 5, name="sign_flip")
    with witness() as seen:
        given = parse_scenario(
            DIGITS + rest,
            {**among(name), "clients.sampled": 12, "aggregator": "witness", "execution.backend": "serial"},
        )
        seen.clear()
        events = played(given)
    assert trained(events, 1) == set(range(12)) - {0, 5}
    counts = dict(zip(seen[0]["clients"].tolist(), seen[0]["counts"].tolist(), strict=True))
    mean = np.mean([counts[client] for client in range(12) if client not in (0, 5)])
    assert counts[0] == counts[5] == round(mean) > 0


def test_in_the_place_of_their_own_update_stands_the_mean_of_the_honest():
    with registered(attacks, "spy"), witness() as seen:
        asked = []

        @attack("spy")
        def spy(own, honest, count):
            asked.append((own.copy(), honest.copy()))
            return np.zeros_like(own)

        given = parse_scenario(
            DIGITS + held(1, 7, 9),
            {**among("gamma"), "clients.sampled": 12, "aggregator": "witness", "execution.backend": "serial"},
        )
        asked.clear()
        seen.clear()
        played(given)
    for (own, honest), known in zip(asked, seen, strict=True):
        rows = known["updates"][~np.isin(known["clients"], [1, 7, 9])]
        np.testing.assert_array_equal(honest, rows)
        assert own.shape == (3, rows.shape[1])
        np.testing.assert_array_equal(own, np.tile(rows.mean(axis=0), (3, 1)))


def test_where_no_honest_client_answers_they_know_zeros():
    with registered(attacks, "spy"):
        asked = []

        @attack("spy")
        def spy(own, honest):
            asked.append((own.copy(), honest.copy()))
            return own

        given = parse_scenario(
            DIGITS + held(*range(11)),
            {**among("iid"), "clients.sampled": 2, "rounds": 12, "execution.backend": "serial"},
        )
        asked.clear()
        played(given)
    alone = [pair for pair in asked if len(pair[0]) == 2]
    assert alone
    assert not any(own.any() or honest.any() for own, honest in alone)


def test_workers_change_nothing_and_a_dumped_scenario_is_the_same():
    given = of_honest("dirichlet", held(1, 2, name="alie"))
    with Pool(2, "loky") as pool:
        assert same(played(given, pool)) == same(played(given))
    assert parse_scenario(dump_scenario(given)) == given
    assert 'holders = "honest"' in dump_scenario(given)


def test_it_is_the_momentum_of_the_honest_that_attackers_turn_about():
    with witness() as seen:
        given = parse_scenario(
            DIGITS + held(0, 1, name="sign_flip"),
            {
                **among("gamma"), "clients.sampled": 12, "aggregator": "witness", "execution.backend": "serial",
                "training.algorithm": {"name": "fedsgd", "momentum": 0.9, "rate": "server"}, "server.lr": 0.1,
            },
        )  # fmt: skip
        seen.clear()
        played(given)
    assert len(seen) == 3
    for known in seen:
        forged, honest = known["updates"][:2], known["updates"][2:]
        np.testing.assert_allclose(forged, np.tile(-honest.mean(axis=0), (2, 1)), rtol=1e-6, atol=1e-9)


def test_empty_stretches_of_a_split():
    split = Split.of([np.array([4, 2]), np.array([0]), np.array([1, 3])])
    attacking = np.array([True, False, False, True, True, False, True])
    shares = among_honest(split, attacking)
    assert [shares[client].tolist() for client in range(7)] == [[], [4, 2], [0], [], [], [1, 3], []]


HEAD = 'partition = {name = "iid", holders = "honest"}\ndata = "digits"\n[clients]\npopulation = 10\n'
ADVERSARY = '[[attacks]]\nname = "{name}"\n{more}\n'


@pytest.mark.parametrize(
    ("name", "more", "where", "message"),
    [
        (
            "sign_flip",
            "count = 10",
            "partition.holders",
            "nobody is honest who could hold the examples: 10 of 10 clients",
        ),
        ("label_flip", "count = 2", "attacks[0].name", "label_flip poisons examples, and with partition.holders = "),
        ("neurotoxin", "count = 2", "attacks[0].name", "neurotoxin trains on examples, and with partition.holders = "),
        ("alie", 'count = 2\nknowledge = "own"', "attacks[0].knowledge", "attackers train none: use all"),
        ("alie", 'count = 2\nknowledge = "colluders"', "attacks[0].knowledge", "attackers train none: use all"),
        ("alie", "per_round = 2", "attacks[0].per_round", "draws attackers anew in every round"),
        ("alie", "count = 2\nstart = 3", "attacks[0].start", "leaves rounds in which its clients would be honest"),
        ("alie", "count = 2\nstop = 3", "attacks[0].stop", "leaves rounds in which its clients would be honest"),
        ("alie", "count = 2\nevery = 3", "attacks[0].every", "leaves rounds in which its clients would be honest"),
    ],
)
def test_what_needs_examples_is_refused_at_its_place(name, more, where, message):
    with pytest.raises(ScenarioError, match=message) as refused:
        parse_scenario(HEAD + ADVERSARY.format(name=name, more=more))
    assert where in {problem.where for problem in refused.value.problems}
    assert all(problem.line for problem in refused.value.problems)


def test_an_attack_that_looks_at_nothing_may_know_nothing():
    parse_scenario(HEAD + ADVERSARY.format(name="zero", more='count = 2\nknowledge = "own"'))


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        (
            'partition = {name = "iid", holders = "honest"}',
            "clients.population",
            "must be given with partition.holders",
        ),
        ('partition = {name = "iid", holders = "some"}', "partition.holders", "must be 'all' or 'honest', got 'some'"),
        ('partition = {holders = "honest"}', "partition.name", "must name one of the partitions"),
        ('partition = {name = "iid", holder = "all"}', "partition.holder", r"unknown key; did you mean `holders`\?"),
        ("partition = 3", "partition", "must be the name of one of the partitions or a table, got 3"),
    ],
)
def test_a_wrong_holder_is_refused_at_its_place(text, where, message):
    with pytest.raises(ScenarioError, match=message) as refused:
        parse_scenario(text)
    assert [problem.where for problem in refused.value.problems] == [where]
