"""LLVM source that turns a matrix about, sixteen by sixteen numbers at a time and in registers."""

from fedsim.kernels.llvm import Lanes, address, loop

SIDE = 16
"""Numbers along a block: a cache line of them."""
VECTOR = Lanes("float", SIDE).vector


def turned(tag: str, source: str, target: str, rows: int, columns: int) -> str:
    """Lines that write the (rows, columns) numbers at %source as (columns, rows) at %target, both multiples of 16."""
    lines = ""
    for k in range(SIDE):
        lines += f"\n  %{tag}.i{k} = add i64 %{tag}.i, {k}"
        lines += address(f"{tag}.in{k}", source, f"%{tag}.i{k}", str(columns), f"%{tag}.j")
        lines += f"\n  %{tag}.v0.{k} = load {VECTOR}, ptr %{tag}.in{k}, align 64"
    lines += block(f"{tag}.v")
    for k in range(SIDE):
        lines += f"\n  %{tag}.j{k} = add i64 %{tag}.j, {k}"
        lines += address(f"{tag}.out{k}", target, f"%{tag}.j{k}", str(rows), f"%{tag}.i")
        lines += f"\n  store {VECTOR} %{tag}.v4.{k}, ptr %{tag}.out{k}, align 64"
    return loop(f"{tag}.i", "0", str(rows), SIDE, loop(f"{tag}.j", "0", str(columns), SIDE, lines))


def block(name: str) -> str:
    """Lines that turn the block whose rows are %<name>0.0 … %<name>0.15; its columns are %<name>4.0 … %<name>4.15.

    Each of four passes deals the rows of the upper and the lower half alternately, as one riffles cards.
    """
    half = SIDE // 2
    sides = [", ".join(f"i32 {start + k // 2 + (k % 2) * SIDE}" for k in range(SIDE)) for start in (0, half)]
    return "".join(
        f"\n  %{name}{step + 1}.{2 * k + side} = shufflevector {VECTOR} %{name}{step}.{k}, "
        f"{VECTOR} %{name}{step}.{k + half}, <{SIDE} x i32> <{places}>"
        for step in range(4)
        for k in range(half)
        for side, places in enumerate(sides)
    )
