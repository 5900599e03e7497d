"""LLVM source of the order-statistic kernels, with the vectors written out: nothing is left to a vectoriser.

Both compute, for a whole number of vectors of columns, the mean over ranks first … last − 1, and return 0, or NaN if an
answer or a number of the rows is not finite: zero times such a number is NaN, and so are all sums it is part of. A
compare-exchange is one comparison and two selections, which the code generator turns into a minimum and a maximum.
"""

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, address, fetched, loop
from fedsim.kernels.rules.sorting_network import halvings, selection

CHAINS = 4
"""Sums of zeros side by side, since each addition waits for the one before it."""
GROUP = 16
"""Rows that the interpreted kernel sorts in registers before it reads its network."""


def exchange(lanes: Lanes, tag: str, left: str, right: str) -> str:
    """Lines that leave the lesser in %l<tag> and the greater in %h<tag>; one that nobody reads costs nothing."""
    return f"""
  %c{tag} = fcmp olt {lanes.vector} {left}, {right}
  %l{tag} = select {lanes.mask} %c{tag}, {lanes.vector} {left}, {lanes.vector} {right}
  %h{tag} = select {lanes.mask} %c{tag}, {lanes.vector} {right}, {lanes.vector} {left}"""


def closing(lanes: Lanes, total: str, doubt: str, block: str) -> str:
    """Lines that store total / divisor as a positive zero or itself, note what is not finite, and loop."""
    kind, vector = lanes.kind, lanes.vector
    return f"""
  %quotient = fdiv {vector} {total}, %divisors
  %mean = fadd {vector} %quotient, zeroinitializer
  %target = getelementptr {kind}, ptr %out, i64 %column
  store {vector} %mean, ptr %target, align 4
  %nothing = fsub {vector} %mean, %mean
  %doubtful = fadd {vector} {doubt}, %nothing
  %unfit.next = fadd {vector} %unfit, %doubtful
  %column.next = add i64 %column, {lanes.width}
  %more = icmp ult i64 %column.next, %columns
  br i1 %more, label %{block}, label %done
done:
  %verdict = call {kind} @llvm.vector.reduce.fadd({kind} 0.0, {vector} %unfit.next)
  ret {kind} %verdict
}}
declare {kind} @llvm.vector.reduce.fadd({kind}, {vector})
declare {vector} @llvm.fmuladd.{lanes.suffix}({vector}, {vector}, {vector})
{ATTRIBUTES}
"""


def opening(lanes: Lanes, block: str, final: str) -> str:
    """Lines that start the loop over columns."""
    kind, vector = lanes.kind, lanes.vector
    return f"""
  %divisors.one = insertelement {vector} poison, {kind} %divisor, i32 0
  %divisors = shufflevector {vector} %divisors.one, {vector} poison, <{lanes.width} x i32> zeroinitializer
  br label %{block}
{block}:
  %column = phi i64 [0, %entry], [%column.next, %{final}]
  %unfit = phi {lanes.vector} [zeroinitializer, %entry], [%unfit.next, %{final}]"""


def doubted(lanes: Lanes, name: str, value: str, before: str) -> str:
    """The line that adds zero times a vector: NaN from the first number on that is not finite."""
    return f"""
  %{name} = call {lanes.vector} @llvm.fmuladd.{lanes.suffix}({lanes.vector} {value}, {lanes.vector} zeroinitializer,
    {lanes.vector} {before})"""


def unrolled(n: int, first: int, last: int, lanes: Lanes) -> str:
    """A kernel for one height and one span of ranks: the whole network, straight, in registers."""
    ranks, values, doubt = in_order(n, first, last, lanes)
    total = totalled(first, last, lanes, values)
    return f"""
define {lanes.kind} @kernel(ptr noalias %rows, i64 %stride, ptr noalias %out, i64 %columns, {lanes.kind} %divisor) #0 {{
entry:{opening(lanes, "block", "block")}{ranks}{total}{closing(lanes, values[first], doubt, "block")}"""


def in_order(n: int, first: int, last: int, lanes: Lanes) -> tuple[str, list[str], str]:
    """Lines that load a vector of each row, %v<row>, and order them: the names by rank, and of the sum of zeros."""
    lines, values, doubts = [], [f"%v{row}" for row in range(n)], ["zeroinitializer"] * CHAINS
    for row in range(n):
        lines.append(_loaded(lanes, row))
        lines.append(doubted(lanes, f"d{row}", values[row], doubts[row % CHAINS]))
        doubts[row % CHAINS] = f"%d{row}"
    for tag, doubt in enumerate(doubts[1:]):
        lines.append(f"\n  %doubt{tag} = fadd {lanes.vector} {doubts[0]}, {doubt}")
        doubts[0] = f"%doubt{tag}"
    for tag, (low, high, _, _) in enumerate(selection(n, first, last)):
        lines.append(exchange(lanes, str(tag), values[low], values[high]))
        values[low], values[high] = f"%l{tag}", f"%h{tag}"
    return "".join(lines), values, doubts[0]


def totalled(first: int, last: int, lanes: Lanes, values: list[str]) -> str:
    """Lines that add up the values of these ranks, and leave the name of the sum in the first one's place."""
    lines = []
    for tag, (into, addend) in enumerate(halvings(first, last)):
        lines.append(f"\n  %s{tag} = fadd {lanes.vector} {values[into]}, {values[addend]}")
        values[into] = f"%s{tag}"
    return "".join(lines)


