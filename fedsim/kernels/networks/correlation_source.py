"""LLVM source of a convolution of images that lie side by side: a correlation of channels with weights."""

from dataclasses import dataclass
from itertools import pairwise

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, loop, spread
from fedsim.kernels.networks.images_source import Field, Registers, all_images, fma, fused


@dataclass(frozen=True)
class Taps:
    """Where in the weights the tap (out, in, ky, kx) stands: its indices times these strides, plus start."""

    out: int
    into: int
    high: int
    wide: int
    start: int = 0


def correlation(field: Field, taps: Taps, registers: Registers) -> str:
    """(input, weights, bias, output, apart, images): correlation of images with weights.

    output[o, y, x, :] = bias[o] + Σ weights[tap] · input[i, y + ky, x + kx, :].
    """
    most = registers.sums // 3  # each in two registers
    groups = -(-field.out // most)
    edges = [field.out * k // groups for k in range(groups + 1)]
    sections = [_Section(field, taps, range(begin, end)).text(registers) for begin, end in pairwise(edges)]
    return f"""declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
{fused(registers.one)}
{fused(registers.two)}
define void @kernel(ptr noalias %input, ptr noalias %weights, ptr noalias %bias, ptr noalias %output,
                    i64 %apart, i64 %images) #0 {{
entry:{"".join(sections)}
  ret void
}}
{ATTRIBUTES}"""


class _Section:
    """The lines that make all pixels of some output channels."""

    def __init__(self, field: Field, taps: Taps, outs: range) -> None:
        self.field, self.taps, self.outs = field, taps, outs
        self.tag = f"g{outs.start}"

    def text(self, registers: Registers) -> str:
        tag, (height, width) = self.tag, self.field.result

        def pixel(name: str, lanes: Lanes) -> str:
            return _Pixel(self.field, self.taps, self.outs, (tag, name), lanes).text()

        vectors = all_images(f"{tag}.v", registers, pixel)
        row = self._useful("row", "y", 0, self.field.high)
        columns = self._useful("column", "x", 1, self.field.wide)
        pixels = loop(f"{tag}.x", "0", str(width), 1, columns + vectors)
        return loop(f"{tag}.y", "0", str(height), 1, row + pixels)

    def _useful(self, name: str, place: str, axis: int, taps: int) -> str:
        """The rows or columns of taps that meet more than zeros: from %….low to below %….high, never none."""
        tag, field = f"{self.tag}.{name}", self.field
        return f"""
  %{tag}.low.raw = sub i64 {field.border}, %{self.tag}.{place}
  %{tag}.low = call i64 @llvm.smax.i64(i64 %{tag}.low.raw, i64 0)
  %{tag}.high.raw = sub i64 {field.source[axis] - field.border}, %{self.tag}.{place}
  %{tag}.high = call i64 @llvm.smin.i64(i64 %{tag}.high.raw, i64 {taps})"""


class _Pixel:
    """The lines for one vector of images at one pixel: sums run over channels, and within over rows of taps."""

    def __init__(self, field: Field, taps: Taps, outs: range, tags: tuple[str, str], lanes: Lanes) -> None:
        self.field, self.taps, self.outs, self.lanes = field, taps, outs, lanes
        self.section, self.tag = tags  # what names of the section, and of this vector, begin with

    def text(self) -> str:
        tag, section, field = self.tag, self.section, self.field
        row, last, end = self._row()
        came, went = f"%{tag}.b.body", f"%{tag}.i.latch"
        outer = self._phis("c", {o: (f"%{tag}.bias.{o}", came, last[o], went) for o in self.outs})
        entered = {o: (f"%{tag}.c.{o}", f"%{tag}.i", last[o], f"%{end}") for o in self.outs}
        return f"""{"".join(map(self._bias, self.outs))}
  br label %{tag}.i
{tag}.i:
  %{tag}.c = phi i64 [0, {came}], [%{tag}.c.next, {went}]{outer}
  %{tag}.channel = mul i64 %{tag}.c, {field.source[0]}
  br label %{tag}.k
{tag}.k:
  %{tag}.ky = phi i64 [%{section}.row.low, %{tag}.i], [%{tag}.ky.next, %{end}]{self._phis("s", entered)}{row}
  %{tag}.ky.next = add i64 %{tag}.ky, 1
  %{tag}.ky.more = icmp slt i64 %{tag}.ky.next, %{section}.row.high
  br i1 %{tag}.ky.more, label %{tag}.k, label %{tag}.i.latch
{tag}.i.latch:
  %{tag}.c.next = add i64 %{tag}.c, 1
  %{tag}.c.more = icmp slt i64 %{tag}.c.next, {field.into}
  br i1 %{tag}.c.more, label %{tag}.i, label %{tag}.store
{tag}.store:{self._stored(last)}"""

    def _bias(self, out: int) -> str:
        name = f"{self.tag}.bias.{out}"
        return f"""
  %{name}.at = getelementptr float, ptr %bias, i64 {out}
  %{name}.one = load float, ptr %{name}.at, align 4{spread(name, self.lanes)}"""

    def _row(self) -> tuple[str, dict[int, str], str]:
        """Lines for one row of taps, the sums after it, and the block it ends in.

        Where borders cut taps off, the others are walked through one by one.
        """
        tag, section = self.tag, self.section
        held = {o: f"%{tag}.s.{o}" for o in self.outs}
        if not self.field.border:
            lines = self._here()
            for kx in range(self.field.wide):
                more, held = self._tap(f"{tag}.{kx}", str(kx), held)
                lines += more
            return lines, held, f"{tag}.k"
        walked = {o: f"%{tag}.t.{o}" for o in self.outs}
        more, last = self._tap(f"{tag}.w", f"%{tag}.kx", walked)
        phis = self._phis("t", {o: (held[o], f"%{tag}.k", last[o], f"%{tag}.t") for o in self.outs})
        lines = f"""{self._here()}
  br label %{tag}.t
{tag}.t:
  %{tag}.kx = phi i64 [%{section}.column.low, %{tag}.k], [%{tag}.kx.next, %{tag}.t]{phis}{more}
  %{tag}.kx.next = add i64 %{tag}.kx, 1
  %{tag}.kx.more = icmp slt i64 %{tag}.kx.next, %{section}.column.high
  br i1 %{tag}.kx.more, label %{tag}.t, label %{tag}.t.done
{tag}.t.done:"""
        return lines, last, f"{tag}.t.done"

    def _here(self) -> str:
        """Lines that point %line at the input under a row of taps, and %taps at the weights of that row."""
        tag, section, field, taps = self.tag, self.section, self.field, self.taps
        return f"""
  %{tag}.row.in = add i64 %{section}.y, %{tag}.ky
  %{tag}.row = add i64 %{tag}.channel, %{tag}.row.in
  %{tag}.row.at = mul i64 %{tag}.row, {field.source[1]}
  %{tag}.pixel = add i64 %{tag}.row.at, %{section}.x
  %{tag}.pixel.at = mul i64 %{tag}.pixel, %apart
  %{tag}.image = add i64 %{tag}.pixel.at, %{tag}.b
  %{tag}.line = getelementptr float, ptr %input, i64 %{tag}.image
  %{tag}.tap.in = mul i64 %{tag}.c, {taps.into}
  %{tag}.tap.row = mul i64 %{tag}.ky, {taps.high}
  %{tag}.tap.sum = add i64 %{tag}.tap.in, %{tag}.tap.row
  %{tag}.tap = add i64 %{tag}.tap.sum, {taps.start}
  %{tag}.taps = getelementptr float, ptr %weights, i64 %{tag}.tap"""

    def _tap(self, name: str, kx: str, held: dict[int, str]) -> tuple[str, dict[int, str]]:
        """Lines that add one column's taps to the sums held so far, and the names of the sums then."""
        tag, taps, vector = self.tag, self.taps, self.lanes.vector
        lines, after = (
            f"""
  %{name}.in.far = mul i64 {kx}, %apart
  %{name}.in.at = getelementptr float, ptr %{tag}.line, i64 %{name}.in.far
  %{name}.in = load {vector}, ptr %{name}.in.at, align 32
  %{name}.w.far = mul i64 {kx}, {taps.wide}
  %{name}.w = getelementptr float, ptr %{tag}.taps, i64 %{name}.w.far""",
            {},
        )
        for o in self.outs:
            after[o] = f"%{name}.sum.{o}"
            lines += f"""
  %{name}.{o}.at = getelementptr float, ptr %{name}.w, i64 {o * taps.out}
  %{name}.{o}.one = load float, ptr %{name}.{o}.at, align 4{spread(f"{name}.{o}", self.lanes)}
  {after[o]} = call {vector} {fma(self.lanes)}({vector} %{name}.in, {vector} %{name}.{o}, {vector} {held[o]})"""
        return lines, after

    def _stored(self, sums: dict[int, str]) -> str:
        """Lines that write the sums to the output."""
        tag, section, (height, width) = self.tag, self.section, self.field.result
        stores = "".join(
            f"""
  %{tag}.out.{o}.far = mul i64 %apart, {o * height * width}
  %{tag}.out.{o}.at = getelementptr float, ptr %{tag}.place, i64 %{tag}.out.{o}.far
  store {self.lanes.vector} {sums[o]}, ptr %{tag}.out.{o}.at, align 32"""
            for o in self.outs
        )
        return f"""
  %{tag}.place.row = mul i64 %{section}.y, {width}
  %{tag}.place.pixel = add i64 %{tag}.place.row, %{section}.x
  %{tag}.place.at = mul i64 %{tag}.place.pixel, %apart
  %{tag}.place.image = add i64 %{tag}.place.at, %{tag}.b
  %{tag}.place = getelementptr float, ptr %output, i64 %{tag}.place.image{stores}"""

    def _phis(self, letter: str, entries: dict[int, tuple[str, str, str, str]]) -> str:
        return "".join(
            f"\n  %{self.tag}.{letter}.{o} = phi {self.lanes.vector} [{first}, {start}], [{later}, {again}]"
            for o, (first, start, later, again) in entries.items()
        )
