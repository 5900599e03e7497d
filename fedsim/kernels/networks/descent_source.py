"""LLVM source of the training of a network of linear layers: a whole pass over one client's batches is one call.

A layer's gradient is used while it stands in registers: its weights step down as soon as it is known, once the layer
below has had what it needs of them.
"""

from typing import Protocol

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, address, loop, spread
from fedsim.kernels.networks.images_source import Registers, fma
from fedsim.kernels.networks.linear_sizes import Linear, spaced
from fedsim.kernels.networks.linear_source import Pass, numbers, rectified
from fedsim.kernels.networks.products_source import Product, Strides, declared
from fedsim.kernels.networks.softmax_source import DECLARATIONS, LANES, softmax_gradient
from fedsim.kernels.networks.transpose_source import turned

VECTOR = LANES.vector


def training(net: Linear, image: str, registers: Registers) -> str:
    """(images, order, labels, bounds, steps, parameters, base, target, rate, scratch, rows, sums, chosen).

    Step s takes the images order[bounds[s]] … order[bounds[s + 1] − 1], at most `rows` of them, and sets
    target = base − rate · gradient. With parameters for base and target it is a step of descent. `sums` and `chosen`
    get, for each image, Σ e^(z − max) and the label's z − max: cross-entropy is the one's logarithm less the other.
    """
    there, back = Pass(net, registers), Back(net, registers)
    body = (
        there.begun(image)
        + there.forward()
        + back.softmax(f"v{there.last + 1}")
        + back.backward(_Steps(net, registers))
    )
    return f"""{declared(registers)}
{DECLARATIONS}
define void @kernel(ptr noalias %images, ptr noalias %order, ptr noalias %labels, ptr noalias %bounds, i64 %steps,
                    ptr %parameters, ptr %base, ptr %target, float %rate,
                    ptr noalias %scratch, i64 %rows, ptr noalias %sums, ptr noalias %chosen) #0 {{
entry:{loop("step", "0", "%steps", 1, body)}
  ret void
}}
{ATTRIBUTES}"""


class Into(Protocol):
    """What becomes of each layer's gradient."""

    def before(self) -> str:
        """Lines that point at what the gradients go into."""

    def gradient(self, k: int, delta: str) -> str:
        """Lines that use the gradient by layer k's weights, given that by what it gives."""

    def bias(self, k: int, delta: str) -> str:
        """Lines that use the gradient by its biases."""


class Back:
    """The parts of the way back."""

    def __init__(self, net: Linear, registers: Registers) -> None:
        self.net, self.registers = net, registers
        self.last = len(net.layers) - 1

    def softmax(self, logits: str) -> str:
        """Lines that turn the logits of a batch into the gradient of the mean cross-entropy by them."""
        classes = self.net.sizes[-1]
        lines = address("logits", logits, "%example", str(spaced(classes)), "0")
        lines += f"""
  %label.k = add i64 %begin, %example
  %label.at = getelementptr i64, ptr %labels, i64 %label.k
  %label = load i64, ptr %label.at, align 8
  %own.at = getelementptr float, ptr %logits, i64 %label
  %own = load float, ptr %own.at, align 4{softmax_gradient("soft", "%logits", classes)}
  %own.less = load float, ptr %own.at, align 4
  %own.delta = fsub float %own.less, %share
  store float %own.delta, ptr %own.at, align 4
  %sum.at = getelementptr float, ptr %sums, i64 %label.k
  store float %soft.sum, ptr %sum.at, align 4
  %chosen.at = getelementptr float, ptr %chosen, i64 %label.k
  %own.shifted = fsub float %own, %soft.max.one
  store float %own.shifted, ptr %chosen.at, align 4"""
        return loop("example", "0", "%count", 1, lines)

    def backward(self, into: Into) -> str:
        """Lines that take the gradients down from layer to layer, each used before the weights below are reached."""
        lines = into.before()
        for k in range(self.last, -1, -1):
            delta = f"v{k + 1}" if k == self.last else f"d{k + 1}"
            lines += self.below(k, delta, "%count")
            lines += into.gradient(k, delta) + into.bias(k, delta)
        return lines

    def below(self, k: int, delta: str, count: str) -> str:
        """Lines that fill so many rows of %d<k>, the gradient by what layer k sees, where anybody asks for it.

        It is zero where what layer k sees was rectified away.
        """
        if not k and not self.net.below:
            return ""
        layer, apart = self.net.layers[k], str(spaced(self.net.layers[k].inputs))

        def end(name: str, row: str, column: str, lanes: Lanes) -> str:
            lines = address(f"{name}.at", f"v{k}", row, apart, column)
            lines += address(f"{name}.to", f"d{k}", row, apart, column)
            if not k:  # what comes in need not be rectified
                return f"{lines}\n  store {lanes.vector} %{name}, ptr %{name}.to, align 64"
            lines += f"\n  %{name}.seen = load {lanes.vector}, ptr %{name}.at, align 64"
            return lines + rectified(name, f"%{name}.seen", lanes)

        strides = Strides(spaced(layer.outputs), 1, layer.shape[0])
        product = Product(f"r{k}", f"%{delta}", "%scratch", str(layer.outputs), layer.shape[0], strides, end)
        weights = turned(f"t{k}", f"w{k}", "scratch", *layer.shape)
        return weights + product.over(count, self.registers)


