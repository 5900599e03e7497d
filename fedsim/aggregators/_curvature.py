"""Products with an estimated Hessian, by L-BFGS in its compact form."""

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array
from fedsim.kernels import weighted_sum
from fedsim.kernels.rules.directions import directions


def hessian_product(steps: Array, changes: Array, direction: Array) -> Array:
    """(k, d) steps S, (k, d) changes Y of the gradient over them, (d,) v -> (d,): Ĥv, with Ĥ made of the k pairs.

    With σ = ⟨s, y⟩/⟨s, s⟩ of the last pair, D and L the diagonal and what is left of it in SYᵀ, and p the solution of
    [[σSSᵀ, L], [Lᵀ, −D]] p = (σSv, Yv): Ĥv = σv − σSᵀp₁ − Yᵀp₂. Changes of sign in Y change that of the product.
    """
    k, stack = len(steps), np.concatenate([steps, changes, direction[None]])
    found = directions(stack)
    products = found.products * (found.units * found.units[:, None])
    among, across = products[:k, :k], products[:k, k : 2 * k]
    if not among[-1, -1] > 0:
        return np.zeros_like(direction)
    sigma = across[-1, -1] / among[-1, -1]
    lower = np.tril(across, -1)
    system = np.block([[sigma * among, lower], [lower.T, -np.diag(across.diagonal())]])
    sides = np.concatenate([sigma * products[:k, -1], products[k : 2 * k, -1]])
    solved: NDArray[np.float64] = np.linalg.lstsq(system, sides)[0]
    return weighted_sum(np.concatenate([-sigma * solved[:k], -solved[k:], [sigma]]), stack)
