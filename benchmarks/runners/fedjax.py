"""fedjax: its federated averaging, the torch module's layers said again in jax."""

from typing import Any

import numpy as np

from benchmarks.runners.gates import Gate
from benchmarks.runners.task import Task

PACKAGE = "fedjax"
RULES = ("mean",)


def run(task: Task, rule: str, gate: Gate) -> None:
    """Its algorithm round by round, and its evaluation in batches."""
    import fedjax
    import jax

    jax.tree_map = jax.tree_util.tree_map  # where fedjax looks for it, and where jax had it until 0.4.26
    module = task.module()
    layers: list[Any] = list(module.children())
    loss: Any = fedjax.metrics.unreduced_cross_entropy_loss
    gradient = jax.grad(lambda numbers, batch, _: loss(batch["y"], _outputs(layers, numbers, batch["x"])).mean())
    local = fedjax.optimizers.sgd(task.workload.lr, task.workload.momentum or None)
    batches = fedjax.ShuffleRepeatBatchHParams(task.batch, num_epochs=1)
    algorithm = fedjax.algorithms.fed_avg.federated_averaging(gradient, local, fedjax.optimizers.sgd(1.0), batches)
    state = algorithm.init([jax.numpy.asarray(parameter.detach().numpy()) for parameter in module.parameters()])
    owned = [fedjax.ClientDataset(dict(zip("xy", task.examples(client), strict=True))) for client in task.clients]
    hits = jax.jit(lambda numbers, x, y: (_outputs(layers, numbers, x).argmax(1) == y).sum())
    images, labels = (part.numpy() for part in task.tests().tensors)
    for round in range(10**9):
        keys = jax.random.split(jax.random.PRNGKey(round), len(owned))
        state, _ = algorithm.apply(state, [(b"%d" % c, owned[c], keys[c]) for c in task.clients])
        right = [hits(state.params, images[i : i + 250], labels[i : i + 250]) for i in range(0, len(labels), 250)]
        accuracy = float(sum(right)) / len(labels)
        gate(np.concatenate([np.asarray(array).ravel() for array in state.params]), accuracy)


def _outputs(layers: list[Any], numbers: Any, images: Any) -> Any:
    """The layers of a sequential torch module, one after another."""
    rest = list(numbers)
    for layer in layers:
        owned, rest = rest[: len(list(layer.parameters()))], rest[len(list(layer.parameters())) :]
        apply: Any = LAYERS[type(layer).__name__]
        images = apply(layer, owned, images)
    return images


def _convolution(layer: Any, numbers: Any, images: Any) -> Any:
    import jax

    edges = [(edge, edge) for edge in layer.padding]
    return jax.lax.conv_general_dilated(images, numbers[0], (1, 1), edges) + numbers[1][:, None, None]


def _pool(layer: Any, numbers: Any, images: Any) -> Any:
    import jax

    return jax.lax.reduce_window(images, -np.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def _normalised(layer: Any, numbers: Any, images: Any) -> Any:
    grouped = images.reshape(len(images), layer.num_groups, -1)
    mean, variance = grouped.mean(2, keepdims=True), grouped.var(2, keepdims=True)
    whitened = ((grouped - mean) / (variance + layer.eps) ** 0.5).reshape(images.shape)
    return whitened * numbers[0][:, None, None] + numbers[1][:, None, None]


LAYERS = {
    "Conv2d": _convolution,
    "ReLU": lambda layer, numbers, images: images.clip(0),
    "MaxPool2d": _pool,
    "GroupNorm": _normalised,
    "Flatten": lambda layer, numbers, images: images.reshape(len(images), -1),
    "Linear": lambda layer, numbers, images: images @ numbers[0].T + numbers[1],
}
