"""LLVM source of the gradient of a correlation by its weights, with the batch as the last axis."""

from itertools import pairwise

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, loop
from fedsim.kernels.networks.images_source import Field, Registers, fma, fused


def tap_gradient(field: Field, border: int, registers: Registers) -> str:
    """(input, delta, sums): sums[o, i, ky, kx, lane] += Σ input[i, y + ky, x + kx] · delta[o, y, x] over y, x, images.

    `border` rows and columns of zeros surround `delta`; the lanes are left to be added up.
    """
    lanes = gradient_lanes(field, registers)
    most = max(1, registers.sums // field.wide)
    groups = -(-field.out // most)
    edges = [field.out * k // groups for k in range(groups + 1)]
    sections = [_Sums(field, border, lanes, range(begin, end)).text() for begin, end in pairwise(edges)]
    return f"""{fused(lanes)}
define void @kernel(ptr noalias %input, ptr noalias %delta, ptr noalias %sums) #0 {{
entry:{"".join(sections)}
  ret void
}}
{ATTRIBUTES}"""


def gradient_lanes(field: Field, registers: Registers) -> Lanes:
    """Lanes of the sums of `tap_gradient`."""
    return registers.lanes(field.batch, 1)


class _Sums:
    """The lines that sum the gradients of all taps of some output channels, one row of pixels after another."""

    def __init__(self, field: Field, border: int, lanes: Lanes, outs: range) -> None:
        self.field, self.border, self.lanes, self.outs = field, border, lanes, outs
        self.tag = f"g{outs.start}"
        self.sums = [(o, kx) for o in outs for kx in range(field.wide)]
        self.names = [f"{o}.{kx}" for o, kx in self.sums]

    def text(self) -> str:
        tag, field = self.tag, self.field
        row = loop(f"{tag}.k", "0", str(field.high), 1, self._row_of_taps())
        channel = loop(f"{tag}.i", "0", str(field.into), 1, row)
        return loop(f"{tag}.y", "0", str(field.result[0]), 1, channel)

    def _row_of_taps(self) -> str:
        """Sums of one row of taps over one row of pixels: a single walk, as pixels and images lie side by side."""
        tag, field, vector, width = self.tag, self.field, self.lanes.vector, self.lanes.width
        (high, wide), batch, edge = field.result, field.batch, self.border
        delta_row = (wide + 2 * edge) * batch
        delta_channel = (high + 2 * edge) * delta_row
        load = "".join(self._loaded(o, kx) for o, kx in self.sums)
        phis = "".join(
            f"\n  %{tag}.s.{name} = phi {vector} [%{tag}.old.{name}, %{tag}.k.body], [%{tag}.new.{name}, %{tag}.walk]"
            for name in self.names
        )
        stores = "".join(f"\n  store {vector} %{tag}.new.{name}, ptr %{tag}.at.{name}, align 32" for name in self.names)
        return f"""
  %{tag}.channel = mul i64 %{tag}.i, {field.source[0]}
  %{tag}.row.in = add i64 %{tag}.y, %{tag}.k
  %{tag}.row = add i64 %{tag}.channel, %{tag}.row.in
  %{tag}.line.at = mul i64 %{tag}.row, {field.source[1] * batch}
  %{tag}.line = getelementptr float, ptr %input, i64 %{tag}.line.at
  %{tag}.under.row = mul i64 %{tag}.y, {delta_row}
  %{tag}.under.at = add i64 %{tag}.under.row, {edge * delta_row + edge * batch}
  %{tag}.under = getelementptr float, ptr %delta, i64 %{tag}.under.at
  %{tag}.tap.in = mul i64 %{tag}.i, {field.high * field.wide * width}
  %{tag}.tap.row = mul i64 %{tag}.k, {field.wide * width}
  %{tag}.tap = add i64 %{tag}.tap.in, %{tag}.tap.row{load}
  br label %{tag}.walk
{tag}.walk:
  %{tag}.t = phi i64 [0, %{tag}.k.body], [%{tag}.t.next, %{tag}.walk]{phis}{self._products(delta_channel)}
  %{tag}.t.next = add i64 %{tag}.t, {width}
  %{tag}.t.more = icmp ult i64 %{tag}.t.next, {wide * batch}
  br i1 %{tag}.t.more, label %{tag}.walk, label %{tag}.kept
{tag}.kept:{stores}"""

    def _loaded(self, out: int, kx: int) -> str:
        """Lines that take up one sum where the row of pixels before left it."""
        tag, field, name = self.tag, self.field, f"{out}.{kx}"
        offset = (out * field.into * field.high * field.wide + kx) * self.lanes.width
        return f"""
  %{tag}.place.{name} = add i64 %{tag}.tap, {offset}
  %{tag}.at.{name} = getelementptr float, ptr %sums, i64 %{tag}.place.{name}
  %{tag}.old.{name} = load {self.lanes.vector}, ptr %{tag}.at.{name}, align 32"""

    def _products(self, delta_channel: int) -> str:
        tag, vector = self.tag, self.lanes.vector
        lines = [f"""
  %{tag}.t.{o} = add i64 %{tag}.t, {o * delta_channel}
  %{tag}.d.{o}.at = getelementptr float, ptr %{tag}.under, i64 %{tag}.t.{o}
  %{tag}.d.{o} = load {vector}, ptr %{tag}.d.{o}.at, align 32""" for o in self.outs]  # fmt: skip
        for kx in range(self.field.wide):
            lines.append(f"""
  %{tag}.t.x{kx} = add i64 %{tag}.t, {kx * self.field.batch}
  %{tag}.x.{kx}.at = getelementptr float, ptr %{tag}.line, i64 %{tag}.t.x{kx}
  %{tag}.x.{kx} = load {vector}, ptr %{tag}.x.{kx}.at, align 32""")
            pair = f"{vector} %{tag}.x.{kx}, {vector} %{tag}.d"
            lines += [
                f"\n  %{tag}.new.{o}.{kx} = call {vector} {fma(self.lanes)}({pair}.{o}, {vector} %{tag}.s.{o}.{kx})"
                for o in self.outs
            ]
        return "".join(lines)
