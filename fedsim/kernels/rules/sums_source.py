"""LLVM source of weighted sums of float32 vectors that lie anywhere in memory."""

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, address, fetched, loop, nothing, spread

GROUP = 64
"""Terms added in float32 before they are added to the others in float64."""
STRETCH = 16_384
"""Columns whose sum stays in the cache while one row after another is read along them: so memory is read in order."""
TOGETHER = 4
"""Rows added in one walk along a stretch."""
STEP = 32
"""Columns added at a time."""
ADDED = Lanes("float", STEP)


def combination() -> str:
    """(addresses, factors, n, columns, out): out = Σ factor·vector, added in order, of n ≥ 1 vectors."""
    rows = f"""
  %left = sub i64 %n, %first
  %few = icmp ult i64 %left, {TOGETHER}
  br i1 %few, label %singly, label %together
together:{loop("quick", "%stretch", "%end", STEP, _sum("quick", TOGETHER))}
  br label %counted
singly:{loop("row", "%first", "%n", 1, loop("slow", "%stretch", "%end", STEP, _sum("slow", 1)))}
  br label %counted
counted:"""
    stretch = f"""
  %far = add i64 %stretch, {STRETCH}
  %past = icmp ugt i64 %far, %columns
  %end = select i1 %past, i64 %columns, i64 %far{loop("first", "0", "%n", TOGETHER, rows)}"""
    return f"""define void @kernel(ptr noalias %addresses, ptr noalias %factors, i64 %n, i64 %columns,
                    ptr noalias %out) #0 {{
entry:{loop("stretch", "0", "%columns", STRETCH, stretch)}
  ret void
}}
{ATTRIBUTES}"""


def _sum(column: str, count: int) -> str:
    """Lines that add `count` rows, from the first of the walk on, to what the output holds at %column."""
    vector = ADDED.vector
    name = f"{column}.sum"
    first = "%first" if count > 1 else "%row"
    terms = "".join(_added(column, k, first) for k in range(count))
    return f"""
  %{column}.out = getelementptr float, ptr %out, i64 %{column}
  %{column}.held = load {vector}, ptr %{column}.out, align 4
  %{column}.new = icmp eq i64 {first}, 0
  %{name}.0 = select i1 %{column}.new, {vector} {nothing(ADDED)}, {vector} %{column}.held{terms}
  store {vector} %{name}.{count}, ptr %{column}.out, align 4"""


def _added(column: str, k: int, first: str) -> str:
    """Lines that add row first + k, times its factor, to the sum of those before."""
    vector, own = ADDED.vector, f"%{column}.{k}"
    return f"""
  {own}.row = add i64 {first}, {k}
  {own}.address.at = getelementptr i64, ptr %addresses, i64 {own}.row
  {own}.address = load i64, ptr {own}.address.at, align 8
  {own}.vector = inttoptr i64 {own}.address to ptr
  {own}.x.at = getelementptr float, ptr {own}.vector, i64 %{column}
  {own}.x = load {vector}, ptr {own}.x.at, align 4
  {own}.factor.at = getelementptr float, ptr %factors, i64 {own}.row
  {own}.factor.one = load float, ptr {own}.factor.at, align 4{spread(f"{column}.{k}.factor", ADDED)}
  {own}.term = fmul {vector} {own}.factor, {own}.x
  %{column}.sum.{k + 1} = fadd {vector} %{column}.sum.{k}, {own}.term"""


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
  %sum = phi {vector} [{nothing(Lanes("float", width))}, %output.body], [%sum.next, %terms]
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
    lanes = Lanes("float", width)
    vector = lanes.vector
    return f"""
  %address.at = getelementptr i64, ptr %addresses, i64 {place}
  %address = load i64, ptr %address.at, align 8
  %vector = inttoptr i64 %address to ptr
  %x.at = getelementptr float, ptr %vector, i64 %column
  %x = load {vector}, ptr %x.at, align 4
  %factor.at = getelementptr float, ptr %factors, i64 %k
  %factor.one = load float, ptr %factor.at, align 4{spread("factor", lanes)}
  %term = fmul {vector} %factor, %x
  %sum.next = fadd {vector} %sum, %term"""
