"""A part of a number of things is a part of the number as a person writes it."""

from decimal import Decimal

import pytest
from hypothesis import given, strategies

from fedsim.exact_fractions import portion


@pytest.mark.parametrize(
    ("share", "of", "part"), [(0.29, 100, 29), (0.57, 100, 57), (0.58, 100, 58), (0.07, 100, 7), (1e-05, 10**5, 1)]
)
def test_products_that_are_whole_are_whole(share, of, part):
    assert int(portion(share, of)) == round(portion(share, of)) == part


def test_halves_are_halves_however_the_binary_number_lies():
    assert round(portion(0.575, 100)) == 58  # 57.5, where 0.575 * 100 is 57.49999999999999
    assert round(portion(0.145, 100)) == 14  # 14.5


@given(strategies.integers(0, 10**6), strategies.integers(0, 10**9))
def test_every_decimal_of_six_digits(millionths, of):
    assert portion(millionths / 10**6, of) == Decimal(millionths).scaleb(-6) * of
