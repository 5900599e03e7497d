"""Parts of a number of things, computed with the fraction as it is written: 0.29 of 100 is 29.

The binary number nearest to 0.29 lies below it, and its product with 100 below 29.
"""

from fractions import Fraction


def portion(share: float, of: int) -> Fraction:
    """share · of, exact in decimals; for `int` to cut and `round` to round."""
    return Fraction(repr(float(share))) * of
