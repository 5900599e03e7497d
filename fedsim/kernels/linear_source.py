"""LLVM source of the training and of the outputs of a network of linear layers with rectification between them.

A whole pass over one client's batches is one call: rows are taken from the data where they lie, bytes become value /
255 on the way, and a layer's gradient is used while it stands in registers. All sizes but the batch's are written in.

Weights are stored input by input, (inputs, outputs), both padded with zeros to whole vectors; padding stays zero.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from fedsim.kernels.images_source import Registers, fma, fused
from fedsim.kernels.llvm import ATTRIBUTES, Lanes, address, loop
from fedsim.kernels.products_source import Product, Strides
from fedsim.kernels.softmax_source import DECLARED, LANES, softmax_gradient
from fedsim.kernels.turning_source import turned

VECTOR = LANES.vector


def padded(count: int) -> int:
    """So many numbers in whole vectors."""
    return -(-count // LANES.width) * LANES.width


def spaced(count: int) -> int:
    """How far apart rows of so many numbers stand: an odd number of cache lines, so that their starts do not collide."""
    return padded(count) | LANES.width


@dataclass(frozen=True)
class Layer:
    """One linear layer and where its numbers stand."""

    inputs: int
    outputs: int
    place: int  # of its weights, in numbers

    @property
    def shape(self) -> tuple[int, int]:
        """Of the weights as stored."""
        return padded(self.inputs), padded(self.outputs)

    @property
    def bias(self) -> int:
        """Where its biases stand."""
        return self.place + self.shape[0] * self.shape[1]

    @property
    def end(self) -> int:
        """Where the next layer begins."""
        return self.bias + self.shape[1]


@dataclass(frozen=True)
class Linear:
    """A network's sizes: what comes in, what each layer gives; the last gives the classes."""

    sizes: tuple[int, ...]

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, first to last."""
        made: list[Layer] = []
        for inputs, outputs in zip(self.sizes, self.sizes[1:], strict=False):
            made.append(Layer(inputs, outputs, made[-1].end if made else 0))
        return tuple(made)

    @property
    def numbers(self) -> int:
        """Parameters as stored."""
        return self.layers[-1].end

    @property
    def values(self) -> list[int]:
        """Where row buffers begin, in numbers for each row of a batch: inputs, what each layer gives, their gradients."""
        widths = [spaced(size) for size in (*self.sizes, *self.sizes[1:-1])]
        return [0, *accumulate(widths)]

    @property
    def turned(self) -> int:
        """Numbers of the greatest matrix that is turned about."""
        return max(rows * columns for rows, columns in (layer.shape for layer in self.layers))


def training(net: Linear, image: str, registers: Registers) -> str:
    """(images, order, labels, bounds, steps, parameters, base, target, rate, scratch, rows, sums, chosen).

    Step s takes the images order[bounds[s]] … order[bounds[s + 1] − 1], at most `rows` of them, and sets
    target = base − rate · gradient. With parameters for base and target it is a step of descent. `sums` and `chosen`
    get, for each image, Σ e^(z − max) and the label's z − max: their cross-entropy is the sum's logarithm minus the latter.
    """
    work = _Lines(net, registers)
    body = work.buffers() + work.gathered(image) + work.forward() + work.softmax() + work.backward()
    return f"""{fused(Lanes("float", registers.width))}
{fused(Lanes("float", 2 * registers.width))}
{DECLARED}
define void @kernel(ptr noalias %images, ptr noalias %order, ptr noalias %labels, ptr noalias %bounds, i64 %steps,
                    ptr %parameters, ptr %base, ptr %target, float %rate,
                    ptr noalias %scratch, i64 %rows, ptr noalias %sums, ptr noalias %chosen) #0 {{
entry:{loop("step", "0", "%steps", 1, work.bounds() + body)}
  ret void
}}
{ATTRIBUTES}"""


def outputs(net: Linear, image: str, registers: Registers) -> str:
    """(images, order, bounds, steps, parameters, scratch, rows, out): the logits of the images, row by row in `out`."""
    work = _Lines(net, registers)
    body = work.buffers() + work.gathered(image) + work.forward() + work.copied()
    return f"""{fused(Lanes("float", registers.width))}
{fused(Lanes("float", 2 * registers.width))}
define void @kernel(ptr noalias %images, ptr noalias %order, ptr noalias %bounds, i64 %steps, ptr %parameters,
                    ptr noalias %scratch, i64 %rows, ptr noalias %out) #0 {{
