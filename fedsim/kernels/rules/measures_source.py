"""LLVM source of the kernels that measure distances in float32.

Both walk the matrix in chunks of columns and sum a chunk in many float32 lanes, few terms in each; the lanes are folded
and added up in float64. That is ten times nearer to the truth than one float32 sum for each pair.
"""

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, address, fetched, folded, loop

DISTANCE_CHUNK = 1024
"""Columns between two additions in float64, one vector of lanes for each row."""
LANES = Lanes("float", 64)
PARTIAL = Lanes("double", 16)
PRODUCT_CHUNK = 512
"""Columns of which all rows' gaps are kept near, while every pair of rows is multiplied."""
PRODUCT_LANES = Lanes("float", 16)
COPY = Lanes("float", 64)


def distances() -> str:
    """(rows, stride, point, n, columns, sums): add ‖u_i − point‖² to the 16 float64 partial sums of each row."""
    vector, sums = LANES.vector, PARTIAL.vector
    chunk = f"""{address("row.at", "rows", "%row", "%stride", "%chunk")}
  %point.at = getelementptr float, ptr %point, i64 %chunk
  br label %lanes
lanes:
  %k = phi i64 [0, %row.body], [%k.next, %lanes]
  %sum = phi {vector} [zeroinitializer, %row.body], [%sum.next, %lanes]
  %x.at = getelementptr float, ptr %row.at, i64 %k
  %y.at = getelementptr float, ptr %point.at, i64 %k
  %x = load {vector}, ptr %x.at, align 4{_next_chunk(DISTANCE_CHUNK)}
  %y = load {vector}, ptr %y.at, align 4
  %gap = fsub {vector} %x, %y
  %square = fmul {vector} %gap, %gap
  %sum.next = fadd {vector} %sum, %square
  %k.next = add i64 %k, {LANES.width}
  %k.more = icmp ult i64 %k.next, {DISTANCE_CHUNK}
  br i1 %k.more, label %lanes, label %fold
fold:{folded("partial", "%sum.next", LANES, PARTIAL.width)}
  %exact = fpext <{PARTIAL.width} x float> %partial to {sums}
  %so.far.row = mul i64 %row, {PARTIAL.width}
  %so.far.at = getelementptr double, ptr %sums, i64 %so.far.row
  %so.far = load {sums}, ptr %so.far.at, align 8
  %total = fadd {sums} %so.far, %exact
  store {sums} %total, ptr %so.far.at, align 8"""
    body = loop("chunk", "0", "%columns", DISTANCE_CHUNK, loop("row", "0", "%n", 1, chunk))
    return f"""define void @kernel(ptr noalias %rows, i64 %stride, ptr noalias %point, i64 %n, i64 %columns,
                    ptr noalias %sums) #0 {{
entry:{body}
  ret void
}}
{ATTRIBUTES}"""


def _next_chunk(columns: int) -> str:
    """A row's next chunk is asked for line by line, while the other rows have their turn."""
    return "".join(fetched(f"line{start}", "x.at", 4 * columns + start) for start in range(0, 4 * LANES.width, 64))


def products(high: int, wide: int) -> str:
    """(rows, places, centre, n, padded, columns, scratch, out): add ⟨u_i − centre, u_j − centre⟩ to out, j ≤ i.

    `places` holds where each of the n rows begins, in numbers from `rows`, so that some rows can stand for all.
    Pairs are multiplied in tiles of high × wide rows, as many as the registers hold; the tile changes no bits.
    `padded` is n rounded up to whole tiles, `out` (padded, padded), and the scratch's rows from n on are zeros.
    """
    vector = PRODUCT_LANES.vector
    rows_of_tile = _tile_rows("left", "%i", high) + f"\n  %j.stop = add i64 %i, {high}"
    tiles = loop("j", "0", "%j.stop", wide, _tile_rows("right", "%j", wide) + _tile(high, wide))
    chunk = loop("row", "0", "%n", 1, _gaps()) + loop("i", "0", "%padded", high, rows_of_tile + tiles)
    return f"""declare {vector} @llvm.fma.v{PRODUCT_LANES.width}f32({vector}, {vector}, {vector})
define void @kernel(ptr noalias %rows, ptr noalias %places, ptr noalias %centre, i64 %n, i64 %padded, i64 %columns,
                    ptr noalias %scratch, ptr noalias %out) #0 {{
entry:{loop("chunk", "0", "%columns", PRODUCT_CHUNK, chunk)}
  ret void
}}
{ATTRIBUTES}"""


