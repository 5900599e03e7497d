"""The product of a small batch with a large matrix and its gradient, compiled for the sizes at hand.

The weights are stored input by input, (inputs, outputs), the outputs padded with zeros to whole vectors: then both
products run along the outputs, and a batch that libraries find too narrow keeps the processor busy.
"""

from functools import lru_cache

from fedsim.kernels import llvm
from fedsim.kernels.images import aligned, registers
from fedsim.kernels.images_source import Field, Taps, correlation

LANES = 16
"""Outputs are a multiple of these: a cache line, and the widest vector."""
MOST_ROWS = 64
"""Rows of a batch above which general libraries are as fast and the source grows long."""
FEWEST = 64
"""Outputs below which the calls cost more than the products."""
BLOCK = range(16, 513)
"""Inputs whose gradients are written by one call: more take longer to compile, fewer longer to call."""


def padded(outputs: int) -> int:
    """The outputs in whole vectors."""
    return -(-outputs // LANES) * LANES


@lru_cache(maxsize=64)
def dense(inputs: int, outputs: int, rows: int) -> "Dense | None":
    """The kernels of these sizes, or None where general libraries do as well."""
    block = max((size for size in BLOCK if inputs % size == 0), default=0)
    fits = rows <= MOST_ROWS and outputs >= FEWEST and block > 0 and llvm.available()
    return Dense(inputs, outputs, rows, block) if fits else None


class Dense:
    """One layer's two products for batches of so many rows; arrays are float32, C-contiguous, aligned to 64 bytes.

    They are called so often, and for so little, that they take the arrays' addresses.
    """

    def __init__(self, inputs: int, outputs: int, rows: int, block: int) -> None:
        self.outputs = padded(outputs)
        self._nothing = aligned(max(rows, block))
        self._zeros = self._nothing.ctypes.data
        forward = Field(inputs, rows, 1, 1, (1, 1), self.outputs), Taps(inputs, 1, 1, 1)
        backward = Field(rows, block, 1, 1, (1, 1), self.outputs), Taps(1, inputs, 1, 1)
        self._forward, self._backward = (
            llvm.compiled(correlation(field, taps, registers()), [llvm.POINTER] * 4)
            for field, taps in (forward, backward)
        )
        self._steps = [(4 * start, 4 * start * self.outputs) for start in range(0, inputs, block)]  # bytes

    def multiply(self, batch: int, weights: int, out: int) -> None:
        """(rows, inputs), (inputs, outputs) -> (rows, outputs)."""
        self._forward(weights, batch, self._zeros, out)

    def gradient(self, batch: int, delta: int, out: int) -> None:
        """(rows, inputs), (rows, outputs) -> (inputs, outputs)."""
        for across, down in self._steps:
            self._backward(delta, batch + across, self._zeros, out + down)
