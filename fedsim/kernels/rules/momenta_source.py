"""LLVM source of steps of momenta: what was kept, what is kept now and what is sent, each number read once."""

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, loop, spread

LANES = Lanes("float", 16)


def stepping() -> str:
    """(rows, befores, afters, steps, count, share, beta, rate): after = β·before + share·row, then row = rate·after.

    So many steps, each of as many numbers: the first three say where those of each step lie. Each product and the sum
    are rounded by themselves, as numpy rounds them. `before` and `after` may be the same.
    """
    factors = "".join(
        f"\n  %{name}.one = fadd float %{name}.given, -0.0{spread(name, LANES)}" for name in ("share", "beta", "rate")
    )
    whole = loop("at", "0", "%whole", LANES.width, _numbers("v", "%at", LANES.vector, ""))
    rest = loop("last", "%whole", "%count", 1, _numbers("w", "%last", "float", ".one"))
    found = "".join(
        f"""
  %{name}.which = getelementptr ptr, ptr %{name}s, i64 %step
  %{name} = load ptr, ptr %{name}.which, align 8"""
        for name in ("row", "before", "after")
    )
    return f"""define void @kernel(ptr %rows, ptr %befores, ptr %afters, i64 %steps, i64 %count,
                    float %share.given, float %beta.given, float %rate.given) #0 {{
entry:{factors}
  %whole = and i64 %count, {-LANES.width}{loop("step", "0", "%steps", 1, found + whole + rest)}
  ret void
}}
{ATTRIBUTES}"""


def _numbers(tag: str, place: str, kind: str, one: str) -> str:
    """Lines for the numbers from this place on, a vector of them or one."""
    loads = "".join(
        f"""
  %{tag}.{name}.at = getelementptr float, ptr %{name}, i64 {place}
  %{tag}.{name} = load {kind}, ptr %{tag}.{name}.at, align 4"""
        for name in ("row", "before")
    )
    return f"""{loads}
  %{tag}.new = fmul {kind} %{tag}.row, %share{one}
  %{tag}.old = fmul {kind} %{tag}.before, %beta{one}
  %{tag}.sum = fadd {kind} %{tag}.old, %{tag}.new
  %{tag}.sent = fmul {kind} %{tag}.sum, %rate{one}
  %{tag}.after.at = getelementptr float, ptr %after, i64 {place}
  store {kind} %{tag}.sum, ptr %{tag}.after.at, align 4
  store {kind} %{tag}.sent, ptr %{tag}.row.at, align 4"""
