"""The sections of a scenario that say how is learnt: a client's work of one round, and the server's step."""

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

from fedsim.scenario.choices import Choice, In, section


@section
class Training:
    """The work of one client in one round."""

    algorithm: Annotated[Choice, In("local_algorithms")] = Choice("fedavg")
    """What a client does between receiving and sending."""
    epochs: Annotated[int, Ge(1), Le(10**6)] | Annotated[Choice, In("workloads")] = 1
    """Passes over the client's own examples, or a law that gives each client a number; ignored when steps is given."""
    steps: Annotated[int, Ge(1), Le(10**9)] | None = None
    """Optimizer steps in place of whole epochs; passes over the examples go on from round to round."""
    batch_size: Annotated[int, Ge(1), Le(10**7)] = 32
    """Examples a step; fedsgd takes the client's whole data when this is larger."""
    drop_last: bool = False
    """Whether a last batch that is short is left out; a client with less than one batch keeps it all the same."""
    optimizer: Annotated[Choice, In("optimizers")] = Choice("sgd")
    """The local optimizer; its memory starts empty in each round."""
    schedule: Annotated[Choice, In("schedules")] = Choice("constant")
    """By what the optimizer's rate is multiplied, round by round."""
    warmup: Annotated[int, Ge(0), Le(10**7)] = 0
    """Rounds at the beginning in which the optimizer's rate rises linearly to its full value."""
    clip_norm: Annotated[float, Gt(0), Le(1e12)] | None = None
    """Longest gradient of a step: one of greater Euclidean norm is shortened to it; when not given none is."""
    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Share of each target that is spread evenly over all classes."""
    worker_momentum: Annotated[float, Ge(0), Lt(1)] = 0.0
    """β of the momentum each client keeps between rounds over what it sends, m ← βm + (1−β)·update; 0 means none."""
    kernel: Literal["auto", "loop"] = "auto"
    """auto: the fastest exact way for the model at hand; loop: one client at a time in torch's default layout."""


@section
class Server:
    """What the server does with the aggregate."""

    lr: Annotated[float, Gt(0), Le(1e6)] = 1.0
    """Server learning rate: parameters += lr × what the optimizer makes of the aggregate."""
    optimizer: Annotated[Choice, In("server_optimizers")] = Choice("sgd", {"momentum": 0.0, "weight_decay": 0.0})
    """What the server makes of the aggregate; its memory lasts for the whole run."""
    schedule: Annotated[Choice, In("schedules")] = Choice("constant")
    """By what the server's rate is multiplied, round by round."""
    warmup: Annotated[int, Ge(0), Le(10**7)] = 0
    """Rounds at the beginning in which the server's rate rises linearly to its full value."""
