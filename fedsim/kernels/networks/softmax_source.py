"""LLVM source of the softmax of rows of logits, and what it leaves of the cross-entropy."""

import math

from fedsim.kernels import llvm
from fedsim.kernels.llvm import Lanes, spread

LANES = Lanes("float", 16)
VECTOR, INTEGERS = LANES.vector, "<16 x i32>"
POLYNOMIAL = (
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
)  # fmt: skip
"""(eʳ − 1 − r) / r² for |r| ≤ ln 2 / 2, highest power first: the coefficients of Cephes, for float32."""
SHIFT = 12582912.0
"""1.5 · 2²³: added to a small number, its last bits are that number rounded."""
LN2 = 0.693359375, -2.12194440e-4
"""Two parts of ln 2: products of the first with whole numbers are exact."""
LOWEST = -87.0
"""Below it the exponential is taken to be zero."""

DECLARATIONS = f"""declare {VECTOR} @llvm.fma.v16f32({VECTOR}, {VECTOR}, {VECTOR})
declare float @llvm.vector.reduce.fadd.v16f32(float, {VECTOR})
declare float @llvm.vector.reduce.fmax.v16f32({VECTOR})"""


def filled(value: float) -> str:
    """A vector of one number."""
    return llvm.filled(value, LANES)


def exponential(name: str, value: str) -> str:
    """Lines that put e to the power of value ≤ 0 in %name; NaN stays NaN."""
    turn, part = f"%{name}.t", f"%{name}.r"
    lines = _fused(turn, value, filled(math.log2(math.e)), filled(SHIFT))
    lines += f"\n  %{name}.n = fsub {VECTOR} {turn}, {filled(SHIFT)}"
    lines += _fused(f"{part}0", f"%{name}.n", filled(-LN2[0]), value)
    lines += _fused(part, f"%{name}.n", filled(-LN2[1]), f"{part}0")
    so_far = filled(POLYNOMIAL[0])
    for place, coefficient in enumerate((*POLYNOMIAL[1:], 1.0, 1.0)):
        lines += _fused(f"%{name}.p{place}", so_far, part, filled(coefficient))
        so_far = f"%{name}.p{place}"
    return f"""{lines}
  %{name}.bits = bitcast {VECTOR} %{name}.t to {INTEGERS}
  %{name}.power = shl {INTEGERS} %{name}.bits, <{", ".join(["i32 23"] * LANES.width)}>
  %{name}.mantissa = bitcast {VECTOR} {so_far} to {INTEGERS}
  %{name}.scaled = add {INTEGERS} %{name}.mantissa, %{name}.power
  %{name}.e = bitcast {INTEGERS} %{name}.scaled to {VECTOR}
  %{name}.some = fcmp ugt {VECTOR} {value}, {filled(LOWEST)}
  %{name}.low = select {LANES.mask} %{name}.some, {VECTOR} %{name}.e, {VECTOR} zeroinitializer
  %{name}.fit = fcmp ord {VECTOR} {value}, {value}
  %{name} = select {LANES.mask} %{name}.fit, {VECTOR} %{name}.low, {VECTOR} {value}"""


def _fused(name: str, a: str, b: str, c: str) -> str:
    return f"\n  {name} = call {VECTOR} @llvm.fma.v16f32({VECTOR} {a}, {VECTOR} {b}, {VECTOR} {c})"


def softmax_gradient(tag: str, row: str, classes: int) -> str:
    """Lines that turn the logits at pointer `row` into e^(z − max) / Σ · %share, zero beyond the classes.

    They leave the greatest logit in %<tag>.max.one and the sum in %<tag>.sum.
    """
    vectors = range(-(-classes // LANES.width))
    loaded = "".join(_logits(f"{tag}.{v}", row, v, classes - LANES.width * v) for v in vectors)
    greatest, sums = f"%{tag}.0.z", f"%{tag}.0.e"
    lines = ""
    for v in vectors[1:]:
        lines += f"""
  %{tag}.{v}.less = fcmp olt {VECTOR} {greatest}, %{tag}.{v}.z
  %{tag}.{v}.high = select {LANES.mask} %{tag}.{v}.less, {VECTOR} %{tag}.{v}.z, {VECTOR} {greatest}"""
        greatest = f"%{tag}.{v}.high"
    lines += f"""
  %{tag}.max.one = call float @llvm.vector.reduce.fmax.v16f32({VECTOR} {greatest}){spread(f"{tag}.max", LANES)}"""
    for v in vectors:
        name = f"{tag}.{v}"
        lines += f"\n  %{name}.x = fsub {VECTOR} %{name}.z, %{tag}.max{exponential(f'{name}.e', f'%{name}.x')}"
        if v:
            lines += f"\n  %{name}.total = fadd {VECTOR} {sums}, %{name}.e"
            sums = f"%{name}.total"
    lines += f"""
  %{tag}.sum = call reassoc float @llvm.vector.reduce.fadd.v16f32(float -0.0, {VECTOR} {sums})
  %{tag}.factor.one = fdiv float %share, %{tag}.sum{spread(f"{tag}.factor", LANES)}"""
    stores = "".join(
        f"""
  %{tag}.{v}.d = fmul {VECTOR} %{tag}.{v}.e, %{tag}.factor
  store {VECTOR} %{tag}.{v}.d, ptr %{tag}.{v}.at, align 64"""
        for v in vectors
    )
    return loaded + lines + stores


def _logits(name: str, row: str, place: int, left: int) -> str:
    """Lines that load sixteen logits as %name.z, minus infinity where there is no class."""
    lines = f"""
  %{name}.at = getelementptr float, ptr {row}, i64 {LANES.width * place}
  %{name}.all = load {VECTOR}, ptr %{name}.at, align 64"""
    there = ", ".join(f"i1 {'true' if k < left else 'false'}" for k in range(LANES.width))
    return f"""{lines}
  %{name}.z = select {LANES.mask} <{there}>, {VECTOR} %{name}.all, {VECTOR} {filled(float("-inf"))}"""
