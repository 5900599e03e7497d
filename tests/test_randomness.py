"""A draw belongs to its address: the laws of paths, and answers that may never change silently."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from fedsim.randomness import Stream

ROOT = Stream.root(1)
names = some.one_of(some.text(max_size=5), some.integers(-(2**70), 2**70))
paths = some.lists(names, max_size=4)


@given(paths, paths)
def test_a_path_may_be_walked_in_any_steps(first, then):
    assert ROOT.at(*first, *then) == ROOT.at(*first).at(*then)


@given(paths, paths)
def test_different_paths_are_different_streams(one, other):
    same = [(type(name), name) for name in one] == [(type(name), name) for name in other]
    assert (ROOT.at(*one) == ROOT.at(*other)) == same


@pytest.mark.parametrize(
    ("one", "other"),
    [(("1",), (1,)), (("a", "b"), ("ab",)), (("a", "b"), ("b", "a")), ((1, 2), (12,)), ((), ("",)), ((0,), (-1,))],
)
def test_lookalikes_differ(one, other):
    assert ROOT.at(*one) != ROOT.at(*other)


def test_seeds_differ_beyond_32_bits():
    assert len({Stream.root(seed) for seed in (0, 5, 5 + 2**32, 5 + 2**64, -5)}) == 5


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_a_numpy_integer_is_the_number_it_is(kind):
    assert ROOT.at("client", kind(7)) == ROOT.at("client", 7)
    assert Stream.root(kind(7)) == Stream.root(7)


def test_a_numpy_string_is_the_word_it_is():
    assert ROOT.at(np.str_("client")) == ROOT.at("client")


@pytest.mark.parametrize("name", [1.0, None, ("a",), b"a"])
def test_anything_else_is_no_name(name):
    with pytest.raises(TypeError):
        ROOT.at(name)


def test_order_of_asking_does_not_matter():
    clients = list(range(20))
    forwards = {c: ROOT.at("client", c).numpy().random() for c in clients}
    backwards = {c: ROOT.at("client", c).numpy().random() for c in reversed(clients)}
    assert forwards == backwards
    assert len(set(forwards.values())) == 20


def test_every_generator_starts_over_and_knows_no_other():
    first = ROOT.at("a").numpy()
    first.random(1000)
    assert ROOT.at("a").numpy().random() == ROOT.at("a").numpy().random() != first.random()


def test_asking_leaves_the_global_generators_alone():
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    ROOT.at("a").numpy().random(3)
    torch.rand(3, generator=ROOT.at("a").torch())
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])


def test_neighbouring_addresses_are_not_correlated():
    draws = np.array([ROOT.at("round", 1, "client", c).numpy().standard_normal(4000) for c in range(30)])
    assert np.abs(np.corrcoef(draws) - np.eye(30)).max() < 0.09  # 0.016 is one standard deviation


def test_first_draws_are_uniform_over_addresses():
    draws = np.array([ROOT.at("client", c).numpy().random() for c in range(4000)])
    counts = np.histogram(draws, bins=10, range=(0, 1))[0]
    assert np.abs(counts - 400).max() < 100  # five standard deviations


def test_torch_keeps_32_bits_and_gets_the_keys_lowest():
    stream = ROOT.at("a")
    assert 0 <= stream.seed < 2**32
    assert stream.seed == int.from_bytes(stream.key, "little") % 2**32
    assert stream.torch().initial_seed() == stream.seed
    far = torch.Generator().manual_seed(stream.seed + 2**32)
    assert torch.equal(torch.rand(4, generator=far), torch.rand(4, generator=stream.torch()))


def test_known_answers():
    """Should this ever fail, every recorded result changes: that is a new major version, not a new expectation."""
    assert ROOT.key.hex() == "a58c00b8ea12771f7ea88bc638026179"
    assert ROOT.at("round", 12, "client", 3).key.hex() == "105b4dc7fd990091fb935cc009b6a3c8"
    stream = ROOT.at("a")
    assert stream.seed == 3670511970
    assert stream.numpy().integers(0, 2**32, 4).tolist() == [3005135721, 3157917427, 119513570, 2176391955]
    assert stream.numpy().random(2).tolist() == [0.7352599472970905, 0.5067307397322325]
    assert stream.numpy().standard_normal(2).tolist() == [-1.218182956709201, -0.13066632652297747]
    assert torch.rand(2, generator=stream.torch()).tolist() == [0.7494584918022156, 0.12806719541549683]


def test_another_process_draws_the_same():
    code = "from fedsim.randomness import Stream; print(Stream.root(1).at('a', 2).numpy().random())"
    answers = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert answers == {f"{ROOT.at('a', 2).numpy().random()}\n".encode()}
