"""Kernels written as LLVM source, with the vectors spelt out, compiled in the process.

Loading the compiler and a first kernel takes about a twentieth of a second, so a kernel that gives the same bits as
numpy is compiled only once the work so far would have repaid it. llvmlite is imported here, and only then.
"""

import ctypes
import struct
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, NamedTuple

from numpy.typing import NDArray

from fedsim.array_types import Array

Function = Callable[..., Any]

START = 40e6
"""Nanoseconds that loading the compiler costs, once in a process."""
AHEAD_BYTES = 1024
"""How far ahead of its work a kernel asks for memory: more rows side by side than the processor follows by itself."""
ATTRIBUTES = """declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
attributes #0 = { "min-legal-vector-width"="512" "prefer-vector-width"="512" }"""
"""Without the widths some processors would be given half of their registers' width."""


class Lanes(NamedTuple):
    """A vector type: how many numbers of which kind one operation handles; LLVM splits it to fit the registers."""

    kind: str  # "float" or "double"
    width: int

    @property
    def vector(self) -> str:
        """The type's name in the source."""
        return f"<{self.width} x {self.kind}>"

    @property
    def mask(self) -> str:
        """The type of a comparison's answer."""
        return f"<{self.width} x i1>"

    @property
    def suffix(self) -> str:
        """The type in the name of an intrinsic function."""
        return f"v{self.width}{'f32' if self.kind == 'float' else 'f64'}"

    @property
    def half(self) -> "Lanes":
        """A vector of half as many numbers."""
        return Lanes(self.kind, self.width // 2)


def loop(name: str, start: str, stop: str, step: int, body: str) -> str:
    """Lines that run `body`, which knows the index as %name, for start, start + step, … below stop."""
    return f"""
  br label %{name}.enter
{name}.enter:
  br label %{name}.head
{name}.head:
  %{name} = phi i64 [{start}, %{name}.enter], [%{name}.next, %{name}.latch]
  %{name}.in = icmp ult i64 %{name}, {stop}
  br i1 %{name}.in, label %{name}.body, label %{name}.exit
{name}.body:{body}
  br label %{name}.latch
{name}.latch:
  %{name}.next = add i64 %{name}, {step}
  br label %{name}.head
{name}.exit:"""


def address(name: str, base: str, index: str, stride: str, offset: str, kind: str = "float") -> str:
    """Lines that point %name at number index·stride + offset after %base."""
    return f"""
  %{name}.row = mul i64 {index}, {stride}
  %{name}.at = add i64 %{name}.row, {offset}
  %{name} = getelementptr {kind}, ptr %{base}, i64 %{name}.at"""


def folded(name: str, value: str, lanes: Lanes, width: int) -> str:
    """Lines that add the halves of a vector, and theirs, until %name has `width` numbers."""
    lines, half = [], lanes.half
    for side, start in (("low", 0), ("high", half.width)):
        places = ", ".join(f"i32 {start + k}" for k in range(half.width))
        lines.append(
            f"\n  %{name}.{half.width}.{side} = shufflevector {lanes.vector} {value}, {lanes.vector} poison, "
            f"<{half.width} x i32> <{places}>"
        )
    total = f"%{name}" if half.width == width else f"%{name}.{half.width}"
    lines.append(f"\n  {total} = fadd {half.vector} %{name}.{half.width}.low, %{name}.{half.width}.high")
    return "".join(lines) + ("" if half.width == width else folded(name, total, half, width))


def fetched(name: str, pointer: str, ahead: int | str = AHEAD_BYTES) -> str:
    """Lines that ask for the memory some bytes after %pointer; asking beyond the end of the matrix does no harm."""
    return f"""
  %{name}.ahead = getelementptr i8, ptr %{pointer}, i64 {ahead}
  call void @llvm.prefetch.p0(ptr %{name}.ahead, i32 0, i32 3, i32 1)"""


def spread(name: str, lanes: Lanes) -> str:
    """Lines that fill the vector %name with the number %name.one."""
    return f"""
  %{name}.first = insertelement {lanes.vector} poison, float %{name}.one, i32 0
  %{name} = shufflevector {lanes.vector} %{name}.first, {lanes.vector} poison, <{lanes.width} x i32> zeroinitializer"""


def number(value: float) -> str:
    """A constant: LLVM writes a float as the double that equals it."""
    (single,) = struct.unpack("f", struct.pack("f", value))
    return f"0x{struct.pack('>d', single).hex().upper()}"


def filled(value: float, lanes: Lanes) -> str:
    """The vector that holds one number everywhere."""
    return "<" + ", ".join([f"{lanes.kind} {number(value)}"] * lanes.width) + ">"


def nothing(lanes: Lanes) -> str:
    """The vector that changes no number it is added to, zeros of either sign included."""
    return "<" + ", ".join([f"{lanes.kind} -0.0"] * lanes.width) + ">"


_saved: Counter[Hashable] = Counter()
_engines: list[Any] = []


def repaid(key: Hashable, saving: float, cost: float) -> bool:
    """Whether there is a compiler and the work so far, with this call, would have saved what the kernel costs.

    Both in nanoseconds. Even to look for the compiler takes longer than a small matrix, so the sum comes first.
    """
    _saved[key] += saving  # type: ignore[assignment]
    return _saved[key] >= cost + (0 if loaded() else START) and available()


def loaded() -> bool:
    """Whether the compiler is there already."""
    return "llvmlite.binding" in sys.modules


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether there is a compiler; numpy does all the work where there is none."""
    return find_spec("llvmlite") is not None


def readable(rows: Array) -> bool:
    """Whether a kernel can walk the rows where they lie: aligned float numbers, side by side within a row."""
    size = rows.itemsize
    return bool(rows.flags.aligned and rows.strides[1] == size and rows.strides[0] % size == 0)


@lru_cache(maxsize=1)
def features() -> dict[str, bool]:
    """What this processor has: avx512f, fma, neon …"""
    from llvmlite import binding

    return dict(binding.get_host_cpu_features())


@lru_cache(maxsize=1)
def processor() -> tuple[str, str]:
    """This processor's name, and what it has, as the code generator wants them."""
    from llvmlite import binding

    return binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()


def compiled(source: str, arguments: Sequence[Any], result: Any = None) -> Function:
    """Machine code for this processor of the function @kernel; it lives as long as the process."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    name, has = processor()
    machine = binding.Target.from_default_triple().create_target_machine(cpu=name, features=has, opt=2)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(source), machine)
    engine.finalize_object()
    _engines.append(engine)
    return ctypes.CFUNCTYPE(result, *arguments)(engine.get_function_address("kernel"))


def at(array: NDArray[Any]) -> int:
    """Where an array's numbers begin in memory, for a kernel."""
    flags = array.flags
    if flags.writeable and flags.c_contiguous and array.size:  # twice as fast
        memory: Any = array
        return ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return int(array.ctypes.data)


POINTER, INTEGER, NUMBER = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float
