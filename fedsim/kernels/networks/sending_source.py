"""LLVM source of the gradients that many clients send from the same parameters: all of them in one call.

A gradient leaves the registers in the order that a model's flat vector has, multiplied and with weight decay: what is
written is the row that a client sends, and nothing is turned about or read again.
"""

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, address, loop, spread
from fedsim.kernels.networks.descent_source import Back, added
from fedsim.kernels.networks.images_source import Registers, fma
from fedsim.kernels.networks.linear_sizes import LANES, Linear, spaced
from fedsim.kernels.networks.linear_source import Pass, between
from fedsim.kernels.networks.products_source import Product, Strides, declared
from fedsim.kernels.networks.softmax_source import DECLARATIONS

FLOAT_LANES = Lanes("float", LANES)


def sending(net: Linear, image: str, registers: Registers, *, decayed: bool) -> str:
    """(images, order, labels, bounds, steps, parameters, base, rows, which, times, scratch, most, sums, chosen).

    Client c has the images order[bounds[c]] … order[bounds[c + 1] − 1], all clients together at most `most` of them;
    row which[c] of `rows` becomes base + times · gradient, or without `decayed` times · gradient: flat vectors all.
    `sums` and `chosen` are as in `training`.
    """
    there, back, rows = Pass(net, registers), Back(net, registers), _Rows(net, registers, decayed)
    body = there.buffers() + there.gathered(image, "%all") + there.forward("%all")
    logits = address("own.logits", f"v{there.last + 1}", "%begin", str(spaced(net.sizes[-1])), "0")
    body += loop("step", "0", "%steps", 1, between("%step") + logits + back.softmax("own.logits"))
    for k in range(there.last, -1, -1):
        delta = f"v{k + 1}" if k == there.last else f"d{k + 1}"
        body += back.below(k, delta, "%all") + rows.layer(k, delta)
    return f"""{declared(registers)}
{DECLARATIONS}
define void @kernel(ptr noalias %images, ptr noalias %order, ptr noalias %labels, ptr noalias %bounds, i64 %steps,
                    ptr noalias %parameters, ptr noalias %base, ptr noalias %sent, ptr noalias %which, float %times,
                    ptr noalias %scratch, i64 %rows, ptr noalias %sums, ptr noalias %chosen) #0 {{
entry:
  %all.at = getelementptr i64, ptr %bounds, i64 %steps
  %all = load i64, ptr %all.at, align 8{body}
  ret void
}}
{ATTRIBUTES}"""


class _Rows:
    """Each layer's gradients go to their places in the rows that are sent."""

    def __init__(self, net: Linear, registers: Registers, decayed: bool) -> None:
        self.net, self.registers, self.decayed = net, registers, decayed

    def layer(self, k: int, delta: str) -> str:
        """Lines that write layer k's gradient for every client."""
        layer, client = self.net.layers[k], f"%client{k}"
        lines = between(client, str(k))
        lines += address(f"own.v{k}", f"v{k}", f"%begin{k}", str(spaced(layer.inputs)), "0")
        lines += address(f"own.d{k}", delta, f"%begin{k}", str(spaced(layer.outputs)), "0")
        lines += f"""
  %which{k}.at = getelementptr i64, ptr %which, i64 {client}
  %which{k}.row = load i64, ptr %which{k}.at, align 8"""
        lines += address(f"own.row{k}", "sent", f"%which{k}.row", str(self.net.flat), "0")
        return loop(client[1:], "0", "%steps", 1, lines + self._weights(k) + self._bias(k))

    def _weights(self, k: int) -> str:
        """Lines that write layer k's weights, output by output."""
        layer = self.net.layers[k]
        whole = layer.inputs - layer.inputs % LANES
        lines = self._columns(k, 0, whole, LANES) if whole else ""
        return lines + (self._columns(k, whole, LANES, layer.inputs - whole) if layer.inputs > whole else "")

    def _columns(self, k: int, start: int, columns: int, kept: int) -> str:
        """Lines that write so many columns from `start` on, of the last vector only the first `kept`."""
        layer, tag = self.net.layers[k], f"g{k}.{start}"
        place = self.net.places[k] + start

        def end(name: str, row: str, column: str, lanes: Lanes) -> str:
            lines = f"\n  %{name}.c = add i64 {column}, {place}"
            lines += address(f"{name}.to", f"own.row{k}", row, str(layer.inputs), f"%{name}.c")
            lines += address(f"{name}.from", "base", row, str(layer.inputs), f"%{name}.c") if self.decayed else ""
            return lines + self._sent(name, lanes, lanes.width if kept == LANES else kept)

        strides = Strides(1, spaced(layer.outputs), spaced(layer.inputs))
        product = Product(tag, f"%own.d{k}", f"%{tag}.b", f"%count{k}", columns, strides, end)
        seen = f"\n  %{tag}.b = getelementptr float, ptr %own.v{k}, i64 {start}"
        return seen + product.exactly(layer.outputs, self.registers)

    def _bias(self, k: int) -> str:
        """Lines that write layer k's biases."""
        outputs = self.net.layers[k].outputs
        whole, tag = outputs - outputs % LANES, f"c{k}"
        lines = loop(f"{tag}.n", "0", str(whole), LANES, self._biases(k, f"%{tag}.n", f"{tag}.w", LANES))
        return lines + (self._biases(k, str(whole), f"{tag}.l", outputs - whole) if outputs > whole else "")

    def _biases(self, k: int, column: str, tag: str, kept: int) -> str:
        """Lines that write sixteen biases from this column on, or the first `kept` of them."""
        layer = self.net.layers[k]
        place = self.net.places[k] + layer.inputs * layer.outputs
        lines = added(tag, f"own.d{k}", str(spaced(layer.outputs)), column, f"%count{k}")
        lines += f"\n  %{tag}.c = add i64 {column}, {place}"
        lines += f"\n  %{tag}.v.to = getelementptr float, ptr %own.row{k}, i64 %{tag}.c"
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
