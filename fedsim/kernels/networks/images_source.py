"""LLVM source of the kernels that train small convolutional networks on images lying side by side.

Every array has the batch as its last axis: (channels, height, width, batch). Then one vector holds the same pixel of
many images, and convolution, pooling and rectification are plain vector arithmetic whatever the channels or the
width: libraries that put channels or pixels in the vector have little to do with six channels. All sizes are written
into the source, so that the compiler unrolls the taps and keeps the sums in registers.
"""

from dataclasses import dataclass
from itertools import pairwise

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, loop, spread


@dataclass(frozen=True)
class Registers:
    """What the processor's vector registers hold."""

    width: int  # numbers in one of them
    sums: int  # of them that may hold sums; the rest hold inputs and weights

    def lanes(self, batch: int, most: int) -> Lanes:
        """The widest vector of up to `most` registers that divides the batch."""
        return Lanes("float", next(w for w in (most * self.width, self.width, 8) if batch % w == 0))


AVX2, AVX512 = Registers(8, 12), Registers(16, 24)


@dataclass(frozen=True)
class Taps:
    """Where in the weights the tap (out, in, ky, kx) stands: its indices times these strides, plus start."""

    out: int
    into: int
    high: int
    wide: int
    start: int = 0


@dataclass(frozen=True)
class Field:
    """Sizes of a correlation: an output pixel is the sum over `into` channels and high × wide taps."""

    into: int
    out: int
    high: int
    wide: int
    source: tuple[int, int]  # height and width of the input, borders included
    batch: int  # a multiple of eight
    border: int = 0  # rows of zeros above and below, which need not be read

    @property
    def result(self) -> tuple[int, int]:
        """Height and width of the output."""
        return self.source[0] - self.high + 1, self.source[1] - self.wide + 1


