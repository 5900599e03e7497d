"""LLVM source of one pass that makes a mean over ranks and counts which rows were in it.

In most columns exactly as many rows lie between the bounds as there are ranks: a population count a row does. Where
rows tie at a bound they share its ranks equally; such shares are rounded to multiples of 2⁻³², so that sums of them are
exact and do not depend on their order.
"""

from fedsim.kernels.llvm import Lanes
from fedsim.kernels.rules.ranks_source import closing, in_order, opening, totalled

ROUNDING = 1.5 * 2.0**20
"""Added and taken away again, it rounds a number from 0 to 1 to a multiple of 2⁻³²."""


def surviving(n: int, first: int, last: int, lanes: Lanes) -> str:
    """A kernel for one height and one span of ranks: the whole network, straight, in registers.

    It adds whole ranks held to %counts (n,) and shared ones to %shares, a vector of doubles for each row.
    """
    ranks, values, doubt = in_order(n, first, last, lanes)
    lowest, highest = values[first], values[last - 1]
    total = totalled(first, last, lanes, values)
    return f"""
define {lanes.kind} @kernel(ptr noalias %rows, i64 %stride, ptr noalias %out, i64 %columns, {lanes.kind} %divisor,
                      ptr noalias %counts, ptr noalias %shares) #0 {{
entry:{opening(lanes, "block", "finish")}{ranks}{total}
{_kept(n, lanes, lowest, highest, last - first)}{_whole(n, lanes)}{_tied(n, lanes, lowest, highest)}
{_shared(n, lanes, first, last)}{closing(lanes, values[first], doubt, "block")}
declare i{lanes.width} @llvm.ctpop.i{lanes.width}(i{lanes.width})
"""


def _kept(n: int, lanes: Lanes, lowest: str, highest: str, span: int) -> str:
    """Which rows lie between the bounds, and whether in every column they are as many as the ranks."""
    whole = _integers(lanes)
    lines = [
        f"""
  %least{row} = fcmp oge {lanes.vector} %v{row}, {lowest}
  %most{row} = fcmp ole {lanes.vector} %v{row}, {highest}
  %kept{row} = and {lanes.mask} %least{row}, %most{row}
  %one{row} = zext {lanes.mask} %kept{row} to {whole}"""
        for row in range(n)
    ]
    lines.append(f"\n  %number0 = add {whole} %one0, zeroinitializer")
    lines += [f"\n  %number{row} = add {whole} %number{row - 1}, %one{row}" for row in range(1, n)]
    return (
        "".join(lines)
        + f"""
  %right = icmp eq {whole} %number{n - 1}, {_everywhere(lanes, str(span))}
  %right.bits = bitcast {lanes.mask} %right to i{lanes.width}
  %plain = icmp eq i{lanes.width} %right.bits, -1
  br i1 %plain, label %whole, label %tied"""
    )


def _whole(n: int, lanes: Lanes) -> str:
    width = lanes.width
    lines = [
        f"""
  %bits{row} = bitcast {lanes.mask} %kept{row} to i{width}
  %few{row} = call i{width} @llvm.ctpop.i{width}(i{width} %bits{row})
  %many{row} = zext i{width} %few{row} to i64
  %count{row}.at = getelementptr i64, ptr %counts, i64 {row}
  %count{row} = load i64, ptr %count{row}.at
  %count{row}.next = add i64 %count{row}, %many{row}
  store i64 %count{row}.next, ptr %count{row}.at"""
        for row in range(n)
    ]
    return "\nwhole:" + "".join(lines) + "\n  br label %finish"


def _tied(n: int, lanes: Lanes, lowest: str, highest: str) -> str:
    """How many rows lie below each bound, and how many on it."""
    whole = _integers(lanes)
    lines = ["\ntied:"]
    for name, bound in (("low", lowest), ("high", highest)):
        for kind, test in (("less", "olt"), ("same", "oeq")):
            for row in range(n):
                before = f"%{name}.{kind}.sum{row - 1}" if row else "zeroinitializer"
                lines.append(f"""
  %{name}.{kind}{row} = fcmp {test} {lanes.vector} %v{row}, {bound}
  %{name}.{kind}.one{row} = zext {lanes.mask} %{name}.{kind}{row} to {whole}
  %{name}.{kind}.sum{row} = add {whole} {before}, %{name}.{kind}.one{row}""")
    return "".join(lines)


def _shared(n: int, lanes: Lanes, first: int, last: int) -> str:
    """Each row's share of the ranks in these columns, added up."""
    doubles = f"<{lanes.width} x double>"
    ones = _everywhere(lanes, "1.0", "double")
    bounds = [_share(n, lanes, name, first, last) for name in ("low", "high")]
    rows = [
        f"""
  %between{row} = select {lanes.mask} %kept{row}, {doubles} {ones}, {doubles} zeroinitializer
  %upward{row} = select {lanes.mask} %low.same{row}, {doubles} %low.share, {doubles} %between{row}
  %share{row} = select {lanes.mask} %high.same{row}, {doubles} %high.share, {doubles} %upward{row}
  %share{row}.at = getelementptr {doubles}, ptr %shares, i64 {row}
  %share{row}.old = load {doubles}, ptr %share{row}.at, align 8
  %share{row}.new = fadd {doubles} %share{row}.old, %share{row}
  store {doubles} %share{row}.new, ptr %share{row}.at, align 8"""
        for row in range(n)
    ]
    return "".join([*bounds, *rows, "\n  br label %finish\nfinish:"])


def _share(n: int, lanes: Lanes, name: str, first: int, last: int) -> str:
    """Of the ranks that the rows on a bound hold together, the part of each, rounded."""
    whole, doubles = _integers(lanes), f"<{lanes.width} x double>"
    less, same = f"%{name}.less.sum{n - 1}", f"%{name}.same.sum{n - 1}"
    ends, starts = _everywhere(lanes, str(last)), _everywhere(lanes, str(first))
    rounding = _everywhere(lanes, repr(ROUNDING), "double")
    return f"""
  %{name}.end = add {whole} {less}, {same}
  %{name}.beyond = icmp ult {whole} %{name}.end, {ends}
  %{name}.last = select {lanes.mask} %{name}.beyond, {whole} %{name}.end, {whole} {ends}
  %{name}.before = icmp ugt {whole} {less}, {starts}
  %{name}.first = select {lanes.mask} %{name}.before, {whole} {less}, {whole} {starts}
  %{name}.held = sub {whole} %{name}.last, %{name}.first
  %{name}.held.real = sitofp {whole} %{name}.held to {doubles}
  %{name}.same.real = sitofp {whole} {same} to {doubles}
  %{name}.exact = fdiv {doubles} %{name}.held.real, %{name}.same.real
  %{name}.raised = fadd {doubles} %{name}.exact, {rounding}
  %{name}.share = fsub {doubles} %{name}.raised, {rounding}"""


def _integers(lanes: Lanes) -> str:
    """Whole numbers as wide as the rows' own."""
    return f"<{lanes.width} x {'i32' if lanes.kind == 'float' else 'i64'}>"


def _everywhere(lanes: Lanes, value: str, kind: str = "") -> str:
    """A constant vector."""
    kind = kind or ("i32" if lanes.kind == "float" else "i64")
    return f"<{', '.join([f'{kind} {value}'] * lanes.width)}>"
