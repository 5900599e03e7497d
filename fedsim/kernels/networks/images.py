"""Convolution and pooling of images that lie side by side, compiled for the sizes at hand.

Each function here gives a function of numpy arrays, float32, C-contiguous and aligned to 64 bytes (`aligned` makes
such), with the batch as the last axis. What it writes is its last argument.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from fedsim.array_types import Array
from fedsim.kernels import llvm
from fedsim.kernels.networks.images_source import AVX2, AVX512, Field, Registers, Taps, correlation
from fedsim.kernels.networks.pooling_source import Gate, closing, opening
from fedsim.kernels.networks.taps_source import gradient_lanes, tap_gradient

Kernel = Callable[..., None]

ALIGNED = 64
"""Bytes: a cache line, and the widest vector."""


def aligned(*shape: int) -> Array:
    """Zeros that begin at a cache line."""
    size = int(np.prod(shape))
    workspace = np.zeros(size + ALIGNED // 4, np.float32)
    start = -workspace.ctypes.data % ALIGNED // 4
    return workspace[start : start + size].reshape(shape)


def correlate(field: Field, taps: Taps) -> Kernel:
    """(input, weights, bias, output): see `correlation`."""
    return _run(correlation(field, taps, registers()), 4)


def gather_gradient(field: Field, border: int) -> tuple[Kernel, int]:
    """(input, delta, sums): see `tap_gradient`; and the number of lanes of `sums`."""
    return _run(tap_gradient(field, border, registers()), 3), gradient_lanes(field, registers()).width


def open_gate(gate: Gate) -> Kernel:
    """(values, out): see `opening`."""
    return _run(opening(gate, registers()), 2)


def close_gate(gate: Gate, border: int) -> Kernel:
    """(values, gradient, delta): see `closing`."""
    return _run(closing(gate, border, registers()), 3)


def registers() -> Registers:
    """What this processor has."""
    return AVX512 if llvm.features().get("avx512f") else AVX2


@lru_cache(maxsize=128)
def _run(source: str, arguments: int) -> Kernel:
    function = llvm.compiled(source, [llvm.POINTER] * arguments)
    return lambda *arrays: function(*[array.__array_interface__["data"][0] for array in arrays])
