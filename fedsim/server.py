"""The server's step."""

from typing import NamedTuple

from fedsim.arrays import Array
from fedsim.scenario import Server


class Step(NamedTuple):
    """What the server holds after a round."""

    parameters: Array  # (d,)
    velocity: Array  # (d,) server momentum


def server_step(parameters: Array, velocity: Array, aggregate: Array, server: Server) -> Step:
    """v ← βv + aggregate; parameters ← parameters + lr·v, all (d,); inputs are left alone."""
    velocity = server.momentum * velocity + aggregate if server.momentum else aggregate
    step = velocity if server.lr == 1.0 else parameters.dtype.type(server.lr) * velocity
    return Step(parameters + step, velocity)
