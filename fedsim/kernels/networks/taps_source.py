"""LLVM source of the gradient of a convolution by its weights and biases, over images side by side."""

from itertools import pairwise

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, folded, loop
from fedsim.kernels.networks.images_source import Field, Registers, fma, fused

CHAINS = 8
"""Sums of biases that run side by side, so that none waits for its last addition."""


def tap_gradient(field: Field, registers: Registers) -> str:
    """(input, delta, sums, out, apart): the gradient over all images, of which there is room for `apart`.

    out[o, i, ky, kx] = Σ input[i, y + ky, x + kx, b] · delta[o, y, x, b] over y, x and images b, and behind them
    out[o] = Σ delta[o, y, x, b]. Each place in a vector of images has a sum of its own, in `sums`, until the end.
    """
    lanes = registers.one
    most = max(1, registers.sums // field.wide)
    sections = [_Sums(field, lanes, outs).text() for outs in _groups(field.out, most)]
    biases = [_Biases(field, lanes, outs).text() for outs in _groups(field.out, CHAINS)]
    return f"""{fused(lanes)}
define void @kernel(ptr noalias %input, ptr noalias %delta, ptr noalias %sums, ptr noalias %out, i64 %apart) #0 {{
entry:
  %line = mul i64 %apart, {field.result[1]}
  %whole = mul i64 %line, {field.result[0]}{_cleared(field, lanes)}{"".join(sections)}{_added_up(field, lanes)}{
        "".join(biases)
    }
  ret void
}}
{ATTRIBUTES}"""


def weights_of(field: Field) -> int:
    """Weights of a convolution."""
    return field.out * field.into * field.high * field.wide


def _groups(count: int, most: int) -> list[range]:
    """Channels in groups of nearly equal size."""
    groups = -(-count // most)
    return [range(begin, end) for begin, end in pairwise([count * k // groups for k in range(groups + 1)])]


def _cleared(field: Field, lanes: Lanes) -> str:
    """Lines that set all sums to zero."""
    lines = f"""
  %zero.place = mul i64 %zero, {lanes.width}
  %zero.at = getelementptr float, ptr %sums, i64 %zero.place
  store {lanes.vector} zeroinitializer, ptr %zero.at, align 32"""
    return loop("zero", "0", str(weights_of(field)), 1, lines)


def _added_up(field: Field, lanes: Lanes) -> str:
    """Lines that add up each weight's vector."""
    lines = f"""
  %fold.place = mul i64 %fold, {lanes.width}
  %fold.at = getelementptr float, ptr %sums, i64 %fold.place
  %fold.all = load {lanes.vector}, ptr %fold.at, align 32{_whole("fold", "%fold.all", "%fold", lanes)}"""
    return loop("fold", "0", str(weights_of(field)), 1, lines)


def _whole(name: str, vector: str, place: str, lanes: Lanes) -> str:
    """Lines that write the sum of a vector's numbers to this place of %out."""
    return f"""{folded(f"{name}.sum", vector, lanes, 1)}
  %{name}.one = extractelement <1 x float> %{name}.sum, i32 0
  %{name}.to = getelementptr float, ptr %out, i64 {place}
  store float %{name}.one, ptr %{name}.to, align 4"""


class _Biases:
    """The lines that write the gradients by the biases of some channels: one walk through all their pixels."""

    def __init__(self, field: Field, lanes: Lanes, outs: range) -> None:
        self.field, self.lanes, self.outs = field, lanes, outs
        self.tag = f"b{outs.start}"

    def text(self) -> str:
        tag, vector = self.tag, self.lanes.vector
        names = [f"{tag}.{o}" for o in self.outs]
        starts = "".join(
            f"""
  %{name}.far = mul i64 %whole, {o}
  %{name}.start = getelementptr float, ptr %delta, i64 %{name}.far"""
            for name, o in zip(names, self.outs, strict=True)
        )
        phis = "".join(
            f"\n  %{name} = phi {vector} [zeroinitializer, %{tag}.enter], [%{name}.new, %{tag}.walk]" for name in names
        )
        adds = "".join(
            f"""
  %{name}.at = getelementptr float, ptr %{name}.start, i64 %{tag}.t
  %{name}.d = load {vector}, ptr %{name}.at, align 32
  %{name}.new = fadd {vector} %{name}, %{name}.d"""
            for name in names
        )
        ends = "".join(
            _whole(f"{name}.end", f"%{name}.new", str(weights_of(self.field) + o), self.lanes)
            for name, o in zip(names, self.outs, strict=True)
        )
        return f"""{starts}
  br label %{tag}.enter
{tag}.enter:
  br label %{tag}.walk
{tag}.walk:
  %{tag}.t = phi i64 [0, %{tag}.enter], [%{tag}.next, %{tag}.walk]{phis}{adds}
  %{tag}.next = add i64 %{tag}.t, {self.lanes.width}
  %{tag}.more = icmp ult i64 %{tag}.next, %whole
  br i1 %{tag}.more, label %{tag}.walk, label %{tag}.done
{tag}.done:{ends}"""


class _Sums:
    """The lines that sum the gradients of all taps of some output channels, one row of pixels after another."""

    def __init__(self, field: Field, lanes: Lanes, outs: range) -> None:
        self.field, self.lanes, self.outs = field, lanes, outs
        self.tag = f"g{outs.start}"
        self.sums = [(o, kx) for o in outs for kx in range(field.wide)]
        self.names = [f"{o}.{kx}" for o, kx in self.sums]

    def text(self) -> str:
        tag, field = self.tag, self.field
        row = loop(f"{tag}.k", "0", str(field.high), 1, self._row_of_taps())
        channel = loop(f"{tag}.i", "0", str(field.into), 1, row)
        return self._starts() + loop(f"{tag}.y", "0", str(field.result[0]), 1, channel)

    def _starts(self) -> str:
        """Lines that tell how far a channel's gradients lie from the first one's, and a tap's inputs."""
        far = [(f"d.{o}", "whole", o) for o in self.outs] + [(f"x.{kx}", "apart", kx) for kx in range(self.field.wide)]
        return "".join(f"\n  %{self.tag}.{name}.far = mul i64 %{unit}, {count}" for name, unit, count in far)

    def _row_of_taps(self) -> str:
        """Sums of one row of taps over one row of pixels: a single walk, as pixels and images lie side by side."""
        tag, field, vector, width = self.tag, self.field, self.lanes.vector, self.lanes.width
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
  %{tag}.line.row = mul i64 %{tag}.row, {field.source[1]}
  %{tag}.line.at = mul i64 %{tag}.line.row, %apart
  %{tag}.line = getelementptr float, ptr %input, i64 %{tag}.line.at
  %{tag}.under.at = mul i64 %{tag}.y, %line
  %{tag}.under = getelementptr float, ptr %delta, i64 %{tag}.under.at
  %{tag}.tap.in = mul i64 %{tag}.i, {field.high * field.wide * width}
  %{tag}.tap.row = mul i64 %{tag}.k, {field.wide * width}
  %{tag}.tap = add i64 %{tag}.tap.in, %{tag}.tap.row{load}{self._pointed()}
  br label %{tag}.walk
{tag}.walk:
  %{tag}.t = phi i64 [0, %{tag}.k.body], [%{tag}.t.next, %{tag}.walk]{phis}{self._products()}
  %{tag}.t.next = add i64 %{tag}.t, {width}
  %{tag}.t.more = icmp ult i64 %{tag}.t.next, %line
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

    def _pointed(self) -> str:
        """Lines that point at the row's first gradients of each channel, and at the first inputs under each tap."""
        tag = self.tag
        names = [(f"d.{o}", "under") for o in self.outs] + [(f"x.{kx}", "line") for kx in range(self.field.wide)]
        return "".join(
            f"\n  %{tag}.{name}.start = getelementptr float, ptr %{tag}.{base}, i64 %{tag}.{name}.far"
            for name, base in names
        )

    def _products(self) -> str:
        tag, vector = self.tag, self.lanes.vector
        lines = [self._seen(f"{tag}.d.{o}") for o in self.outs]
        for kx in range(self.field.wide):
            lines.append(self._seen(f"{tag}.x.{kx}"))
            pair = f"{vector} %{tag}.x.{kx}, {vector} %{tag}.d"
            lines += [
                f"\n  %{tag}.new.{o}.{kx} = call {vector} {fma(self.lanes)}({pair}.{o}, {vector} %{tag}.s.{o}.{kx})"
                for o in self.outs
            ]
        return "".join(lines)

    def _seen(self, name: str) -> str:
        """Lines that load %name at the walk's place."""
        return f"""
  %{name}.at = getelementptr float, ptr %{name}.start, i64 %{self.tag}.t
  %{name} = load {self.lanes.vector}, ptr %{name}.at, align 32"""
