"""The server's step.

It is taken by what is trained. Buffers, such as the running statistics of batch normalisation, are estimates and no
direction of descent: a rate or a momentum would carry them past what any client saw, so they take the aggregate itself.
"""

from typing import NamedTuple

import numpy as np

from fedsim.array_types import Array
from fedsim.scenario.sections import Server
from fedsim.training.flat import Layout

DIVERGED = "the server's step leads to numbers that are not finite: the parameters stay (a smaller server.lr may help)"


class Step(NamedTuple):
    """What the server holds after a round."""

    parameters: Array  # (d,)
    velocity: Array  # (d,) server momentum


def server_step(parameters: Array, velocity: Array, aggregate: Array, server: Server, layout: Layout) -> Step:
    """v ← βv + aggregate; parameters ← parameters + lr·v, all (d,); inputs are left alone.

    For buffers v ← aggregate and lr = 1; a running variance that the aggregate would bring below zero is zero.
    """
    velocity = server.momentum * velocity + aggregate if server.momentum else aggregate
    step = velocity if server.lr == 1.0 else parameters.dtype.type(server.lr) * velocity
    if layout.trained < len(parameters):
        buffers = aggregate[layout.trained :]
        velocity, step = (np.concatenate([each[: layout.trained], buffers]) for each in (velocity, step))
    return Step(layout.mend(parameters + step), velocity)
