"""LLVM source of weighted sums of float32 vectors that lie anywhere in memory."""

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, address, fetched, loop

GROUP = 64
"""Terms added in float32 before they are added to the others in float64."""


def combination(width: int) -> str:
    """(addresses, factors, n, columns, out): out = Σ factor·vector, `width` columns at a time, of n ≥ 2 vectors."""
    exact = Lanes("double", width).vector
    groups = loop("first", "0", "%n", GROUP, _group(width) + _joined(width))
    stretch = f"\n  %out.at = getelementptr float, ptr %out, i64 %column{groups}"
    return f"""define void @kernel(ptr noalias %addresses, ptr noalias %factors, i64 %n, i64 %columns,
                    ptr noalias %out) #0 {{
entry:
  %exact = alloca {exact}, align 64{loop("column", "0", "%columns", width, stretch)}
  ret void
}}
{ATTRIBUTES}"""


def _group(width: int) -> str:
    """Lines that add up the terms of one group, from %first on, as %sum.next."""
    vector = Lanes("float", width).vector
    ahead = "".join(fetched(f"line{start}", "x.at", 4 * width + start) for start in range(0, 4 * width, 64))
    return f"""
  %far = add i64 %first, {GROUP}
  %past = icmp ugt i64 %far, %n
  %last = select i1 %past, i64 %n, i64 %far
  br label %terms
terms:
  %k = phi i64 [%first, %first.body], [%k.next, %terms]
  %sum = phi {vector} [{_nothing(width)}, %first.body], [%sum.next, %terms]{_term(width, "%k")}{ahead}
  %k.next = add i64 %k, 1
  %k.more = icmp ult i64 %k.next, %last
  br i1 %k.more, label %terms, label %grouped
grouped:"""


def _joined(width: int) -> str:
    """Lines that write the first group's sum to the output and add later ones to it in float64."""
    vector, exact = Lanes("float", width).vector, Lanes("double", width).vector
    return f"""
  %alone = icmp eq i64 %first, 0
  br i1 %alone, label %start, label %join
start:
  store {vector} %sum.next, ptr %out.at, align 4
  br label %counted
join:
  %second = icmp eq i64 %first, {GROUP}
  br i1 %second, label %widen, label %add
widen:
  %group.first = load {vector}, ptr %out.at, align 4
  %group.exact = fpext {vector} %group.first to {exact}
  store {exact} %group.exact, ptr %exact, align 64
  br label %add
add:
  %so.far = load {exact}, ptr %exact, align 64
  %more.exact = fpext {vector} %sum.next to {exact}
  %joined = fadd {exact} %so.far, %more.exact
  store {exact} %joined, ptr %exact, align 64
  %rounded = fptrunc {exact} %joined to {vector}
  store {vector} %rounded, ptr %out.at, align 4
  br label %counted
counted:"""


def combinations(width: int) -> str:
    """(addresses, starts, places, factors, m, columns, out, stride): m sums of a few of the vectors each.

    Sum i adds factor·vector for the terms starts[i] … starts[i + 1] − 1; `places` says which vector a term takes.
    """
    vector = Lanes("float", width).vector
    ahead = "".join(fetched(f"next{start}", "own.at", 4 * width + start) for start in range(0, 4 * width, 64))
    output = f"""
  %own.in = getelementptr i64, ptr %addresses, i64 %output
  %own.address = load i64, ptr %own.in, align 8
  %own = inttoptr i64 %own.address to ptr
  %own.at = getelementptr float, ptr %own, i64 %column{ahead}
  %from.at = getelementptr i64, ptr %starts, i64 %output
  %to.at = getelementptr i64, ptr %from.at, i64 1
  %from = load i64, ptr %from.at, align 8
  %to = load i64, ptr %to.at, align 8
  br label %terms
terms:
  %k = phi i64 [%from, %output.body], [%k.next, %terms]
  %sum = phi {vector} [{_nothing(width)}, %output.body], [%sum.next, %terms]
  %place.at = getelementptr i64, ptr %places, i64 %k
  %place = load i64, ptr %place.at, align 8{_term(width, "%place")}
  %k.next = add i64 %k, 1
  %k.more = icmp ult i64 %k.next, %to
  br i1 %k.more, label %terms, label %summed
summed:{address("out.at", "out", "%output", "%stride", "%column")}
  store {vector} %sum.next, ptr %out.at, align 4"""
    return f"""define void @kernel(ptr noalias %addresses, ptr noalias %starts, ptr noalias %places,
                    ptr noalias %factors, i64 %m, i64 %columns, ptr noalias %out, i64 %stride) #0 {{
entry:{loop("column", "0", "%columns", width, loop("output", "0", "%m", 1, output))}
  ret void
}}
{ATTRIBUTES}"""


def _term(width: int, place: str) -> str:
    """Lines that add factor k times the vector at `place` to %sum."""
    vector = Lanes("float", width).vector
    return f"""
  %address.at = getelementptr i64, ptr %addresses, i64 {place}
  %address = load i64, ptr %address.at, align 8
  %vector = inttoptr i64 %address to ptr
  %x.at = getelementptr float, ptr %vector, i64 %column
  %x = load {vector}, ptr %x.at, align 4
  %factor.at = getelementptr float, ptr %factors, i64 %k
  %factor = load float, ptr %factor.at, align 4
  %factor.one = insertelement {vector} poison, float %factor, i32 0
  %factor.all = shufflevector {vector} %factor.one, {vector} poison, <{width} x i32> zeroinitializer
  %term = fmul {vector} %factor.all, %x
  %sum.next = fadd {vector} %sum, %term"""


def _nothing(width: int) -> str:
    """The vector that changes no number it is added to, zeros of either sign included."""
    return "<" + ", ".join(["float -0.0"] * width) + ">"