def correlation(field: Field, taps: Taps, registers: Registers) -> str:
    """(input, weights, bias, output): output[o, y, x, :] = bias[o] + Σ weights[tap] · input[i, y + ky, x + kx, :]."""
    lanes = registers.lanes(field.batch, 2)
    most = max(1, registers.sums * registers.width // lanes.width * 2 // 3 if lanes.width > registers.width else 6)
    groups = -(-field.out // most)
    edges = [field.out * k // groups for k in range(groups + 1)]
    sections = [_Section(field, taps, lanes, range(begin, end)).text() for begin, end in pairwise(edges)]
    return f"""declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
{fused(lanes)}
define void @kernel(ptr noalias %input, ptr noalias %weights, ptr noalias %bias, ptr noalias %output) #0 {{
entry:{"".join(sections)}
  ret void
}}
{ATTRIBUTES}"""


def fused(lanes: Lanes) -> str:
    """The declaration of a·b + c."""
    return f"declare {lanes.vector} {fma(lanes)}({lanes.vector}, {lanes.vector}, {lanes.vector})"


def fma(lanes: Lanes) -> str:
    """The name of a·b + c."""
    return f"@llvm.fmuladd.v{lanes.width}f32"


class _Section:
    """The lines that make all pixels of some output channels; %names start with the section's tag."""

    def __init__(self, field: Field, taps: Taps, lanes: Lanes, outs: range) -> None:
        self.field, self.taps, self.lanes, self.outs = field, taps, lanes, outs
        self.tag = f"g{outs.start}"

    def text(self) -> str:
        tag, (height, width) = self.tag, self.field.result
        column = loop(f"{tag}.b", "0", str(self.field.batch), self.lanes.width, self._pixel())
        row = self._useful_rows() + loop(f"{tag}.x", "0", str(width), 1, column)
        return "".join(map(self._bias, self.outs)) + loop(f"{tag}.y", "0", str(height), 1, row)

    def _bias(self, out: int) -> str:
        name = f"{self.tag}.bias.{out}"
        return f"""
  %{name}.at = getelementptr float, ptr %bias, i64 {out}
  %{name}.one = load float, ptr %{name}.at, align 4{spread(name, self.lanes)}"""

    def _useful_rows(self) -> str:
        """The rows of taps that meet more than zeros: from %low to below %high."""
        tag, field = self.tag, self.field
        return f"""
  %{tag}.low.raw = sub i64 {field.border}, %{tag}.y
  %{tag}.low = call i64 @llvm.smax.i64(i64 %{tag}.low.raw, i64 0)
  %{tag}.high.raw = sub i64 {field.source[0] - field.border}, %{tag}.y
  %{tag}.high = call i64 @llvm.smin.i64(i64 %{tag}.high.raw, i64 {field.high})"""

    def _pixel(self) -> str:
        """One vector of images at one pixel: sums run over channels and, within, over rows of taps."""
        tag, field = self.tag, self.field
        lines, last = self._taps()
        came, went = f"%{tag}.b.body", f"%{tag}.i.latch"
        outer = self._phis("c", {o: (f"%{tag}.bias.{o}", came, f"%{tag}.d.{o}", went) for o in self.outs})
        entered = {o: (f"%{tag}.c.{o}", f"%{tag}.i", last[o], f"%{tag}.k") for o in self.outs}
        return f"""
  br label %{tag}.i
{tag}.i:
  %{tag}.c = phi i64 [0, {came}], [%{tag}.c.next, {went}]{outer}
  %{tag}.channel = mul i64 %{tag}.c, {field.source[0]}
  %{tag}.some = icmp slt i64 %{tag}.low, %{tag}.high
  br i1 %{tag}.some, label %{tag}.k, label %{tag}.i.latch
{tag}.k:
  %{tag}.ky = phi i64 [%{tag}.low, %{tag}.i], [%{tag}.ky.next, %{tag}.k]{self._phis("s", entered)}{self._here()}{lines}
  %{tag}.ky.next = add i64 %{tag}.ky, 1
  %{tag}.ky.more = icmp slt i64 %{tag}.ky.next, %{tag}.high
  br i1 %{tag}.ky.more, label %{tag}.k, label %{tag}.i.latch
{tag}.i.latch:{self._phis("d", entered)}
  %{tag}.c.next = add i64 %{tag}.c, 1
  %{tag}.c.more = icmp slt i64 %{tag}.c.next, {field.into}
  br i1 %{tag}.c.more, label %{tag}.i, label %{tag}.store
{tag}.store:{self._stored()}"""

    def _here(self) -> str:
        """Lines that point %line at the input under a row of taps, and %taps at the weights of that row."""
        tag, field, taps = self.tag, self.field, self.taps
        return f"""
  %{tag}.row.in = add i64 %{tag}.y, %{tag}.ky
  %{tag}.row = add i64 %{tag}.channel, %{tag}.row.in
  %{tag}.row.at = mul i64 %{tag}.row, {field.source[1]}
  %{tag}.pixel = add i64 %{tag}.row.at, %{tag}.x
  %{tag}.pixel.at = mul i64 %{tag}.pixel, {field.batch}
  %{tag}.image = add i64 %{tag}.pixel.at, %{tag}.b
  %{tag}.line = getelementptr float, ptr %input, i64 %{tag}.image
  %{tag}.tap.in = mul i64 %{tag}.c, {taps.into}
  %{tag}.tap.row = mul i64 %{tag}.ky, {taps.high}
  %{tag}.tap = add i64 %{tag}.tap.in, %{tag}.tap.row
  %{tag}.taps = getelementptr float, ptr %weights, i64 %{tag}.tap"""

    def _stored(self) -> str:
        """Lines that write the sums to the output."""
        tag, (height, width), batch = self.tag, self.field.result, self.field.batch
        stores = "".join(
            f"""
  %{tag}.out.{o}.at = getelementptr float, ptr %{tag}.place, i64 {o * height * width * batch}
  store {self.lanes.vector} %{tag}.d.{o}, ptr %{tag}.out.{o}.at, align 32"""
            for o in self.outs
        )
        return f"""
  %{tag}.place.row = mul i64 %{tag}.y, {width}
  %{tag}.place.pixel = add i64 %{tag}.place.row, %{tag}.x
  %{tag}.place.at = mul i64 %{tag}.place.pixel, {batch}
  %{tag}.place.image = add i64 %{tag}.place.at, %{tag}.b
  %{tag}.place = getelementptr float, ptr %output, i64 %{tag}.place.image{stores}"""

    def _phis(self, letter: str, entries: dict[int, tuple[str, str, str, str]]) -> str:
        return "".join(
            f"\n  %{self.tag}.{letter}.{o} = phi {self.lanes.vector} [{first}, {start}], [{later}, {again}]"
            for o, (first, start, later, again) in entries.items()
        )

    def _taps(self) -> tuple[str, dict[int, str]]:
        """One row of taps for every output channel, and the names of the sums after it."""
        tag, taps, vector = self.tag, self.taps, self.lanes.vector
        lines, held = [], {o: f"%{tag}.s.{o}" for o in self.outs}
        for kx in range(self.field.wide):
            lines.append(f"""
  %{tag}.in.{kx}.at = getelementptr float, ptr %{tag}.line, i64 {kx * self.field.batch}
  %{tag}.in.{kx} = load {vector}, ptr %{tag}.in.{kx}.at, align 32""")
            for o in self.outs:
                name, total = f"{tag}.w.{kx}.{o}", f"%{tag}.s.{o}.{kx}"
                lines.append(f"""
  %{name}.at = getelementptr float, ptr %{tag}.taps, i64 {o * taps.out + kx * taps.wide + taps.start}
  %{name}.one = load float, ptr %{name}.at, align 4{spread(name, self.lanes)}
  {total} = call {vector} {fma(self.lanes)}({vector} %{tag}.in.{kx}, {vector} %{name}, {vector} {held[o]})""")
                held[o] = total
        return "".join(lines), held
