"""Convolution and pooling of images that lie side by side, compiled for the sizes at hand.

Each function here gives a function of numpy arrays, float32, C-contiguous and aligned to 64 bytes (`aligned` makes
such), with images as the last axis, and of whole numbers that say which images. What it writes is its last array.
"""

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from fedsim.array_types import Array
from fedsim.kernels import llvm
from fedsim.kernels.networks.correlation_source import Taps, correlation
from fedsim.kernels.networks.images_source import AVX2, AVX512, Field, Registers
from fedsim.kernels.networks.own_images_source import own_images
from fedsim.kernels.networks.pooling_source import Gate, closing, opening
from fedsim.kernels.networks.showing_source import showing
from fedsim.kernels.networks.taps_source import tap_gradient, weights_of

Kernel = Callable[..., None]

KINDS = {"|u1": "i8", "<f4": "float"}
"""What kernels call the dtypes of images that they read."""
ALIGNED = 64
"""Bytes: a cache line, and the widest vector."""


def aligned(*shape: int) -> Array:
    """Zeros that begin at a cache line."""
    size = prod(shape)
    workspace = np.zeros(size + ALIGNED // 4, np.float32)
    start = -llvm.at(workspace) % ALIGNED // 4
    return workspace[start : start + size].reshape(shape)


def correlate(field: Field, taps: Taps) -> Kernel:
    """(input, weights, bias, output, apart, images): see `correlation`."""
    return _run(correlation(field, taps, registers()), 4, 2)


def gather_gradient(field: Field) -> Kernel:
    """(input, delta, sums, out, apart): see `tap_gradient`; `sums` are those of `room_for_sums`."""
    return _run(tap_gradient(field, registers()), 4, 1)


def room_for_sums(field: Field) -> Array:
    """What `gather_gradient` adds up in."""
    return aligned(weights_of(field), registers().width)


def open_gate(gate: Gate) -> Kernel:
    """(values, out, apart, count): see `opening`."""
    return _run(opening(gate), 2, 2)


def close_gate(gate: Gate, border: int) -> Kernel:
    """(values, gradient, delta, apart, first, own, count): see `closing`."""
    return _run(closing(gate, border), 3, 4)


@lru_cache(maxsize=16)
def show(pixels: int, dtype: str) -> Kernel:
    """(images, rows, places, out, apart, count): see `showing`; images are of this dtype."""
    return _run(showing(pixels, KINDS[dtype]), 4, 2)


def take_own(pixels: int) -> Kernel:
    """(source, out, apart, first, own, count): see `own_images`."""
    return _run(own_images(pixels), 2, 4)


def registers() -> Registers:
    """What this processor has."""
    return AVX512 if llvm.features().get("avx512f") else AVX2


@lru_cache(maxsize=128)
def _run(source: str, arrays: int, counts: int) -> Kernel:
    function = llvm.compiled(source, [llvm.POINTER] * arrays + [llvm.INTEGER] * counts)

    def run(*given: Any) -> None:
        function(*[llvm.at(array) for array in given[:arrays]], *given[arrays:])

    return run
