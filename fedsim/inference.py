"""The outputs of a model under given parameters, by the fastest way there is for it."""

from collections.abc import Callable

import torch
from torch import Tensor

from fedsim.convnets import run_convnet
from fedsim.modules import ModelKind, flat_model

AT_ONCE = 100
"""Images in one forward pass: larger temporaries leave the cache."""


def outputs(kind: ModelKind, vector: Tensor) -> Callable[[Tensor], Tensor]:
    """(k, channels, height, width) images -> (k, classes) logits, in evaluation mode and without gradients."""
    with torch.no_grad():
        fast = run_convnet(kind, vector)
    if fast is None:
        flat = flat_model(kind, channels_last=True)
        flat.load(vector)
        flat.module.eval()
        module = flat.module
        fast = lambda images: torch.cat([module(part) for part in torch.split(images, AT_ONCE)])  # noqa: E731
    return torch.inference_mode()(fast)
