"""LLVM source that lays images side by side: what stands in rows of pixels, image by image, is turned about."""

from fedsim.kernels.llvm import ATTRIBUTES, loop
from fedsim.kernels.networks.images_source import IMAGES, brightness
from fedsim.kernels.networks.transpose_source import SIDE, VECTOR, block


def showing(pixels: int, image: str) -> str:
    """(images, rows, places, out, apart, count): out[places[p], k] = images[rows[k], p] for k < count.

    Images are of `i8` or `float`; bytes become value / 255. There are at least sixteen pixels; the places in the last
    vector that are no image's show the last image again.
    """
    lines = "".join(_read(k, image) for k in range(SIDE)) + block("v")
    lines += "".join(_written(k) for k in range(SIDE))
    body = f"""
  %over = icmp ugt i64 %at, {pixels - SIDE}
  %p = select i1 %over, i64 {pixels - SIDE}, i64 %at{lines}"""  # of the last, some may have been turned about before
    turned = loop("at", "0", str(pixels), SIDE, body)
    return f"""define void @kernel(ptr noalias %images, ptr noalias %rows, ptr noalias %places, ptr noalias %out,
                    i64 %apart, i64 %count) #0 {{
entry:
  %last = sub i64 %count, 1{loop("b", "0", "%count", SIDE, "".join(_found(k, pixels) for k in range(SIDE)) + turned)}
  ret void
}}
{ATTRIBUTES}"""


def _found(k: int, pixels: int) -> str:
    """Lines that find where the k-th image of a vector begins, in numbers."""
    return f"""
  %k{k}.raw = add i64 %b, {k}
  %k{k}.in = icmp ult i64 %k{k}.raw, %count
  %k{k} = select i1 %k{k}.in, i64 %k{k}.raw, i64 %last
  %row{k}.at = getelementptr i64, ptr %rows, i64 %k{k}
  %row{k} = load i64, ptr %row{k}.at, align 8
  %first{k} = mul i64 %row{k}, {pixels}"""


def _read(k: int, image: str) -> str:
    """Lines that put sixteen pixels of the k-th image in %v0.<k>, as floats."""
    source = f"<{SIDE} x {image}>"
    lines = f"""
  %from{k} = add i64 %first{k}, %p
  %from{k}.at = getelementptr {image}, ptr %images, i64 %from{k}"""
    if image == "float":
        return f"{lines}\n  %v0.{k} = load {source}, ptr %from{k}.at, align 4"
    return f"{lines}\n  %v0.{k}.raw = load {source}, ptr %from{k}.at, align 1{brightness(f'v0.{k}', IMAGES)}"


def _written(k: int) -> str:
    """Lines that write the k-th of sixteen pixels, of all images of a vector."""
    return f"""
  %pixel{k} = add i64 %p, {k}
  %place{k}.at = getelementptr i64, ptr %places, i64 %pixel{k}
  %place{k} = load i64, ptr %place{k}.at, align 8
  %far{k} = mul i64 %place{k}, %apart
  %to{k} = add i64 %far{k}, %b
  %to{k}.at = getelementptr float, ptr %out, i64 %to{k}
  store {VECTOR} %v4.{k}, ptr %to{k}.at, align 64"""
