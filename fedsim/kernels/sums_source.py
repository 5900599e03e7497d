"""LLVM source of the weighted sum of float32 vectors that lie anywhere in memory."""

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, fetched, loop

GROUP = 64
"""Terms added in float32 before they are added to the others in float64."""


def combination(width: int) -> str:
    """(addresses, factors, n, columns, out): out = Σ factor·vector, `width` columns at a time, of n ≥ 2 vectors."""
    vector, exact = Lanes("float", width).vector, Lanes("double", width).vector
    nothing = "<" + ", ".join(["float -0.0"] * width) + ">"  # what changes no number it is added to
    ahead = "".join(fetched(f"line{start}", "x.at", 4 * width + start) for start in range(0, 4 * width, 64))
    term = f"""
  %address.at = getelementptr i64, ptr %addresses, i64 %k
  %address = load i64, ptr %address.at, align 8
  %vector = inttoptr i64 %address to ptr
  %x.at = getelementptr float, ptr %vector, i64 %column
  %x = load {vector}, ptr %x.at, align 4{ahead}
  %factor.at = getelementptr float, ptr %factors, i64 %k
  %factor = load float, ptr %factor.at, align 4
  %factor.one = insertelement {vector} poison, float %factor, i32 0
  %factor.all = shufflevector {vector} %factor.one, {vector} poison, <{width} x i32> zeroinitializer
  %term = fmul {vector} %factor.all, %x
  %sum.next = fadd {vector} %sum, %term"""
    group = f"""
  %far = add i64 %first, {GROUP}
  %past = icmp ugt i64 %far, %n
  %last = select i1 %past, i64 %n, i64 %far
  br label %terms
terms:
  %k = phi i64 [%first, %first.body], [%k.next, %terms]
  %sum = phi {vector} [{nothing}, %first.body], [%sum.next, %terms]{term}
  %k.next = add i64 %k, 1
  %k.more = icmp ult i64 %k.next, %last
  br i1 %k.more, label %terms, label %grouped
grouped:
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
    stretch = f"""
  %out.at = getelementptr float, ptr %out, i64 %column{loop("first", "0", "%n", GROUP, group)}"""
    return f"""define void @kernel(ptr noalias %addresses, ptr noalias %factors, i64 %n, i64 %columns,
                    ptr noalias %out) #0 {{
entry:
  %exact = alloca {exact}, align 64{loop("column", "0", "%columns", width, stretch)}
  ret void
}}
{ATTRIBUTES}"""
