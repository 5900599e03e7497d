"""LLVM source of rectification and 2 × 2 maximum pooling, there and back, with images as the last axis.

Ties are broken as torch breaks them: the first of the four in reading order takes the gradient, and a rectified zero
passes none on. A NaN stays a NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, fetched, loop
from fedsim.kernels.networks.images_source import IMAGES
from fedsim.kernels.networks.own_images_source import masked, masking, of_count

AHEAD = 4
"""Pixels that are asked for ahead: they lie too far apart for the processor to see which come next."""


@dataclass(frozen=True)
class Gate:
    """Sizes of a rectification, with or without pooling."""

    channels: int
    source: tuple[int, int]  # height and width of what comes in
    pooled: bool
    margin: int = 0  # rows and columns around what goes out, left as they are

    @property
    def result(self) -> tuple[int, int]:
        """Height and width of what goes out; a last odd row or column is passed over by pooling."""
        height, width = self.source
        return (height // 2, width // 2) if self.pooled else self.source


def opening(gate: Gate) -> str:
    """(values, out, apart, count): out = max(0, the greatest of the window), `gate.margin` around it untouched."""
    vector, (window, greatest) = IMAGES.vector, _greatest(gate, _whole)
    body = f"""
  %b.first = add i64 %b, 0{_at("out", gate.result, gate.margin, "%y", "%x", "%b", "apart")}{window}
  %none = fcmp ole {vector} {greatest}, zeroinitializer
  %open = select {IMAGES.mask} %none, {vector} zeroinitializer, {vector} {greatest}
  store {vector} %open, ptr %out.at, align 32"""
    return f"""define void @kernel(ptr noalias %values, ptr noalias %out, i64 %apart, i64 %count) #0 {{
entry:{_everywhere(gate, body)}
  ret void
}}
{ATTRIBUTES}"""


def closing(gate: Gate, border: int) -> str:
    """(values, gradient, delta, apart, first, own, count): the gradient of what went out, back where it came from.

    It is that of the images first … first + count − 1, which are the first ones of `delta`, followed by zeros to a
    whole vector: `own` is the room for images there. `gradient` has no margin; `border` rows and columns around
    `delta` are left as they are.
    """
    vector, mask, (window, greatest) = IMAGES.vector, IMAGES.mask, _greatest(gate, masked)
    lines = f"""{of_count(IMAGES)}{window}{_at("gradient", gate.result, 0, "%y", "%x", "%b.first", "apart")}{
        masked("g", "gradient.at", IMAGES)
    }
  %positive = fcmp ogt {vector} {greatest}, zeroinitializer
  %left0 = select {mask} %positive, {vector} %g, {vector} zeroinitializer"""
    for k, corner in enumerate(_corners(gate)):
        lines += f"""
  %is{k} = fcmp oeq {vector} %v{k}, {greatest}
  %d{k} = select {mask} %is{k}, {vector} %left{k}, {vector} zeroinitializer
  %left{k + 1} = select {mask} %is{k}, {vector} zeroinitializer, {vector} %left{k}{
            _corner(f"d{k}", "delta", gate, corner, border, "%b", "own")
        }
  store {vector} %d{k}, ptr %d{k}.at, align 32{fetched(f"v{k}.at", f"v{k}.at", "%ahead")}"""
    return f"""{masking(IMAGES)}
define void @kernel(ptr noalias %values, ptr noalias %gradient, ptr noalias %delta,
                    i64 %apart, i64 %first, i64 %own, i64 %count) #0 {{
entry:
  %ahead = mul i64 %apart, {4 * AHEAD}{_everywhere(gate, lines)}
  ret void
}}
{ATTRIBUTES}"""


def _corners(gate: Gate) -> list[tuple[int, int]]:
    return [(0, 0), (0, 1), (1, 0), (1, 1)] if gate.pooled else [(0, 0)]


def _everywhere(gate: Gate, body: str) -> str:
    """Lines that run the body for every channel %c, row %y and column %x of what goes out, and images %b."""
    height, width = gate.result
    pixels = loop("x", "0", str(width), 1, loop("b", "0", "%count", IMAGES.width, _windows(gate) + body))
    return loop("c", "0", str(gate.channels), 1, loop("y", "0", str(height), 1, pixels))


def _windows(gate: Gate) -> str:
    """Lines for the window's row and column in what came in."""
    step = 2 if gate.pooled else 1
    return f"\n  %wy = mul i64 %y, {step}\n  %wx = mul i64 %x, {step}"


def _whole(name: str, pointer: str, lanes: Lanes) -> str:
    """Lines that load a vector of images."""
    return f"\n  %{name} = load {lanes.vector}, ptr %{pointer}, align 32"


def _greatest(gate: Gate, load: Callable[[str, str, Lanes], str]) -> tuple[str, str]:
    """Lines that load the window as %v0, %v1 …, and the name of its greatest value."""
    lines, greatest, vector = "", "%v0", IMAGES.vector
    for k, corner in enumerate(_corners(gate)):
        lines += _corner(f"v{k}", "values", gate, corner, 0, "%b.first", "apart") + load(f"v{k}", f"v{k}.at", IMAGES)
        if k:
            lines += f"""
  %more{k} = fcmp ogt {vector} %v{k}, {greatest}
  %none{k} = fcmp uno {vector} %v{k}, zeroinitializer
  %take{k} = or {IMAGES.mask} %more{k}, %none{k}
  %m{k} = select {IMAGES.mask} %take{k}, {vector} %v{k}, {vector} {greatest}"""
            greatest = f"%m{k}"
    return lines, greatest


def _corner(name: str, array: str, gate: Gate, corner: tuple[int, int], border: int, image: str, apart: str) -> str:
    """Lines that point %name.at at one corner of the window in an array of the size of what came in, and a border."""
    down, right = corner
    return f"\n  %{name}.y = add i64 %wy, {down}\n  %{name}.x = add i64 %wx, {right}" + _at(
        name, gate.source, border, f"%{name}.y", f"%{name}.x", image, apart, array
    )


def _at(
    name: str, size: tuple[int, int], edge: int, y: str, x: str, image: str, apart: str, array: str = ""
) -> str:  # fmt: skip
    """Lines that point %name.at at an image's pixel within the edges of an array."""
    height, width = size[0] + 2 * edge, size[1] + 2 * edge
    return f"""
  %{name}.c = mul i64 %c, {height}
  %{name}.cy = add i64 %{name}.c, {y}
  %{name}.row = mul i64 %{name}.cy, {width}
  %{name}.pixel = add i64 %{name}.row, {x}
  %{name}.shift = add i64 %{name}.pixel, {edge * width + edge}
  %{name}.far = mul i64 %{name}.shift, %{apart}
  %{name}.image = add i64 %{name}.far, {image}
  %{name}.at = getelementptr float, ptr %{array or name}, i64 %{name}.image"""
