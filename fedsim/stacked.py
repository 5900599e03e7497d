"""Several clients' linear networks trained in one batched product: the step written by hand.

For models that are nothing but Flatten, Linear and ReLU. Each client has its own slice of stacked weights; one
`baddbmm` serves them all. The first layer of small batches has kernels of its own, called client by client, and its
weights are then stored turned about and padded. What makes a client's bits independent of its neighbours:

- every batch is padded to the client's own full batch with rows of weight zero, so shapes do not depend on others;
- a stack is never of one client: a lone client gets an idle neighbour, as a product of one takes another code path;
- a client's result is taken out at its last step, and what the slot does afterwards is of no consequence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fedsim.first_layer import FirstLayer, turned
from fedsim.kernels.dense import dense
from fedsim.local import ClientJob, Site, batches, client_examples
from fedsim.modules import flat_model, linear_layers
from fedsim.optimizers._family import optimizers

CHUNK = 8
"""Clients in one stack: more of them fall out of the cache."""
SMALL = 10_000
"""Parameters below which twice as many clients fit."""
LARGE = 1_000_000
"""Parameters above which one client at a time is as fast."""
MOST_PADDED = 1_024
"""Rows of a batch above which padding costs more than stacking gains."""


@dataclass
class Slot:
    """One client in a stack."""

    job: ClientJob
    images: Tensor  # (m, inputs) floats
    labels: Tensor  # (m,)
    plan: list[NDArray[np.int64]]  # positions of the examples of each step
    loss: float = 0.0
    seen: int = 0


def train_stacked(site: Site, jobs: Sequence[ClientJob]) -> list[float] | None:
    """Losses of the jobs' clients, their rows written; None where the model is not made of linear layers."""
    layers = _linear_layers(site)
    if layers is None:
        return None
    size = layers_size(layers)
    chunk = 2 * CHUNK if size < SMALL else CHUNK
    losses: dict[int, float] = {}
    for width, slots in _groups(site, jobs):
        for begin in range(0, len(slots), chunk):
            stack = Stack(site, layers, slots[begin : begin + chunk], width)
            stack.train()
            losses |= {id(slot.job): slot.loss / max(slot.seen, 1) for slot in stack.slots}
    return [losses[id(job)] for job in jobs]


def layers_size(layers: Sequence[nn.Linear]) -> int:
    """Parameters in all layers."""
    return sum(p.numel() for layer in layers for p in layer.parameters())


def _linear_layers(site: Site) -> list[nn.Linear] | None:
    """The layers of a linear network that is worth stacking, else None."""
    if site.training.kernel != "auto" or site.training.batch_size > MOST_PADDED:
        return None
    module = flat_model(site.kind, channels_last=True).module
    found = linear_layers(list(module)) if isinstance(module, nn.Sequential) else []
    return found if found and layers_size(found) <= LARGE else None


