"""LLVM source of rectification and 2 × 2 maximum pooling, there and back, with the batch as the last axis.

Ties are broken as torch breaks them: the first of the four in reading order takes the gradient, and a rectified zero
passes none on. A NaN stays a NaN.
"""

from dataclasses import dataclass

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, loop
from fedsim.kernels.networks.images_source import Registers


@dataclass(frozen=True)
class Gate:
    """Sizes of a rectification, with or without pooling."""

    channels: int
    source: tuple[int, int]  # height and width of what comes in
    pooled: bool
    batch: int
    margin: int = 0  # rows and columns around what goes out, left as they are

    @property
    def result(self) -> tuple[int, int]:
        """Height and width of what goes out; a last odd row or column is passed over by pooling."""
        height, width = self.source
        return (height // 2, width // 2) if self.pooled else self.source


def opening(gate: Gate, registers: Registers) -> str:
    """(values, out): out = max(0, the greatest of the window), `gate.margin` around it untouched."""
    lanes = registers.lanes(gate.batch, 2)
    vector, (window, greatest) = lanes.vector, _greatest(gate, lanes)
    body = f"""{window}
  %none = fcmp ole {vector} {greatest}, zeroinitializer
  %open = select {lanes.mask} %none, {vector} zeroinitializer, {vector} {greatest}
  store {vector} %open, ptr %out.at, align 32"""
    return f"""declare {vector} {_maximum(lanes)}({vector}, {vector})
define void @kernel(ptr noalias %values, ptr noalias %out) #0 {{
entry:{_everywhere(gate, lanes, _place("out", gate, gate.result, gate.margin) + body)}
  ret void
}}
{ATTRIBUTES}"""


def closing(gate: Gate, border: int, registers: Registers) -> str:
    """(values, gradient, delta): the gradient of what went out, led back to the place in the window it came from.

    `gradient` has no margin; `border` rows and columns around `delta` are left as they are.
    """
    lanes = registers.lanes(gate.batch, 2)
    vector, mask, (lines, greatest) = lanes.vector, lanes.mask, _greatest(gate, lanes)
    lines += f"""
  %g = load {vector}, ptr %gradient.at, align 32
  %positive = fcmp ogt {vector} {greatest}, zeroinitializer
  %left0 = select {mask} %positive, {vector} %g, {vector} zeroinitializer"""
    for k, corner in enumerate(_corners(gate)):
        lines += f"""
  %is{k} = fcmp oeq {vector} %v{k}, {greatest}
  %d{k} = select {mask} %is{k}, {vector} %left{k}, {vector} zeroinitializer
  %left{k + 1} = select {mask} %is{k}, {vector} zeroinitializer, {vector} %left{k}{
            _pointer(f"d{k}.at", "delta", gate, corner, border)
        }
  store {vector} %d{k}, ptr %d{k}.at, align 32"""
    return f"""declare {vector} {_maximum(lanes)}({vector}, {vector})
define void @kernel(ptr noalias %values, ptr noalias %gradient, ptr noalias %delta) #0 {{
entry:{_everywhere(gate, lanes, _place("gradient", gate, gate.result, 0) + lines)}
  ret void
}}
{ATTRIBUTES}"""


def _corners(gate: Gate) -> list[tuple[int, int]]:
    return [(0, 0), (0, 1), (1, 0), (1, 1)] if gate.pooled else [(0, 0)]


def _everywhere(gate: Gate, lanes: Lanes, body: str) -> str:
    """Lines that run the body for every channel %c, row %y and column %x of what goes out, and images %b."""
    height, width = gate.result
    pixels = loop("x", "0", str(width), 1, loop("b", "0", str(gate.batch), lanes.width, _windows(gate) + body))
    return loop("c", "0", str(gate.channels), 1, loop("y", "0", str(height), 1, pixels))


def _windows(gate: Gate) -> str:
    """Lines for the window's row and column in what came in."""
    step = 2 if gate.pooled else 1
    return f"\n  %wy = mul i64 %y, {step}\n  %wx = mul i64 %x, {step}"


def _place(name: str, gate: Gate, size: tuple[int, int], margin: int) -> str:
    """Lines that point %name.at at the pixel that goes out."""
    height, width = size[0] + 2 * margin, size[1] + 2 * margin
    return f"""
  %{name}.c = mul i64 %c, {height}
  %{name}.cy = add i64 %{name}.c, %y
  %{name}.row = mul i64 %{name}.cy, {width}
  %{name}.pixel = add i64 %{name}.row, %x
  %{name}.shift = add i64 %{name}.pixel, {margin * width + margin}
  %{name}.first = mul i64 %{name}.shift, {gate.batch}
  %{name}.image = add i64 %{name}.first, %b
  %{name}.at = getelementptr float, ptr %{name}, i64 %{name}.image"""


def _greatest(gate: Gate, lanes: Lanes) -> tuple[str, str]:
    """Lines that load the window as %v0, %v1 …, and the name of its greatest value."""
    lines, greatest = "", "%v0"
    for k, corner in enumerate(_corners(gate)):
        lines += f"""{_pointer(f"v{k}.at", "values", gate, corner, 0)}
  %v{k} = load {lanes.vector}, ptr %v{k}.at, align 32"""
        if k:
            lines += (
                f"\n  %m{k} = call {lanes.vector} {_maximum(lanes)}({lanes.vector} {greatest}, {lanes.vector} %v{k})"
            )
            greatest = f"%m{k}"
    return lines, greatest


def _maximum(lanes: Lanes) -> str:
    return f"@llvm.maximum.v{lanes.width}f32"


def _pointer(name: str, array: str, gate: Gate, corner: tuple[int, int], border: int) -> str:
    """Lines that point %name at one corner of the window in an array of the size of what came in, and a border."""
    height, width = gate.source[0] + 2 * border, gate.source[1] + 2 * border
    shift = (corner[0] + border) * width + corner[1] + border
    return f"""
  %{name}.c = mul i64 %c, {height}
  %{name}.cy = add i64 %{name}.c, %wy
  %{name}.row = mul i64 %{name}.cy, {width}
  %{name}.pixel = add i64 %{name}.row, %wx
  %{name}.shift = add i64 %{name}.pixel, {shift}
  %{name}.first = mul i64 %{name}.shift, {gate.batch}
  %{name}.image = add i64 %{name}.first, %b
  %{name} = getelementptr float, ptr %{array}, i64 %{name}.image"""
