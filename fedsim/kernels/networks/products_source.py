"""LLVM source of products of small matrices, with their sums kept in registers from the first term to the last.

C[m, n] = Σ_k A[m, k] · B[k, n]: numbers of A are spread over vectors, rows of B are vectors. What a sum starts from and
what becomes of it is the caller's: biases, rectification, a step of descent need no pass of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fedsim.kernels.llvm import Lanes, loop, spread
from fedsim.kernels.networks.images_source import Registers, fma, fused

Emit = Callable[[str, str, str, Lanes], str]
"""(name, row, column, lanes) -> lines; row and column are values of the source."""


@dataclass(frozen=True)
class Strides:
    """How far apart neighbours lie, in numbers."""

    a_row: int
    a_term: int
    b_term: int


@dataclass(frozen=True)
class Product:
    """One product in the source: %<tag>.… are its names."""

    tag: str
    a: str  # pointers in the source
    b: str
    terms: str  # how many, at least one
    columns: int  # of C, a multiple of sixteen; those of B are as many
    strides: Strides
    end: Emit  # lines that take the sum %name to its place
    begin: Emit | None = None  # lines that put the start of a sum in %name; without them it is zero

    def over(self, rows: str, registers: Registers) -> str:
        """Lines that make rows 0, …, rounded up to whole tiles: A must have them and the end must bear them."""
        height = tallest(self.columns, registers)
        return loop(
            f"{self.tag}.m", "0", rows, height, self._across(f"{self.tag}.t", f"%{self.tag}.m", height, registers)
        )

    def exactly(self, rows: int, registers: Registers) -> str:
        """Lines that make just so many rows."""
        height = tallest(self.columns, registers)
        whole = rows - rows % height
        lines = self.over(str(whole), registers) if whole else ""
        return lines + (self._across(f"{self.tag}.r", str(whole), rows - whole, registers) if rows > whole else "")

    def _across(self, tag: str, row: str, height: int, registers: Registers) -> str:
        """Lines that make `height` rows from `row` on."""
        wide = widest(self.columns, registers)
        step = wide * registers.width
        whole = self.columns - self.columns % step
        body = self._tile(f"{tag}.w", row, f"%{tag}.n", height, Lanes("float", step))
        lines = loop(f"{tag}.n", "0", str(whole), step, body)
        if self.columns > whole:
            lines += self._tile(f"{tag}.l", row, str(whole), height, Lanes("float", self.columns - whole))
        return lines

    def _tile(self, tag: str, row: str, column: str, height: int, lanes: Lanes) -> str:
        places = [f"{tag}.{m}" for m in range(height)]
        rows = "".join(f"\n  %{name}.m = add i64 {row}, {m}" for m, name in enumerate(places))
        begin = self.begin or (lambda *_: "")
        begins = "".join(begin(f"{name}.0", f"%{name}.m", column, lanes) for name in places)
        ends = "".join(self.end(f"{name}.1", f"%{name}.m", column, lanes) for name in places)
        return rows + begins + self._terms(tag, row, column, places, lanes) + ends

    def _terms(self, tag: str, row: str, column: str, places: list[str], lanes: Lanes) -> str:
        vector, strides = lanes.vector, self.strides
        firsts = {p: f"%{p}.0" if self.begin else "zeroinitializer" for p in places}
        sums = "".join(f"\n  %{p}.s = phi {vector} [{firsts[p]}, %{tag}.enter], [%{p}.1, %{tag}.k]" for p in places)
        adds = "".join(
            f"""
  %{name}.a.at = getelementptr float, ptr %{tag}.a, i64 {m * strides.a_row}
  %{name}.a.one = load float, ptr %{name}.a.at, align 4{spread(f"{name}.a", lanes)}
  %{name}.1 = call {vector} {fma(lanes)}({vector} %{name}.a, {vector} %{tag}.b, {vector} %{name}.s)"""
            for m, name in enumerate(places)
        )
        return f"""
  %{tag}.a.row = mul i64 {row}, {strides.a_row}
  br label %{tag}.enter
{tag}.enter:
  br label %{tag}.k
{tag}.k:
  %{tag}.term = phi i64 [0, %{tag}.enter], [%{tag}.term.next, %{tag}.k]{sums}
  %{tag}.a.term = mul i64 %{tag}.term, {strides.a_term}
  %{tag}.a.place = add i64 %{tag}.a.row, %{tag}.a.term
  %{tag}.a = getelementptr float, ptr {self.a}, i64 %{tag}.a.place
  %{tag}.b.term = mul i64 %{tag}.term, {strides.b_term}
  %{tag}.b.place = add i64 %{tag}.b.term, {column}
  %{tag}.b.at = getelementptr float, ptr {self.b}, i64 %{tag}.b.place
  %{tag}.b = load {vector}, ptr %{tag}.b.at, align 32{adds}
  %{tag}.term.next = add i64 %{tag}.term, 1
  %{tag}.term.more = icmp ult i64 %{tag}.term.next, {self.terms}
  br i1 %{tag}.term.more, label %{tag}.k, label %{tag}.done
{tag}.done:"""


def declared(registers: Registers) -> str:
    """The declarations that products need."""
    return "\n".join(fused(Lanes("float", count * registers.width)) for count in (1, 2))


def widest(columns: int, registers: Registers) -> int:
    """Registers across a tile."""
    return 2 if columns >= 2 * registers.width else 1


def tallest(columns: int, registers: Registers) -> int:
    """Rows of a tile: enough sums at once to hide how long one takes, few enough to stay in registers."""
    return max(4, registers.sums * 2 // 3 // widest(columns, registers))
