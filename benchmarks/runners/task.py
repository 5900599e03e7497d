"""What every simulator is handed."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cli.bench.workloads import STEPS, WORKLOADS, Workload
from fedsim.array_types import Array, Integers
from fedsim.simulation.federation import Federation, build_federation

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.utils.data import DataLoader, TensorDataset


FEW = 200
"""Examples of a client whose one batch they are, where a step is compared."""


@dataclass(frozen=True)
class Task:
    """A workload with its data in hand."""

    workload: Workload
    federation: Federation
    batch: int

    @classmethod
    def of(cls, name: str, whole: bool) -> "Task":
        """The workload of this name; `whole`: every client makes one step over all its examples."""
        workload = (WORKLOADS | STEPS)[name]
        if workload.sends and whole:
            workload = replace(workload, examples=FEW)
        return cls(workload, build_federation(workload.scenario()), workload.examples if whole else workload.batch)

    @property
    def clients(self) -> range:
        """The clients, all of which take part in every round."""
        return range(self.workload.clients)

    def module(self) -> "nn.Module":
        """The model under the initial numbers."""
        import torch

        module = self.federation.kind.build()
        torch.nn.utils.vector_to_parameters(torch.from_numpy(self.federation.parameters.copy()), module.parameters())
        return module

    def data(self, client: int) -> "TensorDataset":
        """A client's examples."""
        return _tensors(*self.examples(client))

    def examples(self, client: int) -> tuple[Array, Integers]:
        """A client's images as floats, and its labels."""
        chosen = self.federation.examples_of(client)
        return _floats(self.federation.train.inputs[chosen]), self.federation.train.targets[chosen]

    def tests(self) -> "TensorDataset":
        """The examples that every round is scored on."""
        return _tensors(_floats(self.federation.test.inputs), self.federation.test.targets)

    def loader(self, client: int) -> "DataLoader[tuple[Tensor, ...]]":
        """A client's examples in shuffled batches."""
        from torch.utils.data import DataLoader

        return DataLoader(self.data(client), batch_size=self.batch, shuffle=True)


def _floats(images: Any) -> Array:
    floats: Array = images.astype(np.float32) / np.float32(255)
    return floats


def _tensors(images: Array, labels: Integers) -> "TensorDataset":
    import torch
    from torch.utils.data import TensorDataset

    return TensorDataset(torch.from_numpy(images), torch.from_numpy(labels))


def flat(module: "nn.Module") -> Array:
    """The numbers of a module in a row."""
    import torch

    vector: Array = torch.nn.utils.parameters_to_vector(module.parameters()).detach().numpy()
    return vector
