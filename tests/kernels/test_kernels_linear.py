"""The kernels of linear networks compute what float64 computes, whatever the sizes and the processor."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from fedsim.kernels import llvm
from fedsim.kernels.llvm import ATTRIBUTES
from fedsim.kernels.networks import linear
from fedsim.kernels.networks.images import aligned
from fedsim.kernels.networks.linear import LinearWorkspace, stored
from fedsim.kernels.networks.linear_sizes import Linear
from fedsim.kernels.networks.softmax_source import DECLARATIONS, VECTOR, exponential

pytestmark = pytest.mark.skipif(not llvm.available(), reason="no compiler")

SIZES = [(784, 10), (784, 128, 10), (1, 1, 2), (17, 3), (33, 65, 47, 19), (64, 16, 16), (100, 31, 130)]
PROCESSORS = {"narrow": "haswell", "wide": "skylake-avx512"}


@pytest.fixture(params=["own", *PROCESSORS])
def processor(request, monkeypatch):
    """The kernels of this processor, and those of the two kinds that there are, where this one can run them."""
    if request.param == "own":
        yield
        return
    has = llvm.features()
    if not has.get("avx512f" if request.param == "wide" else "avx2"):
        pytest.skip("this processor cannot run them")
    made = [linear._trainer, linear._sender, linear._asker, linear._subtractor]
    for cache in made:
        cache.cache_clear()
    monkeypatch.setattr(llvm, "processor", lambda: (PROCESSORS[request.param], ""))
    monkeypatch.setattr(llvm, "features", lambda: {"avx512f": request.param == "wide"})
    yield
    for cache in made:
        cache.cache_clear()


@dataclasses.dataclass
class Case:
    """Numbers of a network, and examples for it."""

    net: Linear
    vector: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    order: np.ndarray
    bounds: np.ndarray


def case(sizes, dtype, bounds=(0, 32, 51, 52, 60)):
    draw, net = np.random.default_rng(len(sizes)), Linear(sizes)
    count = sum((i + 1) * o for i, o in pairwise(sizes))
    vector = (draw.standard_normal(count) / np.sqrt(sizes[0])).astype(np.float32)
    images = draw.integers(0, 256, (70, sizes[0]), np.uint8)
    images = images if dtype == "uint8" else (images / np.float32(255))
    order = draw.permutation(70)[: bounds[-1]]
    return Case(net, vector, images, draw.integers(0, sizes[-1], bounds[-1]), order, np.array(bounds))


def layers_of(case, vector):
    """(weights, biases) in float64."""
    start = 0
    for inputs, outputs in pairwise(case.net.sizes):
        end = start + inputs * outputs
        yield vector[start:end].reshape(outputs, inputs).astype(float), vector[end : end + outputs].astype(float)
        start = end + outputs


def forward(layers, images):
    seen = [images.astype(float) / (255 if images.dtype == np.uint8 else 1)]
    for place, (weights, biases) in enumerate(layers):
        z = seen[-1] @ weights.T + biases
        seen.append(z if place == len(layers) - 1 else np.maximum(z, 0))
    return seen


def gradient(layers, images, labels):
    """Mean cross-entropy's gradient, flat, and the summed loss."""
    seen = forward(layers, images)
    logits = seen.pop()
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    loss = np.log(e.sum(axis=1)) + logits.max(axis=1) - logits[np.arange(len(labels)), labels]
    delta = (e / e.sum(axis=1, keepdims=True) - np.eye(logits.shape[1])[labels]) / len(labels)
    parts = []
    for (weights, _), below in zip(reversed(layers), reversed(seen), strict=True):
        parts = [(delta.T @ below).ravel(), delta.sum(axis=0), *parts]
        delta = delta @ weights * (below > 0)
    return np.concatenate(parts), loss.sum()


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_pass_of_plain_descent_is_that_of_float64(processor, sizes, dtype):
    given = case(sizes, dtype)
    workspace, start = LinearWorkspace(given.net, 32), stored(given.net, given.vector)
    own, row = workspace.copy(start), np.full(len(given.vector) + 16, 7, np.float32)
    loss = workspace.train(given.images, given.order, given.labels, given.bounds, own, own, own, 0.3)
    workspace.subtract(own, given.vector, row)
    vector, wanted = given.vector.astype(float), 0.0
    for begin, end in pairwise(given.bounds):
        part = slice(begin, end)
        found, summed = gradient(list(layers_of(given, vector)), given.images[given.order[part]], given.labels[part])
        vector, wanted = vector - 0.3 * found, wanted + summed
    np.testing.assert_allclose(row[:-16], vector - given.vector, atol=3e-6)
    assert (row[-16:] == 7).all()  # nothing is written beyond the row
    assert loss == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("decay", [0.0, 0.25])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_what_many_send_at_once_is_that_of_float64(processor, sizes, dtype, decay):
    given = case(sizes, dtype)
    workspace, start, d = (
        LinearWorkspace(given.net, int(given.bounds[-1])),
        stored(given.net, given.vector),
        len(given.vector),
    )
    rows, which = np.full((6, d), 7, np.float32), np.array([4, 0, 2, 1])
    base = np.float32(-2 * decay) * given.vector if decay else None
    losses = workspace.send(given.images, given.order, given.labels, given.bounds, start, base, -2.0, rows, which)
    for row, loss, (begin, end) in zip(which, losses, pairwise(given.bounds), strict=True):
        part, layers = slice(begin, end), list(layers_of(given, given.vector))
        found, summed = gradient(layers, given.images[given.order[part]], given.labels[part])
        np.testing.assert_allclose(rows[row], -2 * (found + decay * given.vector), atol=6e-6)
        assert loss == pytest.approx(summed / (end - begin), rel=1e-5)
    assert (rows[[3, 5]] == 7).all()  # nothing is written elsewhere


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_gradient_by_what_comes_in_is_that_of_float64(processor, sizes):
    given = case(sizes, "float32", bounds=(0, 21))
    net = dataclasses.replace(given.net, below=True)
    workspace, start, row = (
        LinearWorkspace(net, 32),
        stored(net, given.vector),
        np.empty((1, len(given.vector)), np.float32),
    )
    workspace.send(given.images, given.order, given.labels, given.bounds, start, None, 1.0, row, np.array([0]))
    layers, seen = list(layers_of(given, given.vector)), given.images[given.order].astype(float)
    eps, wanted = 1e-6, np.zeros(seen.shape)
    for place in list(np.ndindex(seen.shape))[::97]:  # by the definition of a derivative
        moved = [seen.copy(), seen.copy()]
        moved[0][place] += eps
        moved[1][place] -= eps
        above, below = (gradient(layers, each, given.labels)[1] / 21 for each in moved)
        wanted[place] = (above - below) / (2 * eps)
    places = tuple(np.array(list(np.ndindex(seen.shape))[::97]).T)
    np.testing.assert_allclose(workspace.below(21)[places], wanted[places], atol=1e-5)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_gradient_is_written_beside_and_the_parameters_stay(processor, sizes):
    given = case(sizes, "uint8", bounds=(5, 38))
    given.order, given.labels = np.tile(given.order, 2), np.tile(given.labels, 2)
    workspace, start = LinearWorkspace(given.net, 33), stored(given.net, given.vector)
    own, target, nothing = workspace.copy(start), aligned(len(start)), aligned(len(start))
    workspace.train(given.images, given.order, given.labels, given.bounds, own, nothing, target, -1.0)
    np.testing.assert_array_equal(own, start)
    row = np.empty_like(given.vector)
    workspace.subtract(target, np.zeros_like(row), row)
    part = slice(5, 38)
    exact, _ = gradient(list(layers_of(given, given.vector)), given.images[given.order[part]], given.labels[part])
    np.testing.assert_allclose(row, exact, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 70])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_answers_are_those_of_float64(processor, sizes, count):
    given = case(sizes, "uint8")
    answers = LinearWorkspace(given.net, 32).ask(given.images[:count], stored(given.net, given.vector))
    exact = forward(list(layers_of(given, given.vector)), given.images[:count])[-1]
    np.testing.assert_allclose(answers, exact, atol=1e-5)


