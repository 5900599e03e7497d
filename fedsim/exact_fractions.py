"""Parts of a number of things, computed with the fraction as it is written: 0.29 of 100 is 29.

The binary number nearest to 0.29 lies below it, and its product with 100 below 29.
"""

from collections.abc import Sequence
from fractions import Fraction


def portion(share: float, of: int) -> Fraction:
    """share · of, exact in decimals; for `int` to cut and `round` to round."""
    return Fraction(repr(float(share))) * of


def apportioned(seats: int, sizes: Sequence[int]) -> list[int]:
    """So many seats among groups of these sizes, in proportion: whole shares first, the rest to the largest remainders.

    Of equal remainders the first group's comes first. With no more seats than members no group gets more than it has.
    """
    shares = [Fraction(seats * size, sum(sizes)) for size in sizes]
    counts = [int(share) for share in shares]
    order = sorted(range(len(sizes)), key=lambda place: counts[place] - shares[place])
    for place in order[: seats - sum(counts)]:
        counts[place] += 1
    return counts
