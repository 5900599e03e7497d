"""LLVM source of what a network of linear layers makes of a batch of images.

Rows are taken from the data where they lie, and bytes become value / 255 on the way. All sizes but the batch's are
written into the source.
"""

from fedsim.kernels.llvm import ATTRIBUTES, Lanes, address, fetched, loop
from fedsim.kernels.networks.images_source import Registers, brightness
from fedsim.kernels.networks.linear_sizes import LANES, Layer, Linear, spaced
from fedsim.kernels.networks.products_source import Product, Strides, declared

AHEAD = 4
"""How many images ahead of its work a kernel asks for memory: rows of the data lie anywhere."""


def outputs(net: Linear, image: str, registers: Registers) -> str:
    """(images, order, bounds, steps, parameters, scratch, rows, out): the logits of the images, row by row in `out`."""
    work = Pass(net, registers)
    body = work.begun(image) + work.forward() + work.copied()
    return f"""{declared(registers)}
define void @kernel(ptr noalias %images, ptr noalias %order, ptr noalias %bounds, i64 %steps, ptr %parameters,
                    ptr noalias %scratch, i64 %rows, ptr noalias %out) #0 {{
entry:{loop("step", "0", "%steps", 1, body)}
  ret void
}}
{ATTRIBUTES}"""


def numbers(net: Linear, of: str, base: str) -> str:
    """Lines that point %w0<of>, %b0<of>, … at the weights and biases of a network stored at %base."""
    return "".join(
        f"\n  %{kind}{k}{of} = getelementptr float, ptr %{base}, i64 {place}"
        for k, layer in enumerate(net.layers)
        for kind, place in (("w", layer.place), ("b", layer.bias))
    )


def rectified(name: str, gate: str, lanes: Lanes) -> str:
    """Lines that write %name to %name.to, zero where the gate is not positive; NaN lets pass."""
    vector = lanes.vector
    return f"""
  %{name}.over = fcmp ugt {vector} {gate}, zeroinitializer
  %{name}.z = select {lanes.mask} %{name}.over, {vector} %{name}, {vector} zeroinitializer
  store {vector} %{name}.z, ptr %{name}.to, align 64"""


def between(step: str, name: str = "") -> str:
    """Lines that find what lies between two bounds: %begin, %count and %share, which is 1 / count."""
    return f"""
  %begin{name}.at = getelementptr i64, ptr %bounds, i64 {step}
  %end{name}.at = getelementptr i64, ptr %begin{name}.at, i64 1
  %begin{name} = load i64, ptr %begin{name}.at, align 8
  %end{name} = load i64, ptr %end{name}.at, align 8
  %count{name} = sub i64 %end{name}, %begin{name}
  %count{name}.float = uitofp i64 %count{name} to float
  %share{name} = fdiv float 1.0, %count{name}.float"""