def _groups(site: Site, jobs: Sequence[ClientJob]) -> Iterator[tuple[int, list[Slot]]]:
    """Clients of the same padded batch together, most steps first so that those still at work are a prefix."""
    by_width: dict[int, list[Slot]] = {}
    for job in jobs:
        images, labels = client_examples(site, job)
        plan = list(batches(len(labels), site.training, job.stream))
        width = max(8, -(-max((len(step) for step in plan), default=1) // 8) * 8)
        slot = Slot(job, images.flatten(1), labels, plan)
        by_width.setdefault(width, []).append(slot)
    for width, slots in by_width.items():
        yield width, sorted(slots, key=lambda slot: -len(slot.plan))


class Stack:
    """The weights of k clients and the step that moves all of them."""

    def __init__(self, site: Site, layers: Sequence[nn.Linear], slots: list[Slot], width: int) -> None:
        self.slots = slots
        self.site, self.width = site, width
        self.start = torch.from_numpy(site.parameters.open())
        k = max(2, len(slots))
        shapes = [(layer.out_features, layer.in_features) for layer in layers]
        parts = torch.split(self.start, [size for o, i in shapes for size in (o * i, o)])
        self.anchors = [
            part.view(shapes[place // 2]) if place % 2 == 0 else part for place, part in enumerate(parts)
        ]  # the global numbers, weight and bias of each layer in turn
        self.dense = dense(shapes[0][1], shapes[0][0], width) if self.start.dtype == torch.float32 else None
        if self.dense:
            self.anchors[0] = turned(self.anchors[0], self.dense.outputs)
        stacks = [anchor.expand(k, *anchor.shape).clone() for anchor in self.anchors]
        self.weights, self.biases = stacks[::2], stacks[1::2]
        self.images = torch.zeros(k, width, shapes[0][1])
        self.labels = torch.zeros(k, width, dtype=torch.int64)
        self.first = FirstLayer(self.dense, self.images, self.weights[0], shapes[0][0]) if self.dense else None
        self.rows = torch.zeros(k, width, 1)  # 1/b for the b true rows of a batch, 0 for padding
        self.states: list[dict[str, Any]] = [{} for _ in (*self.weights, *self.biases)]
        choice = site.training.optimizer
        self.optimizer, self.settings = optimizers[choice.name].function, choice.settings
        self.plain = choice.name == "sgd" and not any(choice.settings[key] for key in ("momentum", "weight_decay"))
        self.plain = self.plain and not site.training.proximal

    def train(self) -> None:
        """Every step of every client; each row is written when its client is done."""
        with torch.no_grad():
            for step in range(max(len(slot.plan) for slot in self.slots)):
                active = sum(step < len(slot.plan) for slot in self.slots)
                self._fill(step, active)
                self._step(step, max(2, active), active)
                for place in range(active):
                    if step == len(self.slots[place].plan) - 1:
                        self._finish(place)
        for place, slot in enumerate(self.slots):
            if not slot.plan:
                self._finish(place)

    def _fill(self, step: int, active: int) -> None:
        """Copy each active client's next batch into place."""
        for place in range(active):
            slot = self.slots[place]
            chosen = torch.from_numpy(slot.plan[step])
            count = len(chosen)
            torch.index_select(slot.images, 0, chosen, out=self.images[place, :count])
            torch.index_select(slot.labels, 0, chosen, out=self.labels[place, :count])
            self.rows[place, :count] = 1 / count
            if count < self.width:
                self.rows[place, count:] = 0
                self.images[place, count:] = 0
        self.rows[active:] = 0

    def _step(self, step: int, k: int, active: int) -> None:
        """Forward, loss and backward of the first k clients, and their step."""
        hidden = [self.images[:k]]
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if self.first and not place:
                z = self.first.forward(active)[:k].add_(bias[:k].unsqueeze(1))
            else:
                z = torch.baddbmm(bias[:k].unsqueeze(1), hidden[-1], weight[:k].transpose(1, 2))
            hidden.append(z if len(hidden) == len(self.weights) else z.relu_())
        delta = self._loss(hidden.pop(), step, k, active)
        gradients: list[tuple[int, Tensor, Tensor]] = []
        for layer in range(len(self.weights) - 1, -1, -1):
            below = hidden.pop()
            gradients.append((layer, delta, below))
            if layer:
                delta = torch.bmm(delta, self.weights[layer][:k]).mul_(below > 0)
        for layer, upper, below in gradients:
            self._descend(layer, k, active, upper, below)

    def _loss(self, logits: Tensor, step: int, k: int, active: int) -> Tensor:
        """The gradient of each client's mean cross-entropy by its logits; the losses go to the slots."""
        labels = self.labels[:k].unsqueeze(2)
        log = torch.log_softmax(logits, dim=2)
        losses = (log.gather(2, labels) * self.rows[:k]).sum(dim=(1, 2))
        for slot, loss in zip(self.slots[:active], losses.tolist(), strict=False):
            count = len(slot.plan[step])
            slot.loss, slot.seen = slot.loss - loss * count, slot.seen + count
        delta = log.exp_()
        return delta.scatter_add_(2, labels, torch.full_like(self.rows[:k], -1.0)).mul_(self.rows[:k])

    def _descend(self, layer: int, k: int, active: int, delta: Tensor, below: Tensor) -> None:
        weight, bias, upper = self.weights[layer][:k], self.biases[layer][:k], delta.transpose(1, 2)
        first = self.first if not layer else None
        if self.plain:
            if first:
                first.descend(delta, active, self.settings["lr"])
            else:
                weight.baddbmm_(upper, below, alpha=-self.settings["lr"])
            bias.sub_(delta.sum(1), alpha=self.settings["lr"])
            return
        for place, start, parameter, gradient in (
            (
                2 * layer,
                self.anchors[2 * layer],
                weight,
                first.gradients(delta, active)[:k] if first else torch.bmm(upper, below),
            ),
            (2 * layer + 1, self.anchors[2 * layer + 1], bias, delta.sum(1)),
        ):
            if self.site.training.proximal:
                gradient.add_(parameter - start, alpha=self.site.training.proximal)
            self.optimizer(parameter, gradient, self._state(place, k), **self.settings)

    def _state(self, place: int, k: int) -> dict[str, Any]:
        """The optimizer's memory of one tensor, for the clients still at work."""
        state = self.states[place]
        for key, value in state.items():
            if isinstance(value, Tensor):
                state[key] = value[:k]
        return state

    def _finish(self, place: int) -> None:
        """Write a client's difference to its row."""
        row = torch.from_numpy(self.site.rows.open()[self.slots[place].job.row])
        own = [part[place].reshape(-1) for pair in zip(self.weights, self.biases, strict=True) for part in pair]
        if self.first:
            own[0] = self.weights[0][place, :, : self.first.outputs].T.reshape(-1)
        torch.sub(torch.cat(own), self.start, out=row)
