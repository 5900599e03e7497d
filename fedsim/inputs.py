"""What the inputs of a dataset are: their kind, shape and numbers, told by the dataset and asked for by the model."""

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

KINDS = {
    "images": "(channels, height, width) bytes, which mean value / 255, or floats",
    "features": "floats of any shape, such as the columns of a table",
    "tokens": "(length,) whole numbers below the size of a vocabulary",
}
"""Every kind of input, and what one example of it is."""


@dataclass(frozen=True)
class InputSpec:
    """The inputs of a dataset."""

    kind: str  # one of KINDS
    shape: tuple[int, ...]  # of one example
    dtype: str = "uint8"  # as stored
    vocabulary: int | None = None  # how many tokens there are; of tokens only

    @property
    def size(self) -> int:
        """Numbers in one example."""
        return prod(self.shape)

    @property
    def words(self) -> str:
        """For messages: `images of 1×28×28`, `30 features`, `40 tokens out of 61`."""
        sides = "×".join(map(str, self.shape))
        if self.kind == "tokens":
            return f"{sides} tokens out of {self.vocabulary}"
        return f"{sides} features" if self.kind == "features" and len(self.shape) == 1 else f"{self.kind} of {sides}"

    def sample(self, count: int) -> NDArray[Any]:
        """(count, *shape) inputs as stored, to try a model with: black images, the first token."""
        return np.zeros((count, *self.shape), self.dtype)

    def uniform(self, generator: "np.random.Generator", count: int) -> NDArray[Any]:
        """(count, *shape) random inputs, all equally likely: numbers from 0 to 1, or tokens."""
        shape = (count, *self.shape)
        if self.kind == "tokens":
            return generator.integers(0, self.vocabulary or 1, shape)
        return generator.random(shape, np.float32)

    def tensor(self, inputs: NDArray[Any]) -> "Tensor":
        """Inputs as a model takes them: whole numbers of torch's kind for tokens, floats for anything else."""
        import torch

        return torch.from_numpy(inputs.astype(np.int64)) if self.kind == "tokens" else as_floats(inputs)


def as_floats(inputs: NDArray[Any]) -> "Tensor":
    """Inputs as torch's default kind of float: bytes become value / 255, floats stay."""
    import torch

    owned = np.array(inputs) if not inputs.flags.writeable else np.ascontiguousarray(inputs)
    tensor, kind = torch.from_numpy(owned), torch.get_default_dtype()
    return tensor.to(kind).div_(255) if tensor.dtype == torch.uint8 else tensor.to(kind)