entry:{loop("step", "0", "%steps", 1, work.bounds() + body)}
  ret void
}}
{ATTRIBUTES}"""


def differences(net: Linear) -> str:
    """(parameters, start, scratch, out): the parameters as a model's flat vector, minus `start`, one."""
    lines, at = "", 0
    for k, layer in enumerate(net.layers):
        lines += f"\n  %w{k} = getelementptr float, ptr %parameters, i64 {layer.place}"
        lines += turned(f"t{k}", f"w{k}", "scratch", *layer.shape)
        numbers = _subtracted(f"s{k}", "scratch", f"%s{k}.row", layer.shape[0], at, layer.inputs)
        lines += loop(f"s{k}.row", "0", str(layer.outputs), 1, numbers)
        lines += f"\n  %b{k} = getelementptr float, ptr %parameters, i64 {layer.bias}"
        at += layer.inputs * layer.outputs
        lines += _subtracted(f"b{k}.s", f"b{k}", "0", 0, at, layer.outputs)
        at += layer.outputs
    return f"""define void @kernel(ptr noalias %parameters, ptr noalias %start, ptr noalias %scratch, ptr noalias %out) #0 {{
entry:{lines}
  ret void
}}
{ATTRIBUTES}"""


def _subtracted(tag: str, source: str, row: str, apart: int, at: int, width: int) -> str:
    """Lines that write one row of numbers minus those of %start, `width` to a row there from place `at` on."""
    lines = address(f"{tag}.from", source, row, str(apart), "0")
    for name in ("start", "out"):
        lines += address(f"{tag}.{name}", name, row, str(width), str(at))
    whole = width - width % LANES.width
    lines += loop(f"{tag}.n", "0", str(whole), LANES.width, _less(f"{tag}.v", tag, f"%{tag}.n", LANES.width))
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