def test_stored_numbers_come_back_as_they_went():
    given = case((33, 65, 47, 19), "uint8")
    row = np.empty_like(given.vector)
    LinearWorkspace(given.net, 16).subtract(stored(given.net, given.vector), np.zeros_like(row), row)
    np.testing.assert_array_equal(row, given.vector)


def test_a_byte_becomes_the_number_that_torch_makes_of_it(processor):
    net = Linear((1, 1, 2))
    vector = np.array([1, 0, 1, 1, 0, 0], np.float32)
    images = np.arange(256, dtype=np.uint8).reshape(256, 1)
    answers = LinearWorkspace(net, 64).ask(images, stored(net, vector))
    np.testing.assert_array_equal(answers[:, 0], np.arange(256, dtype=np.float32) / np.float32(255))


def test_numbers_that_are_not_finite_are_passed_on(processor):
    given = case((20, 9, 4), "float32")
    for bad in (np.nan, np.inf):
        images = given.images.copy()
        images[given.order[0], 3] = bad
        workspace = LinearWorkspace(given.net, 32)
        own = workspace.copy(stored(given.net, given.vector))
        loss = workspace.train(images, given.order, given.labels, given.bounds, own, own, own, 0.1)
        assert np.isnan(loss)
        assert np.isnan(own).any()


def test_an_exponential_is_right_to_its_last_places(processor):
    source = f"""{DECLARATIONS}
define void @kernel(ptr %in, ptr %out) #0 {{
  %x = load {VECTOR}, ptr %in, align 4{exponential("y", "%x")}
  store {VECTOR} %y, ptr %out, align 4
  ret void
}}
{ATTRIBUTES}"""
    run = llvm.compiled(source, [llvm.POINTER, llvm.POINTER])
    values = -np.concatenate([[0.0, 1e-30, 1e-8], np.linspace(0, 86.9, 16 * 4096 - 3)]).astype(np.float32)
    found = np.empty_like(values)
    for start in range(0, len(values), 16):
        run(values[start:].ctypes.data, found[start:].ctypes.data)
    np.testing.assert_allclose(found, np.exp(values.astype(float)), rtol=1.5e-7)
    ends = np.array([0, -0.0, -88, -1e30, -np.inf, np.nan, *[0] * 10], np.float32)
    answers = np.empty_like(ends)
    run(ends.ctypes.data, answers.ctypes.data)
    np.testing.assert_array_equal(answers[:6], np.array([1, 1, 0, 0, 0, np.nan], np.float32))


@pytest.mark.parametrize("pixels", [16, 23])
def test_every_byte_becomes_its_255th_rounded_once(pixels):
    images = np.resize(np.arange(256, dtype=np.uint8), (256, pixels))
    images[:] = np.arange(256)[:, None]
    net = Linear((pixels, pixels))
    numbers = np.concatenate([np.eye(pixels).reshape(-1), np.zeros(pixels)]).astype(np.float32)
    found = LinearWorkspace(net, 64).ask(images, stored(net, numbers))
    np.testing.assert_array_equal(found, images / np.float32(255))
