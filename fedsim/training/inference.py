"""The outputs of a model under given parameters, by the fastest way there is for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedsim.array_types import Array
from fedsim.training.convnet import run_convnet
from fedsim.training.mlp import run_linear
from fedsim.training.torch_models import ModelKind, flat_model

BATCH_EXAMPLES = 100
"""Examples in one forward pass: larger temporaries leave the cache."""


def outputs(kind: ModelKind, vector: Tensor) -> Callable[[NDArray[Any]], Tensor]:
    """(k, *shape) inputs -> (k, classes) or (k, length, classes) logits, in evaluation mode and without gradients."""
    with torch.no_grad():
        compiled = run_linear(kind, vector) or run_convnet(kind, vector)
    return compiled or module_outputs(kind, vector)


def module_outputs(kind: ModelKind, vector: Tensor) -> Callable[[NDArray[Any]], Tensor]:
    """The same by the model's own forward pass."""
    flat = flat_model(kind, channels_last=True)
    flat.load(vector)
    module = flat.module.eval()
    return _of_tensors(kind, lambda inputs: torch.cat([module(part) for part in torch.split(inputs, BATCH_EXAMPLES)]))


@dataclass(frozen=True)
class RowOutputs:
    """The model with any row applied, to be asked about any inputs."""

    kind: ModelKind
    parameters: Array  # (d,)

    def draw(self, generator: np.random.Generator, count: int) -> NDArray[Any]:
        """(count, *shape) uniform random inputs."""
        return self.kind.spec.uniform(generator, count)

    def __call__(self, row: Array) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
        """Inputs -> (p, classes) logits of the model with this row applied."""
        layout = flat_model(self.kind, channels_last=True).layout
        run = outputs(self.kind, torch.from_numpy(layout.mend(self.parameters + row.astype(self.parameters.dtype))))
        return lambda inputs: np.asarray(run(inputs).flatten(0, -2).double().numpy())


def _of_tensors(kind: ModelKind, run: Callable[[Tensor], Tensor]) -> Callable[[NDArray[Any]], Tensor]:
    fast = torch.inference_mode()(run)
    return lambda inputs: fast(kind.spec.tensor(np.array(inputs)))  # a copy: a layer may work in place
