"""The first layer of a stack of linear networks: client by client, by kernels compiled for its sizes.

Most of such a network's work is here. A kernel of one client keeps its weights and its gradient in the cache, and its
bits are the client's own whatever stands beside it.
"""

import torch
from torch import Tensor

from fedsim.kernels.dense import Dense


class FirstLayer:
    """The first layer of a stack, client by client: its weights are (inputs, outputs in whole vectors)."""

    def __init__(self, kernels: Dense, images: Tensor, weights: Tensor, outputs: int) -> None:
        self.kernels, self.outputs = kernels, outputs
        (k, width, _), wide = images.shape, kernels.outputs
        self.values, self.delta = torch.zeros(k, width, wide), torch.zeros(k, width, wide)
        self.weights = weights
        self._own = list(weights)
        self._gradient = torch.zeros(weights.shape[1:])
        self._places = list(zip(*map(_addresses, (images, weights, self.values, self.delta)), strict=True))

    def forward(self, active: int) -> Tensor:
        """(k, width, outputs) products, those of the active clients new."""
        for images, weights, values, _ in self._places[:active]:
            self.kernels.multiply(images, weights, values)
        return self.values[:, :, : self.outputs]

    def descend(self, delta: Tensor, active: int, lr: float) -> None:
        """A plain step of each active client: its gradient is used while it is in the cache."""
        self._take(delta, active)
        address = self._gradient.data_ptr()
        for (images, _, _, own), weights in zip(self._places[:active], self._own, strict=False):
            self.kernels.gradient(images, own, address)
            weights.sub_(self._gradient, alpha=lr)

    def gradients(self, delta: Tensor, active: int) -> Tensor:
        """(k, inputs, outputs) gradients, zero for the clients that are done."""
        self._take(delta, active)
        found = torch.zeros_like(self.weights)
        for (images, _, _, own), gradient in zip(self._places[:active], _addresses(found), strict=False):
            self.kernels.gradient(images, own, gradient)
        return found

    def _take(self, delta: Tensor, active: int) -> None:
        self.delta[:active, :, : self.outputs] = delta[:active]


def _addresses(stack: Tensor) -> list[int]:
    """Where each client's part of a stack lies."""
    return [part.data_ptr() for part in stack]


def turned(weight: Tensor, outputs: int) -> Tensor:
    """(out, in) weights as (in, outputs), zeros beyond."""
    room = torch.zeros(weight.shape[1], outputs)
    room[:, : len(weight)] = weight.T
    return room