def _gaps() -> str:
    vector = COPY.vector
    copy = f"""
  %x.at = getelementptr float, ptr %row.at, i64 %k
  %y.at = getelementptr float, ptr %centre.at, i64 %k
  %to.at = getelementptr float, ptr %scratch.at, i64 %k
  %x = load {vector}, ptr %x.at, align 4{_next_chunk(PRODUCT_CHUNK)}
  %y = load {vector}, ptr %y.at, align 4
  %gap = fsub {vector} %x, %y
  store {vector} %gap, ptr %to.at, align 64"""
    return f"""
  %place.at = getelementptr i64, ptr %places, i64 %row
  %place = load i64, ptr %place.at, align 8{address("row.at", "rows", "%place", "1", "%chunk")}{
        address("scratch.at", "scratch", "%row", str(PRODUCT_CHUNK), "0")
    }
  %centre.at = getelementptr float, ptr %centre, i64 %chunk{loop("k", "0", str(PRODUCT_CHUNK), COPY.width, copy)}"""


def _tile_rows(side: str, first: str, count: int) -> str:
    lines = (
        f"\n  %{side}.{k} = add i64 {first}, {k}"
        + address(f"{side}.{k}.at", "scratch", f"%{side}.{k}", str(PRODUCT_CHUNK), "0")
        for k in range(count)
    )
    return "".join(lines)


def _tile(high: int, wide: int) -> str:
    """The products of high × wide pairs over one chunk, then their sums into `out`."""
    pairs = [(a, b) for a in range(high) for b in range(wide)]
    vector = PRODUCT_LANES.vector
    sums = "".join(
        f"\n  %s.{a}.{b} = phi {vector} [zeroinitializer, %j.body], [%s.{a}.{b}.next, %multiply]" for a, b in pairs
    )
    work = "".join(
        f"\n  %s.{a}.{b}.next = call {vector} @llvm.fma.v{PRODUCT_LANES.width}f32"
        f"({vector} %left.{a}.x, {vector} %right.{b}.x, {vector} %s.{a}.{b})"
        for a, b in pairs
    )
    loads = "".join(_loaded("left", a) for a in range(high)) + "".join(_loaded("right", b) for b in range(wide))
    return f"""
  br label %multiply
multiply:
  %m = phi i64 [0, %j.body], [%m.next, %multiply]{sums}{loads}{work}
  %m.next = add i64 %m, {PRODUCT_LANES.width}
  %m.more = icmp ult i64 %m.next, {PRODUCT_CHUNK}
  br i1 %m.more, label %multiply, label %sum
sum:{"".join(_into(a, b) for a, b in pairs)}"""


def _loaded(side: str, k: int) -> str:
    return f"""
  %{side}.{k}.x.at = getelementptr float, ptr %{side}.{k}.at, i64 %m
  %{side}.{k}.x = load {PRODUCT_LANES.vector}, ptr %{side}.{k}.x.at, align 64"""


def _into(a: int, b: int) -> str:
    tag = f"{a}.{b}"
    return f"""{folded(f"f.{tag}", f"%s.{tag}.next", PRODUCT_LANES, 1)}
  %one.{tag} = extractelement <1 x float> %f.{tag}, i32 0
  %exact.{tag} = fpext float %one.{tag} to double{
        address(f"out.{tag}", "out", f"%left.{a}", "%padded", f"%right.{b}", "double")
    }
  %old.{tag} = load double, ptr %out.{tag}, align 8
  %new.{tag} = fadd double %old.{tag}, %exact.{tag}
  store double %new.{tag}, ptr %out.{tag}, align 8"""