class Pass:
    """The parts of a pass through the network."""

    def __init__(self, net: Linear, registers: Registers) -> None:
        self.net, self.registers = net, registers
        self.last = len(net.layers) - 1

    def begun(self, image: str) -> str:
        """Lines that find the step's %begin, %count and %share, which is 1 / count, and fill %v0 with its images."""
        return between("%step") + self.buffers() + self.gathered(image, "%count", "%begin")

    def buffers(self) -> str:
        """Lines that point %v0 at the inputs, %v1 … at what layers give, %d1 … at its gradients, %w… at weights."""
        names = [f"v{k}" for k in range(self.last + 2)] + [f"d{k}" for k in range(1, self.last + 1)] + ["d0"]
        lines = ""
        for name, start in zip(names, self.net.values, strict=False):
            lines += address(name, "scratch", str(start), "%rows", str(self.net.turned))
        return lines + numbers(self.net, "", "parameters")

    def gathered(self, image: str, count: str, begin: str = "0") -> str:
        """Lines that copy so many images, in order from `begin` on, of `i8` or `float`, to %v0 as floats."""
        inputs = self.net.sizes[0]
        whole = inputs - inputs % LANES
        pixels = loop("pixel", "0", str(whole), LANES, self._pixels("p", "%pixel", LANES, image))
        rest = self._pixels("q", str(whole), inputs - whole, image) if inputs > whole else ""
        lines = f"""
  %image.k = add i64 {begin}, %row
  %image.which = getelementptr i64, ptr %order, i64 %image.k
  %image.index = load i64, ptr %image.which, align 8"""
        lines += address("image", "images", "%image.index", str(inputs), "0", image)
        lines += self._asked_for(image, count) + address("to", "v0", "%row", str(spaced(inputs)), "0") + pixels + rest
        return loop("row", "0", count, 1, lines)

    def _asked_for(self, image: str, count: str) -> str:
        """Lines that ask for an image some rows ahead: the next may lie anywhere, which no processor foresees."""
        size = self.net.sizes[0]
        later = address("later", "images", "%later.index", str(size), "0", image)
        lines = f"""
  %later.far = add i64 %row, {AHEAD}
  %later.in = icmp ult i64 %later.far, {count}
  %later.k = select i1 %later.in, i64 {AHEAD}, i64 0
  %later.which = getelementptr i64, ptr %image.which, i64 %later.k
  %later.index = load i64, ptr %later.which, align 8{later}"""
        line = "\n  %later.line = getelementptr i8, ptr %later, i64 %line"
        size_in_bytes = size * (1 if image == "i8" else 4)
        return lines + loop("line", "0", str(size_in_bytes), 64, line + fetched("later.line", "later.line", 0))

    def _pixels(self, name: str, start: str, width: int, image: str) -> str:
        source, lanes = f"<{width} x {image}>", Lanes("float", width)
        read = f"{name}.raw" if image == "i8" else name
        lines = f"""
  %{name}.from = getelementptr {image}, ptr %image, i64 {start}
  %{name}.to = getelementptr float, ptr %to, i64 {start}
  %{read} = load {source}, ptr %{name}.from, align {1 if image == "i8" else 4}"""
        lines += brightness(name, lanes) if image == "i8" else ""
        return f"{lines}\n  store {lanes.vector} %{name}, ptr %{name}.to, align 4"

    def forward(self, count: str = "%count") -> str:
        """Lines that fill so many rows of %v1 …: the last are the logits."""
        return "".join(self._layer(k, layer, count) for k, layer in enumerate(self.net.layers))

    def _layer(self, k: int, layer: Layer, count: str) -> str:
        def begin(name: str, _row: str, column: str, lanes: Lanes) -> str:
            return f"""
  %{name}.at = getelementptr float, ptr %b{k}, i64 {column}
  %{name} = load {lanes.vector}, ptr %{name}.at, align 64"""

        def end(name: str, row: str, column: str, lanes: Lanes) -> str:
            lines = address(f"{name}.to", f"v{k + 1}", row, str(spaced(layer.outputs)), column)
            if k == self.last:
                return lines + f"\n  store {lanes.vector} %{name}, ptr %{name}.to, align 64"
            return lines + rectified(name, f"%{name}", lanes)

        strides = Strides(spaced(layer.inputs), 1, layer.shape[1])
        product = Product(f"f{k}", f"%v{k}", f"%w{k}", str(layer.inputs), layer.shape[1], strides, end, begin)
        return product.over(count, self.registers)

    def copied(self) -> str:
        """Lines that write the logits to %out."""
        classes = self.net.sizes[-1]
        lines = "\n  %out.row = add i64 %begin, %answer"
        lines += address("logit", f"v{self.last + 1}", "%answer", str(spaced(classes)), "%class")
        lines += address("out.at", "out", "%out.row", str(classes), "%class")
        lines += "\n  %z = load float, ptr %logit, align 4\n  store float %z, ptr %out.at, align 4"
        return loop("answer", "0", "%count", 1, loop("class", "0", str(classes), 1, lines))
