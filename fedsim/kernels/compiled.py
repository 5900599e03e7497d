"""Order-statistic kernels compiled in the process, once they repay the time it takes.

Loading the compiler and one kernel take about a twentieth of a second, so the first small matrices are sorted by numpy.
The compiled paths give the same bits, whichever is taken when. Without llvmlite numpy does it all.
"""

import ctypes
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from fedsim.arrays import Array
from fedsim.kernels.network import halvings, selection
from fedsim.kernels.source import Lanes, interpreted, unrolled

Kernel = Callable[[Array, Array], bool]
"""Fills `out` from as many columns; False if an answer is not finite."""

TALLEST = 1024
"""Beyond this height numpy's sort does fewer steps than a network."""
REGISTERS = 64
"""Beyond this height a network written out takes longer to compile than it can be hoped to repay."""
INTERPRETED_BYTES = 256
"""Width of an interpreted vector: enough to amortise the reading of a pair, few enough for the scratch to stay near."""

# Nanoseconds, as measured: what a path saves over the next slower one, and what it costs once.
SAVED_BY_ELEMENT, START = 2.5, 50e6
SAVED_BY_EXCHANGE, WRITTEN_OUT, WRITTEN_EXCHANGE = 0.04, 4e6, 1e5

_saved: Counter[tuple[Any, ...]] = Counter()


def kernel(n: int, first: int, last: int, dtype: np.dtype[Any], columns: int) -> tuple[Kernel, int] | None:
    """The fastest kernel that the work so far repays and its vector's length, or None while numpy is good enough."""
    if n > TALLEST or not available():
        return None
    if not _repaid((dtype,), SAVED_BY_ELEMENT * n * columns, START):
        return None
    exchanges = len(selection(n, first, last))
    cost = WRITTEN_OUT + WRITTEN_EXCHANGE * exchanges
    if n <= REGISTERS and _repaid((dtype, n, first, last), SAVED_BY_EXCHANGE * exchanges * columns, cost):
        return unrolled_kernel(n, first, last, dtype)
    return interpreted_kernel(n, first, last, dtype)


def _repaid(key: tuple[Any, ...], saving: float, cost: float) -> bool:
    _saved[key] += saving  # type: ignore[assignment]
    return _saved[key] >= cost


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether there is a compiler."""
    return find_spec("llvmlite") is not None


@lru_cache(maxsize=64)
def unrolled_kernel(n: int, first: int, last: int, dtype: np.dtype[Any]) -> tuple[Kernel, int]:
    """The kernel for one height and span of ranks."""
    lanes = Lanes(_kind(dtype), _register_bytes() // dtype.itemsize)
    function = _compiled(unrolled(n, first, last, lanes), dtype, 5)

    def run(rows: Array, out: Array) -> bool:
        stride = rows.strides[0] // rows.itemsize
        return bool(function(rows.ctypes.data, stride, out.ctypes.data, len(out), last - first) == 0)

    return run, lanes.width


@lru_cache(maxsize=64)
def interpreted_kernel(n: int, first: int, last: int, dtype: np.dtype[Any]) -> tuple[Kernel, int]:
    """The kernel for every height, bound to the network of one."""
    lanes = INTERPRETED_BYTES // dtype.itemsize
    function = _interpreter(dtype)
    network = INTERPRETED_BYTES * np.array([pair[:2] for pair in selection(n, first, last)], np.uint32).reshape(-1, 2)
    sums = INTERPRETED_BYTES * np.array(halvings(first, last), np.uint32).reshape(-1, 2)

    def run(rows: Array, out: Array) -> bool:
        stride = rows.strides[0] // rows.itemsize
        memory = np.empty(n * INTERPRETED_BYTES + 64, np.uint8)
        scratch = memory.ctypes.data + -memory.ctypes.data % 64
        return bool(
            function(
                *(rows.ctypes.data, stride, out.ctypes.data, len(out), last - first, n),
                *(network.ctypes.data, len(network), sums.ctypes.data, len(sums)),
                *(scratch + INTERPRETED_BYTES * first, scratch),
            )
            == 0
        )

    return run, lanes


@lru_cache(maxsize=2)
def _interpreter(dtype: np.dtype[Any]) -> Callable[..., float]:
    return _compiled(interpreted(Lanes(_kind(dtype), INTERPRETED_BYTES // dtype.itemsize)), dtype, 12)


def _kind(dtype: np.dtype[Any]) -> str:
    return "float" if dtype == np.float32 else "double"


@lru_cache(maxsize=1)
def _register_bytes() -> int:
    from llvmlite import binding

    return 64 if binding.get_host_cpu_features().get("avx512f") else 32


def _compiled(source: str, dtype: np.dtype[Any], arguments: int) -> Callable[..., float]:
    """Machine code for this processor; the engine that owns it lives as long as the process."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    features = binding.get_host_cpu_features().flatten()
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=features, opt=2
    )
    engine = binding.create_mcjit_compiler(binding.parse_assembly(source), machine)
    engine.finalize_object()
    _engines.append(engine)
    number = ctypes.c_float if dtype == np.float32 else ctypes.c_double
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    signature = [
        pointer,
        integer,
        pointer,
        integer,
        number,
        integer,
        pointer,
        integer,
        pointer,
        integer,
        pointer,
        pointer,
    ]
    return ctypes.CFUNCTYPE(number, *signature[:arguments])(engine.get_function_address("kernel"))


_engines: list[Any] = []
