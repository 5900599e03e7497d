"""LLVM source that gives back a network's numbers, stored for the kernels, as the model has them."""

from fedsim.kernels.llvm import ATTRIBUTES, address, loop
from fedsim.kernels.networks.linear_sizes import LANES, Linear
from fedsim.kernels.networks.transpose_source import turned


def differences(net: Linear) -> str:
    """(parameters, start, scratch, out): the parameters as a model's flat vector, minus `start`, one."""
    lines = ""
    for k, layer in enumerate(net.layers):
        lines += f"\n  %w{k} = getelementptr float, ptr %parameters, i64 {layer.place}"
        lines += turned(f"t{k}", f"w{k}", "scratch", *layer.shape)
        at = net.places[k]
        numbers = _subtracted(f"s{k}", "scratch", f"%s{k}.row", layer.shape[0], at, layer.inputs)
        lines += loop(f"s{k}.row", "0", str(layer.outputs), 1, numbers)
        lines += f"\n  %b{k} = getelementptr float, ptr %parameters, i64 {layer.bias}"
        lines += _subtracted(f"b{k}.s", f"b{k}", "0", 0, at + layer.inputs * layer.outputs, layer.outputs)
    return f"""define void @kernel(ptr noalias %parameters, ptr noalias %start, ptr noalias %scratch,
                    ptr noalias %out) #0 {{
entry:{lines}
  ret void
}}
{ATTRIBUTES}"""


def _subtracted(tag: str, source: str, row: str, apart: int, at: int, width: int) -> str:
    """Lines that write one row of numbers minus those of %start, `width` to a row there from place `at` on."""
    lines = address(f"{tag}.from", source, row, str(apart), "0")
    for name in ("start", "out"):
        lines += address(f"{tag}.{name}", name, row, str(width), str(at))
    whole = width - width % LANES
    lines += loop(f"{tag}.n", "0", str(whole), LANES, _less(f"{tag}.v", tag, f"%{tag}.n", LANES))
    return lines + (_less(f"{tag}.w", tag, str(whole), width - whole) if width > whole else "")


def _less(name: str, tag: str, place: str, width: int) -> str:
    vector = f"<{width} x float>"
    places = "".join(
        f"\n  %{name}.{end} = getelementptr float, ptr %{tag}.{end}, i64 {place}" for end in ("from", "start", "out")
    )
    return f"""{places}
  %{name}.own = load {vector}, ptr %{name}.from, align 4
  %{name}.old = load {vector}, ptr %{name}.start, align 4
  %{name} = fsub {vector} %{name}.own, %{name}.old
  store {vector} %{name}, ptr %{name}.out, align 4"""
