"""LLVM source of the gradients that many clients send from the same parameters: all of them in one call.

A gradient leaves the registers in the order that a model's flat vector has, multiplied and with weight decay: what is
written is the row that a client sends, and nothing is turned about or read again.
"""

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, address, loop, spread
from fedsim.kernels.networks.descent_source import Back, added
from fedsim.kernels.networks.images_source import Registers, fma
from fedsim.kernels.networks.linear_sizes import LANES, Linear, spaced
from fedsim.kernels.networks.linear_source import Pass
from fedsim.kernels.networks.products_source import Product, Strides, declared
from fedsim.kernels.networks.softmax_source import DECLARATIONS

FLOAT_LANES = Lanes("float", LANES)


def sending(net: Linear, image: str, registers: Registers, *, decayed: bool) -> str:
    """(images, order, labels, bounds, steps, parameters, base, rows, which, times, scratch, most, sums, chosen).

    Client c has the images order[bounds[c]] … order[bounds[c + 1] − 1], at most `most` of them; row which[c] of `rows`
    becomes base + times · gradient, or without `decayed` times · gradient: flat vectors all. `sums` and `chosen` are
    as in `training`.
    """
    there, back = Pass(net, registers), Back(net, registers, _Rows(net, registers, decayed))
    body = there.begun(image) + there.forward() + back.softmax() + back.backward()
    return f"""{declared(registers)}
{DECLARATIONS}
define void @kernel(ptr noalias %images, ptr noalias %order, ptr noalias %labels, ptr noalias %bounds, i64 %steps,
                    ptr noalias %parameters, ptr noalias %base, ptr noalias %sent, ptr noalias %which, float %times,
                    ptr noalias %scratch, i64 %rows, ptr noalias %sums, ptr noalias %chosen) #0 {{
entry:{loop("step", "0", "%steps", 1, body)}
  ret void
}}
{ATTRIBUTES}"""


class _Rows:
    """Each layer's gradients go to their places in the row that is sent."""

    def __init__(self, net: Linear, registers: Registers, decayed: bool) -> None:
        self.net, self.registers, self.decayed = net, registers, decayed

    def before(self) -> str:
        """Lines that point %own at this client's row."""
        lines = """
  %which.at = getelementptr i64, ptr %which, i64 %step
  %which.row = load i64, ptr %which.at, align 8"""
        return lines + address("own.row", "sent", "%which.row", str(self.net.flat), "0")

    def gradient(self, k: int, delta: str) -> str:
        """Lines that write layer k's weights, output by output."""
        layer = self.net.layers[k]
        whole = layer.inputs - layer.inputs % LANES
        lines = self._columns(k, delta, 0, whole, LANES) if whole else ""
        return lines + (self._columns(k, delta, whole, LANES, layer.inputs - whole) if layer.inputs > whole else "")

    def _columns(self, k: int, delta: str, start: int, columns: int, kept: int) -> str:
        """Lines that write so many columns from `start` on, of the last vector only the first `kept`."""
        layer, tag = self.net.layers[k], f"g{k}.{start}"
        place = self.net.places[k] + start

        def end(name: str, row: str, column: str, lanes: Lanes) -> str:
            lines = f"\n  %{name}.c = add i64 {column}, {place}"
            lines += address(f"{name}.to", "own.row", row, str(layer.inputs), f"%{name}.c")
            lines += address(f"{name}.from", "base", row, str(layer.inputs), f"%{name}.c") if self.decayed else ""
            return lines + self._sent(name, lanes, lanes.width if kept == LANES else kept)

        strides = Strides(1, spaced(layer.outputs), spaced(layer.inputs))
        product = Product(tag, f"%{delta}", f"%{tag}.b", "%count", columns, strides, end)
        seen = f"\n  %{tag}.b = getelementptr float, ptr %v{k}, i64 {start}"
        return seen + product.exactly(layer.outputs, self.registers)

    def bias(self, k: int, delta: str) -> str:
        """Lines that write layer k's biases."""
        outputs = self.net.layers[k].outputs
        whole, tag = outputs - outputs % LANES, f"c{k}"
        lines = loop(f"{tag}.n", "0", str(whole), LANES, self._biases(k, delta, f"%{tag}.n", f"{tag}.w", LANES))
        return lines + (self._biases(k, delta, str(whole), f"{tag}.l", outputs - whole) if outputs > whole else "")

    def _biases(self, k: int, delta: str, column: str, tag: str, kept: int) -> str:
        """Lines that write sixteen biases from this column on, or the first `kept` of them."""
        layer = self.net.layers[k]
        place = self.net.places[k] + layer.inputs * layer.outputs
        lines = added(tag, delta, str(spaced(layer.outputs)), column)
        lines += f"\n  %{tag}.c = add i64 {column}, {place}"
        lines += f"\n  %{tag}.v.to = getelementptr float, ptr %own.row, i64 %{tag}.c"
        lines += f"\n  %{tag}.v.from = getelementptr float, ptr %base, i64 %{tag}.c" if self.decayed else ""
        return lines + self._sent(f"{tag}.v", FLOAT_LANES, kept)

    def _sent(self, name: str, lanes: Lanes, kept: int) -> str:
        """Lines that write the first numbers of base + times · %name to %name.to."""
        vector, part = lanes.vector, f"<{kept} x float>"
        lines = f"\n  %{name}.rate.one = fadd float %times, -0.0{spread(f'{name}.rate', lanes)}"
        lines += self._based(name, lanes, kept)
        if kept == lanes.width:
            return lines + f"\n  store {vector} %{name}.out, ptr %{name}.to, align 4"
        places = ", ".join(f"i32 {k}" for k in range(kept))
        return f"""{lines}
  %{name}.part = shufflevector {vector} %{name}.out, {vector} poison, <{kept} x i32> <{places}>
  store {part} %{name}.part, ptr %{name}.to, align 4"""

    def _based(self, name: str, lanes: Lanes, kept: int) -> str:
        """Lines that put times · %name in %name.out, and what the base holds there on top of it."""
        vector = lanes.vector
        if not self.decayed:
            return f"\n  %{name}.out = fmul {vector} %{name}.rate, %{name}"
        places = ", ".join(f"i32 {min(k, kept)}" for k in range(lanes.width))
        part = f"<{kept} x float>"
        return f"""
  %{name}.base.part = load {part}, ptr %{name}.from, align 4
  %{name}.base = shufflevector {part} %{name}.base.part, {part} zeroinitializer, <{lanes.width} x i32> <{places}>
  %{name}.out = call {vector} {fma(lanes)}({vector} %{name}.rate, {vector} %{name}, {vector} %{name}.base)"""
