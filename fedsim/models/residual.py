"""Residual networks for small images, with group normalisation: no statistics of a client's batch enter a model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le

from fedsim.models.contract import model

if TYPE_CHECKING:
    from torch import Tensor, nn

Shape = tuple[int, int, int]
Groups = Annotated[int, Ge(1), Le(1024), "groups of channels that are normalised together; they divide the channels"]


@model("resnet20_gn", kinds=("images",), side=8)
def resnet20_gn(shape: Shape, classes: int, *, groups: Groups = 8) -> "nn.Module":
    """ResNet-20 as it was made for CIFAR, with group in place of batch normalisation.

    Formula:
        conv3×3 c→16, norm, relu; three stages of 3 blocks, of 16, 32, 64 channels, the later two begin with stride 2;
        block(x) = relu(shortcut(x) + norm(conv3×3(relu(norm(conv3×3(x)))))), the shortcut of a first block takes every
        other pixel and adds channels of zeros; global average, linear
    Assumes:
        Images of at least 8×8, groups that divide 16, else ValueError.
    Cost:
        269,722 parameters on 3×32×32 and 10 classes, 0.24 GFLOP a sample (forward and backward); 269,434 on grey
        images.
    Differs:
        He et al. normalise by batch. Convolutions have no bias and start as He et al. say (normal, fan out).
    Source:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016, section 4.2 and option A; Wu and He, Group
        Normalization, ECCV 2018; Hsieh et al., The Non-IID Data Quagmire of Decentralized Machine Learning, ICML 2020,
        for why.
    """
    _suited("resnet20_gn", shape, groups, 16)
    return _network(shape, classes, groups, (16, 32, 64), (3, 3, 3), projected=False)


@model("resnet18_gn", kinds=("images",), side=8)
def resnet18_gn(shape: Shape, classes: int, *, groups: Groups = 32) -> "nn.Module":
    """ResNet-18 for small images, with group in place of batch normalisation.

    Formula:
        conv3×3 c→64, norm, relu; four stages of 2 blocks, of 64, 128, 256, 512 channels, the later three begin with
        stride 2; block(x) = relu(shortcut(x) + norm(conv3×3(relu(norm(conv3×3(x)))))), the shortcut of such a first
        block is norm(conv1×1(x)); global average, linear
    Assumes:
        Images of at least 8×8, groups that divide 64, else ValueError.
    Cost:
        11,173,962 parameters on 3×32×32 and 10 classes, 3.3 GFLOP a sample (forward and backward); 11,172,810 on grey
        images.
    Differs:
        torchvision's begins with conv7×7 of stride 2 and a pooling, for images of 224×224, and normalises by batch.
        byzfl's ResNet18 is this network with batch normalisation.
    Source:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016, option B; Wu and He, Group Normalization,
        ECCV 2018; Reddi et al., Adaptive Federated Optimization, ICLR 2021, for its use.
    """
    _suited("resnet18_gn", shape, groups, 64)
    return _network(shape, classes, groups, (64, 128, 256, 512), (2, 2, 2, 2), projected=True)


def _suited(name: str, shape: Shape, groups: int, channels: int) -> None:
    if min(shape[1:]) < 8:  # noqa: PLR2004 - the side that the model is registered with
        raise ValueError(f"{name} needs images of at least 8×8: got {'×'.join(map(str, shape))}")
    if channels % groups:
        raise ValueError(f"{name} cannot divide its {channels} channels among groups = {groups}")


def _network(
    shape: Shape, classes: int, groups: int, widths: Sequence[int], depths: Sequence[int], *, projected: bool
) -> "nn.Module":
    from torch import nn

    stem = [_convolution(shape[0], widths[0], 3, 1), nn.GroupNorm(groups, widths[0]), nn.ReLU()]
    blocks, before = [], widths[0]
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        for place in range(depth):
            stride = 2 if stage and not place else 1
            blocks.append(_block(before, width, stride, groups, projected=projected))
            before = width
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))


def _convolution(into: int, out: int, side: int, stride: int) -> "nn.Module":
    from torch import nn

    made = nn.Conv2d(into, out, side, stride, padding=side // 2, bias=False)
    nn.init.kaiming_normal_(made.weight, mode="fan_out", nonlinearity="relu")
    return made


def _block(into: int, out: int, stride: int, groups: int, *, projected: bool) -> "nn.Module":
    """Two convolutions around which the input takes a shortcut."""
    from torch import nn
    from torch.nn.functional import pad, relu

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.norm1 = _convolution(into, out, 3, stride), nn.GroupNorm(groups, out)
            self.second, self.norm2 = _convolution(out, out, 3, 1), nn.GroupNorm(groups, out)
            wider = projected and (stride, into) != (1, out)
            self.projection = (
                nn.Sequential(_convolution(into, out, 1, stride), nn.GroupNorm(groups, out)) if wider else None
            )

        def forward(self, x: "Tensor") -> "Tensor":
            y = self.norm2(self.second(relu(self.norm1(self.first(x)))))
            return relu(y + self.shortcut(x))

        def shortcut(self, x: "Tensor") -> "Tensor":
            if self.projection is not None:
                projected: Tensor = self.projection(x)
                return projected
            kept = x[:, :, ::stride, ::stride]
            return pad(kept, (0, 0, 0, 0, 0, out - into)) if out > into else kept

    return Block()