class _Lines:
    """The parts of one step."""

    def __init__(self, net: Linear, registers: Registers) -> None:
        self.net, self.registers = net, registers
        self.last = len(net.layers) - 1

    def bounds(self) -> str:
        """Lines that find the step's %begin, %count and %share, which is 1 / count."""
        return """
  %begin.at = getelementptr i64, ptr %bounds, i64 %step
  %end.at = getelementptr i64, ptr %begin.at, i64 1
  %begin = load i64, ptr %begin.at, align 8
  %end = load i64, ptr %end.at, align 8
  %count = sub i64 %end, %begin
  %count.float = uitofp i64 %count to float
  %share = fdiv float 1.0, %count.float"""

    def buffers(self) -> str:
        """Lines that point %v0 at the inputs, %v1 … at what layers give, %d1 … at its gradients, %w… at weights."""
        names = [f"v{k}" for k in range(self.last + 2)] + [f"d{k}" for k in range(1, self.last + 1)]
        lines = ""
        for name, start in zip(names, self.net.values, strict=False):
            lines += address(name, "scratch", str(start), "%rows", str(self.net.turned))
        return lines + self._numbers("", "parameters")

    def _numbers(self, of: str, base: str) -> str:
        """Lines that point %w0<of>, %b0<of>, … at a network's weights and biases."""
        return "".join(
            f"\n  %{kind}{k}{of} = getelementptr float, ptr %{base}, i64 {place}"
            for k, layer in enumerate(self.net.layers)
            for kind, place in (("w", layer.place), ("b", layer.bias))
        )

    def gathered(self, image: str) -> str:
        """Lines that copy the step's images, of `i8` or `float`, to %v0 as floats."""
        inputs = self.net.sizes[0]
        whole = inputs - inputs % LANES.width
        pixels = loop("pixel", "0", str(whole), LANES.width, self._pixels("p", "%pixel", LANES.width, image))
        rest = self._pixels("q", str(whole), inputs - whole, image) if inputs > whole else ""
        lines = f"""
  %image.k = add i64 %begin, %row
  %image.which = getelementptr i64, ptr %order, i64 %image.k
  %image.index = load i64, ptr %image.which, align 8"""
        lines += address("image", "images", "%image.index", str(inputs), "0", image)
        return loop("row", "0", "%count", 1, lines + address("to", "v0", "%row", str(spaced(inputs)), "0") + pixels + rest)

    def _pixels(self, name: str, start: str, width: int, image: str) -> str:
        source, floats = f"<{width} x {image}>", f"<{width} x float>"
        lines = f"""
  %{name}.from = getelementptr {image}, ptr %image, i64 {start}
  %{name}.to = getelementptr float, ptr %to, i64 {start}
  %{name}.raw = load {source}, ptr %{name}.from, align {1 if image == "i8" else 4}"""
        if image == "i8":
            divisors = ", ".join(["float 255.0"] * width)
            lines += f"""
  %{name}.float = uitofp {source} %{name}.raw to {floats}
  %{name}.value = fdiv {floats} %{name}.float, <{divisors}>"""
        value = f"%{name}.{'value' if image == 'i8' else 'raw'}"
        return f"{lines}\n  store {floats} {value}, ptr %{name}.to, align 4"

    def forward(self) -> str:
        """Lines that fill %v1 …: the last are the logits."""
        return "".join(self._layer(k, layer) for k, layer in enumerate(self.net.layers))

    def _layer(self, k: int, layer: Layer) -> str:
        def begin(name: str, row: str, column: str, lanes: Lanes) -> str:
            return f"""
  %{name}.at = getelementptr float, ptr %b{k}, i64 {column}
  %{name} = load {lanes.vector}, ptr %{name}.at, align 64"""

        def end(name: str, row: str, column: str, lanes: Lanes) -> str:
            lines = address(f"{name}.to", f"v{k + 1}", row, str(spaced(layer.outputs)), column)
            if k == self.last:
                return lines + f"\n  store {lanes.vector} %{name}, ptr %{name}.to, align 64"
            return f"""{lines}
  %{name}.over = fcmp ugt {lanes.vector} %{name}, zeroinitializer
  %{name}.z = select {lanes.mask} %{name}.over, {lanes.vector} %{name}, {lanes.vector} zeroinitializer
  store {lanes.vector} %{name}.z, ptr %{name}.to, align 64"""

        strides = Strides(spaced(layer.inputs), 1, layer.shape[1])
        product = Product(f"f{k}", f"%v{k}", f"%w{k}", str(layer.inputs), layer.shape[1], strides, begin, end)
        return product.over("%count", self.registers)

    def copied(self) -> str:
        """Lines that write the logits to %out."""
        classes = self.net.sizes[-1]
        lines = "\n  %out.row = add i64 %begin, %answer"
        lines += address("logit", f"v{self.last + 1}", "%answer", str(spaced(classes)), "%class")
        lines += address("out.at", "out", "%out.row", str(classes), "%class")
        lines += "\n  %z = load float, ptr %logit, align 4\n  store float %z, ptr %out.at, align 4"
        return loop("answer", "0", "%count", 1, loop("class", "0", str(classes), 1, lines))

    def softmax(self) -> str:
        """Lines that turn the logits into the gradient of the mean cross-entropy by them."""
        classes = self.net.sizes[-1]
        lines = address("logits", f"v{self.last + 1}", "%example", str(spaced(classes)), "0")
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
  %own.shifted = fsub float %own, %soft.max
  store float %own.shifted, ptr %chosen.at, align 4"""
        return loop("example", "0", "%count", 1, lines)

    def backward(self) -> str:
        """Lines that take the gradients down from layer to layer, each used before the weights below are reached."""
        lines = self._numbers(".base", "base") + self._numbers(".target", "target")
        for k in range(self.last, -1, -1):
            delta = f"v{k + 1}" if k == self.last else f"d{k + 1}"
            if k:
                lines += turned(f"t{k}", f"w{k}", "scratch", *self.net.layers[k].shape) + self._below(k, delta)
            lines += self._gradient(k, delta) + self._bias(k, delta)
        return lines

    def _below(self, k: int, delta: str) -> str:
        """Lines that fill %d<k>, the gradient by what layer k sees, where that is not rectified away."""
        layer, apart = self.net.layers[k], str(spaced(self.net.layers[k].inputs))

        def end(name: str, row: str, column: str, lanes: Lanes) -> str:
            lines = address(f"{name}.at", f"v{k}", row, apart, column) + address(f"{name}.to", f"d{k}", row, apart, column)
            return f"""{lines}
  %{name}.seen = load {lanes.vector}, ptr %{name}.at, align 64
  %{name}.over = fcmp ugt {lanes.vector} %{name}.seen, zeroinitializer
  %{name}.z = select {lanes.mask} %{name}.over, {lanes.vector} %{name}, {lanes.vector} zeroinitializer
  store {lanes.vector} %{name}.z, ptr %{name}.to, align 64"""

        strides = Strides(spaced(layer.outputs), 1, layer.shape[0])
        product = Product(
            f"r{k}", f"%{delta}", "%scratch", str(layer.outputs), layer.shape[0], strides, _nothing, end
        )
        return product.over("%count", self.registers)

    def _gradient(self, k: int, delta: str) -> str:
        """Lines that set the target's weights of layer k."""
        layer = self.net.layers[k]

        def end(name: str, row: str, column: str, lanes: Lanes) -> str:
            lines = address(f"{name}.from", f"w{k}.base", row, str(layer.shape[1]), column)
            lines += address(f"{name}.to", f"w{k}.target", row, str(layer.shape[1]), column)
            return lines + self._descended(name, lanes)

        strides = Strides(1, spaced(layer.inputs), spaced(layer.outputs))
        product = Product(f"g{k}", f"%v{k}", f"%{delta}", "%count", layer.shape[1], strides, _nothing, end)
        return product.exactly(layer.inputs, self.registers)

    def _bias(self, k: int, delta: str) -> str:
        """Lines that set the target's biases of layer k."""
        layer, tag = self.net.layers[k], f"c{k}"
        lines = f"""
  br label %{tag}.enter
{tag}.enter:
  br label %{tag}.k
{tag}.k:
  %{tag}.row = phi i64 [0, %{tag}.enter], [%{tag}.next, %{tag}.k]
  %{tag}.sum = phi {VECTOR} [zeroinitializer, %{tag}.enter], [%{tag}.v, %{tag}.k]"""
        lines += address(f"{tag}.at", delta, f"%{tag}.row", str(spaced(layer.outputs)), f"%{tag}.n")
        lines += f"""
  %{tag}.d = load {VECTOR}, ptr %{tag}.at, align 64
  %{tag}.v = fadd {VECTOR} %{tag}.sum, %{tag}.d
  %{tag}.next = add i64 %{tag}.row, 1
  %{tag}.more = icmp ult i64 %{tag}.next, %count
  br i1 %{tag}.more, label %{tag}.k, label %{tag}.done
{tag}.done:
  %{tag}.v.from = getelementptr float, ptr %b{k}.base, i64 %{tag}.n
  %{tag}.v.to = getelementptr float, ptr %b{k}.target, i64 %{tag}.n{self._descended(f"{tag}.v", LANES)}"""
        return loop(f"{tag}.n", "0", str(layer.shape[1]), LANES.width, lines)

    def _descended(self, name: str, lanes: Lanes) -> str:
        """Lines that write %name.from − rate · %name to %name.to."""
        vector = lanes.vector
        return f"""
  %{name}.base = load {vector}, ptr %{name}.from, align 64
  %{name}.rate.one = fneg float %rate
  %{name}.rate.first = insertelement {vector} poison, float %{name}.rate.one, i32 0
  %{name}.rate = shufflevector {vector} %{name}.rate.first, {vector} poison, <{lanes.width} x i32> zeroinitializer
  %{name}.after = call {vector} {fma(lanes)}({vector} %{name}.rate, {vector} %{name}, {vector} %{name}.base)
  store {vector} %{name}.after, ptr %{name}.to, align 64"""


def _nothing(name: str, row: str, column: str, lanes: Lanes) -> str:
    return f"\n  %{name} = select i1 true, {lanes.vector} zeroinitializer, {lanes.vector} zeroinitializer"
