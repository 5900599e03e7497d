"""LLVM source that takes some of the images side by side out of an array: a client's own among those of many."""

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, loop
from fedsim.kernels.networks.images_source import IMAGES


def own_images(pixels: int) -> str:
    """(source, out, apart, first, own, count): out[p, b] = source[p, first + b], zero from `count` on.

    `apart` is the room for images in the source, `own` that in `out`: `count` in whole vectors.
    """
    lines = f"""{of_count(IMAGES)}
  %from.far = mul i64 %pixel, %apart
  %from.place = add i64 %from.far, %b.first
  %from = getelementptr float, ptr %source, i64 %from.place{masked("value", "from", IMAGES)}
  %to.far = mul i64 %pixel, %own
  %to.place = add i64 %to.far, %b
  %to = getelementptr float, ptr %out, i64 %to.place
  store {IMAGES.vector} %value, ptr %to, align 32"""
    return f"""{masking(IMAGES)}
define void @kernel(ptr noalias %source, ptr noalias %out, i64 %apart, i64 %first, i64 %own, i64 %count) #0 {{
entry:{loop("pixel", "0", str(pixels), 1, loop("b", "0", "%count", IMAGES.width, lines))}
  ret void
}}
{ATTRIBUTES}"""


def masking(lanes: Lanes) -> str:
    """The declaration that `masked` needs."""
    return f"declare {lanes.vector} @llvm.masked.load.{lanes.suffix}.p0(ptr, i32, {lanes.mask}, {lanes.vector})"


def of_count(lanes: Lanes) -> str:
    """Lines that tell which images of the vector %b … are among the first %count, and where it lies in the source."""
    integers = f"<{lanes.width} x i32>"
    steps = ", ".join(f"i32 {k}" for k in range(lanes.width))
    return f"""
  %b.first = add i64 %first, %b
  %left = sub i64 %count, %b
  %left.short = trunc i64 %left to i32
  %left.one = insertelement {integers} poison, i32 %left.short, i32 0
  %left.all = shufflevector {integers} %left.one, {integers} poison, <{lanes.width} x i32> zeroinitializer
  %theirs = icmp ult {integers} <{steps}>, %left.all"""


def masked(name: str, pointer: str, lanes: Lanes) -> str:
    """Lines that load what belongs to these images, zero for others: whatever those hold stays theirs."""
    return f"""
  %{name} = call {lanes.vector} @llvm.masked.load.{lanes.suffix}.p0(
            ptr %{pointer}, i32 4, {lanes.mask} %theirs, {lanes.vector} zeroinitializer)"""
