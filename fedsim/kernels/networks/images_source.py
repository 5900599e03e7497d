"""LLVM source of the kernels that train small convolutional networks on images lying side by side.

Every array has the images as its last axis: (channels, height, width, apart). Then one vector holds the same pixel of
many images, and convolution, pooling and rectification are plain vector arithmetic whatever the channels or the
width: libraries that put channels or pixels in the vector have little to do with six channels. All sizes are written
into the source, so that the compiler unrolls the taps and keeps the sums in registers; only `apart`, the room for
images at each pixel, and `images`, how many of these places are worked on, are given with each call. Both are
multiples of sixteen.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fedsim.kernels.llvm import Lanes, filled, loop

HIGH = round(2**23 / 255) / 2**23
LOW = 1 / 255 - HIGH
"""The two parts of a 255th: products of bytes with the first, which has sixteen digits, are exact."""


@dataclass(frozen=True)
class Registers:
    """What the processor's vector registers hold."""

    width: int  # numbers in one of them
    sums: int  # of them that may hold sums; the rest hold inputs and weights

    @property
    def one(self) -> Lanes:
        """What one register holds."""
        return Lanes("float", self.width)

    @property
    def two(self) -> Lanes:
        """What two of them hold: a number that is loaded once serves both."""
        return Lanes("float", 2 * self.width)


AVX2, AVX512 = Registers(8, 12), Registers(16, 24)
IMAGES = Lanes("float", 16)
"""Images that are worked on are so many, or twice, or three times …"""


@dataclass(frozen=True)
class Field:
    """Sizes of a correlation: an output pixel is the sum over `into` channels and high × wide taps."""

    into: int
    out: int
    high: int
    wide: int
    source: tuple[int, int]  # height and width of the input, borders included
    border: int = 0  # rows and columns of zeros around the input, fewer than taps, which need not be read

    @property
    def result(self) -> tuple[int, int]:
        """Height and width of the output."""
        return self.source[0] - self.high + 1, self.source[1] - self.wide + 1


def fused(lanes: Lanes) -> str:
    """The declaration of a·b + c."""
    return f"declare {lanes.vector} {fma(lanes)}({lanes.vector}, {lanes.vector}, {lanes.vector})"


def fma(lanes: Lanes) -> str:
    """The name of a·b + c."""
    return f"@llvm.fmuladd.v{lanes.width}f32"


def brightness(name: str, lanes: Lanes) -> str:
    """Lines that put the bytes %name.raw in %name as value / 255.

    A division takes as long as a dozen of these operations, which round once and so end in the same floats.
    """
    vector, bytes = lanes.vector, f"<{lanes.width} x i8>"
    high, low = filled(HIGH, lanes), filled(LOW, lanes)
    return f"""
  %{name}.float = uitofp {bytes} %{name}.raw to {vector}
  %{name}.high = fmul {vector} %{name}.float, {high}
  %{name}.low = fmul {vector} %{name}.float, {low}
  %{name} = fadd {vector} %{name}.high, %{name}.low"""


def all_images(tag: str, registers: Registers, body: Callable[[str, Lanes], str]) -> str:
    """Lines that run the body for every vector of images, two registers at a time and then, maybe, one.

    The body is told what its names begin with, and knows the first image of the vector as %<that>.b.
    """
    one, two = registers.one, registers.two
    if IMAGES.width % two.width == 0:
        return loop(f"{tag}.b", "0", "%images", two.width, body(tag, two))
    lines = f"\n  %{tag}.whole = and i64 %images, {-two.width}"
    lines += loop(f"{tag}.b", "0", f"%{tag}.whole", two.width, body(tag, two))
    return lines + loop(f"{tag}.n.b", f"%{tag}.whole", "%images", one.width, body(f"{tag}.n", one))
