"""Networks of linear layers only; several clients of these are trained in one product."""

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le

from fedsim.models.contract import model

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]


@model("logistic", kinds=("images", "features"))
def logistic(shape: Shape, classes: int) -> "nn.Module":
    """Multinomial logistic regression: one linear layer from pixels or features to classes.

    Formula:
        logits = W x + b
    Cost:
        7,850 parameters on 28×28 and 10 classes.
    """
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), classes))


@model("mlp", kinds=("images", "features"))
def mlp(
    shape: Shape,
    classes: int,
    *,
    hidden: Annotated[int, Ge(1), Le(65_536), "units in each hidden layer"] = 128,
    layers: Annotated[int, Ge(1), Le(64), "hidden layers"] = 1,
) -> "nn.Module":
    """A multilayer perceptron with ReLU.

    Formula:
        logits = W_{L+1} relu(W_L … relu(W_1 x + b_1) … ) + b_{L+1}
    Cost:
        101,770 parameters with one hidden layer of 128 on 28×28 and 10 classes.
    """
    from torch import nn

    sizes = [prod(shape), *[hidden] * layers]
    stack = [part for i, o in pairwise(sizes) for part in (nn.Linear(i, o), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *stack, nn.Linear(hidden, classes))