class _Steps:
    """Each layer's numbers step down as soon as their gradient is known."""

    def __init__(self, net: Linear, registers: Registers) -> None:
        self.net, self.registers = net, registers

    def before(self) -> str:
        """Lines that point at what the gradients go into."""
        return numbers(self.net, ".base", "base") + numbers(self.net, ".target", "target")

    def gradient(self, k: int, delta: str) -> str:
        """Lines that set the target's weights of layer k."""
        layer = self.net.layers[k]

        def end(name: str, row: str, column: str, lanes: Lanes) -> str:
            lines = address(f"{name}.from", f"w{k}.base", row, str(layer.shape[1]), column)
            lines += address(f"{name}.to", f"w{k}.target", row, str(layer.shape[1]), column)
            return lines + self._descended(name, lanes)

        strides = Strides(1, spaced(layer.inputs), spaced(layer.outputs))
        product = Product(f"g{k}", f"%v{k}", f"%{delta}", "%count", layer.shape[1], strides, end)
        return product.exactly(layer.inputs, self.registers)

    def bias(self, k: int, delta: str) -> str:
        """Lines that set the target's biases of layer k."""
        layer, tag = self.net.layers[k], f"c{k}"
        lines = added(tag, delta, str(spaced(layer.outputs)), f"%{tag}.n", "%count")
        lines += f"""
  %{tag}.v.from = getelementptr float, ptr %b{k}.base, i64 %{tag}.n
  %{tag}.v.to = getelementptr float, ptr %b{k}.target, i64 %{tag}.n{self._descended(f"{tag}.v", LANES)}"""
        return loop(f"{tag}.n", "0", str(layer.shape[1]), LANES.width, lines)

    def _descended(self, name: str, lanes: Lanes) -> str:
        """Lines that write %name.from − rate · %name to %name.to."""
        vector = lanes.vector
        return f"""
  %{name}.base = load {vector}, ptr %{name}.from, align 64
  %{name}.rate.one = fneg float %rate{spread(f"{name}.rate", lanes)}
  %{name}.after = call {vector} {fma(lanes)}({vector} %{name}.rate, {vector} %{name}, {vector} %{name}.base)
  store {vector} %{name}.after, ptr %{name}.to, align 64"""


def added(tag: str, delta: str, apart: str, column: str, count: str) -> str:
    """Lines that put the sum of so many rows of gradients, from this column on, in %<tag>.v."""
    lines = f"""
  br label %{tag}.enter
{tag}.enter:
  br label %{tag}.k
{tag}.k:
  %{tag}.row = phi i64 [0, %{tag}.enter], [%{tag}.next, %{tag}.k]
  %{tag}.sum = phi {VECTOR} [zeroinitializer, %{tag}.enter], [%{tag}.v, %{tag}.k]"""
    lines += address(f"{tag}.at", delta, f"%{tag}.row", apart, column)
    return f"""{lines}
  %{tag}.d = load {VECTOR}, ptr %{tag}.at, align 64
  %{tag}.v = fadd {VECTOR} %{tag}.sum, %{tag}.d
  %{tag}.next = add i64 %{tag}.row, 1
  %{tag}.more = icmp ult i64 %{tag}.next, {count}
  br i1 %{tag}.more, label %{tag}.k, label %{tag}.done
{tag}.done:"""
