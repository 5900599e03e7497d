"""The backends that compute a client's gradients: which there are, in which order, and when each is taken.

All of them end in the same numbers up to rounding. What decides is the scenario and the model alone, never the number
of workers, so that a client's bits are the same everywhere.
"""

from fedsim.scenario.sections import Training
from fedsim.training.autograd import AutogradModel
from fedsim.training.client import Site
from fedsim.training.convnet import MOST_IMAGES, ConvolutionalModel
from fedsim.training.convnet_layout import plan_of
from fedsim.training.local_model import LocalModel
from fedsim.training.mlp import MOST_ROWS, LinearModel, network_of


def local_model(site: Site) -> LocalModel:
    """The model in the first of the backends that knows it, to be loaded for one client after another.

    1. linear layers with ReLU between them: compiled, all plain steps in one call
    2. small convolutions, then linear layers: compiled, images as the last axis
    3. any module of torch, by autograd
    """
    training = site.training
    net = network_of(site.kind) if _compiled(training) and training.batch_size <= MOST_ROWS else None
    if net is not None:
        return LinearModel(net)
    plan = plan_of(site.kind) if _compiled(training) and training.batch_size <= MOST_IMAGES else None
    if plan is not None:
        return ConvolutionalModel(site.kind, plan)
    return AutogradModel(site.kind, channels_last=training.kernel == "auto", smoothing=training.label_smoothing)


def _compiled(training: Training) -> bool:
    """Whether compiled arithmetic may be used: its loss is the plain cross-entropy."""
    return training.kernel == "auto" and not training.label_smoothing