def _loaded(lanes: Lanes, row: int) -> str:
    return f"""
  %o{row} = mul i64 %stride, {row}
  %a{row} = add i64 %o{row}, %column
  %p{row} = getelementptr {lanes.kind}, ptr %rows, i64 %a{row}
  %v{row} = load {lanes.vector}, ptr %p{row}, align 4{fetched(f"p{row}", f"p{row}")}"""


def interpreted(lanes: Lanes, part: Lanes) -> str:
    """A kernel for every height: it reads the network, as pairs of byte offsets into its scratch, while it runs.

    Groups of 16 rows are sorted first, in registers, one narrower vector at a time; the network read merges them. The
    scratch has rows up to a whole number of groups, infinite from n on.
    """
    kind, width, vector = lanes.kind, lanes.width, lanes.vector
    return f"""
define {kind} @kernel(ptr noalias %rows, i64 %stride, ptr noalias %out, i64 %columns, {kind} %divisor,
                      i64 %n, i64 %padded, ptr noalias %network, i64 %exchanges, ptr noalias %sums, i64 %additions,
                      ptr noalias %answer, ptr %scratch) #0 {{
entry:{opening(lanes, "block", "finish")}
  %source = getelementptr {kind}, ptr %rows, i64 %column
  br label %copy
copy:
  %row = phi i64 [0, %block], [%row.next, %copy]
  %doubt = phi {vector} [zeroinitializer, %block], [%doubt.next, %copy]
  %from = mul i64 %row, %stride
  %from.at = getelementptr {kind}, ptr %source, i64 %from
  %value = load {vector}, ptr %from.at, align 4{_next_block(lanes)}{doubted(lanes, "doubt.next", "%value", "%doubt")}
  %to = mul i64 %row, {width}
  %to.at = getelementptr {kind}, ptr %scratch, i64 %to
  store {vector} %value, ptr %to.at, align 64
  %row.next = add i64 %row, 1
  %rows.left = icmp ult i64 %row.next, %n
  br i1 %rows.left, label %copy, label %groups
groups:{_sorted_groups(lanes, part)}
  br label %sort
{_walk(lanes, "sort", "network", "exchanges", "add", exchange(lanes, "x", "%sort.a", "%sort.b"), ("%lx", "%hx"))}
{_walk(lanes, "add", "sums", "additions", "finish", addition(lanes), ("%total", None))}
finish:
  %answers = load {vector}, ptr %answer, align 64{closing(lanes, "%answers", "%doubt.next", "block")}"""


def _sorted_groups(lanes: Lanes, part: Lanes) -> str:
    places = [f"%g{k}" for k in range(GROUP)]
    loads = "".join(_place(lanes, part, k) for k in range(GROUP))
    exchanges = []
    for tag, (low, high, _, _) in enumerate(selection(GROUP, 0, GROUP)):
        exchanges.append(exchange(part, f"g{tag}", places[low], places[high]))
        places[low], places[high] = f"%lg{tag}", f"%hg{tag}"
    stores = "".join(f"\n  store {part.vector} {value}, ptr %g{k}.at, align 32" for k, value in enumerate(places))
    body = loads + "".join(exchanges) + stores
    return loop("group", "0", "%padded", GROUP, loop("part", "0", str(lanes.width), part.width, body))


def _place(lanes: Lanes, part: Lanes, k: int) -> str:
    return f"""
  %g{k}.row = add i64 %group, {k}{address(f"g{k}.at", "scratch", f"%g{k}.row", str(lanes.width), "%part", lanes.kind)}
  %g{k} = load {part.vector}, ptr %g{k}.at, align 32"""


def _next_block(lanes: Lanes) -> str:
    """A row's next vector is asked for line by line, while this one waits for the network."""
    size = lanes.width * (4 if lanes.kind == "float" else 8)
    return "".join(fetched(f"line{start}", "from.at", size + start) for start in range(0, size, 64))


def addition(lanes: Lanes) -> str:
    """The line that adds two places."""
    return f"\n  %total = fadd {lanes.vector} %add.a, %add.b"


def _walk(
    lanes: Lanes, name: str, pairs: str, count: str, after: str, work: str, results: tuple[str, str | None]
) -> str:
    """A loop over pairs of places: load both, work on them, store one or both back."""
    into, other = results
    second = f"\n  store {lanes.vector} {other}, ptr %{name}.b.at, align 64" if other else ""
    return f"""{name}:
  %{name}.any = icmp ugt i64 %{count}, 0
  br i1 %{name}.any, label %{name}.pair, label %{after}
{name}.pair:
  %{name}.k = phi i64 [0, %{name}], [%{name}.next, %{name}.pair]
  %{name}.a.in = getelementptr {{i32, i32}}, ptr %{pairs}, i64 %{name}.k, i32 0
  %{name}.b.in = getelementptr {{i32, i32}}, ptr %{pairs}, i64 %{name}.k, i32 1
  %{name}.a.small = load i32, ptr %{name}.a.in
  %{name}.b.small = load i32, ptr %{name}.b.in
  %{name}.a.offset = zext i32 %{name}.a.small to i64
  %{name}.b.offset = zext i32 %{name}.b.small to i64
  %{name}.a.at = getelementptr i8, ptr %scratch, i64 %{name}.a.offset
  %{name}.b.at = getelementptr i8, ptr %scratch, i64 %{name}.b.offset
  %{name}.a = load {lanes.vector}, ptr %{name}.a.at, align 64
  %{name}.b = load {lanes.vector}, ptr %{name}.b.at, align 64{work}
  store {lanes.vector} {into}, ptr %{name}.a.at, align 64{second}
  %{name}.next = add i64 %{name}.k, 1
  %{name}.more = icmp ult i64 %{name}.next, %{count}
  br i1 %{name}.more, label %{name}.pair, label %{after}"""
