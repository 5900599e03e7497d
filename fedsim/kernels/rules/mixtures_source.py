"""LLVM source of many sums of the same rows: tiles of sums share what they read."""

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, address, fetched, loop, nothing, spread

TILE = 4
"""Sums made side by side: each row is read once for all of them."""
STRIP = 512
"""Columns that are made of all sums before the next ones, so that memory is read and written in long pieces."""


def mixtures(width: int) -> str:
    """(rows, stride, weights, m, n, columns, out, out's stride): out = weights · rows, terms added in order.

    `width` columns at a time; the last strip begins earlier and is made twice, so there has to be a whole one.
    """
    tiles = loop("tile", "0", "%tiled", TILE, loop("left", "%column", "%stop", width, _tile("tile", "left", width)))
    others = loop("other", "%tiled", "%m", 1, loop("right", "%column", "%stop", width, _tile("other", "right", width)))
    strip = f"""
  %late = icmp ugt i64 %strip, %last
  %column = select i1 %late, i64 %last, i64 %strip
  %stop = add i64 %column, {STRIP}{loop("fetch", "0", "%n", 1, _next_strip())}{tiles}{others}"""
    return f"""define void @kernel(ptr noalias %rows, i64 %stride, ptr noalias %weights, i64 %m, i64 %n, i64 %columns,
                    ptr noalias %out, i64 %out.stride) #0 {{
entry:
  %last = sub i64 %columns, {STRIP}
  %rest = urem i64 %m, {TILE}
  %tiled = sub i64 %m, %rest{loop("strip", "0", "%columns", STRIP, strip)}
  ret void
}}
{ATTRIBUTES}"""


def _next_strip() -> str:
    lines = "".join(fetched(f"line{start}", "ahead.at", 4 * STRIP + start) for start in range(0, 4 * STRIP, 64))
    return address("ahead.at", "rows", "%fetch", "%stride", "%column") + lines


def _tile(name: str, column: str, width: int) -> str:
    """Lines that make the sums from number %name on of the columns from %column on: a tile of them, or one."""
    lanes, sums = Lanes("float", width), range(TILE if name == "tile" else 1)
    vector = lanes.vector
    phis = "".join(
        f"\n  %{name}.sum.{k} = phi {vector} [{nothing(lanes)}, %{column}.body], [%{name}.sum.{k}.next, %{name}.terms]"
        for k in sums
    )
    terms = "".join(_term(name, width, k) for k in sums)
    return f"""
  br label %{name}.terms
{name}.terms:
  %{name}.row = phi i64 [0, %{column}.body], [%{name}.row.next, %{name}.terms]{phis}{
        address(f"{name}.x.at", "rows", f"%{name}.row", "%stride", f"%{column}")
    }
  %{name}.x = load {vector}, ptr %{name}.x.at, align 4{terms}
  %{name}.row.next = add i64 %{name}.row, 1
  %{name}.row.more = icmp ult i64 %{name}.row.next, %n
  br i1 %{name}.row.more, label %{name}.terms, label %{name}.summed
{name}.summed:{"".join(_stored(name, column, width, k) for k in sums)}"""


def _term(name: str, width: int, k: int) -> str:
    lanes, own = Lanes("float", width), f"{name}.{k}"
    vector = lanes.vector
    return f"""
  %{own}.sum = add i64 %{name}, {k}{address(f"{own}.weight.at", "weights", f"%{own}.sum", "%n", f"%{name}.row")}
  %{own}.one = load float, ptr %{own}.weight.at, align 4{spread(own, lanes)}
  %{own}.term = fmul {vector} %{own}, %{name}.x
  %{name}.sum.{k}.next = fadd {vector} %{name}.sum.{k}, %{own}.term"""


def _stored(name: str, column: str, width: int, k: int) -> str:
    own = f"{name}.made.{k}"
    return f"""
  %{own} = add i64 %{name}, {k}{address(f"{own}.at", "out", f"%{own}", "%out.stride", f"%{column}")}
  store {Lanes("float", width).vector} %{name}.sum.{k}.next, ptr %{own}.at, align 4"""
