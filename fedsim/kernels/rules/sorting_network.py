"""Sorting networks: fixed lists of compare-exchanges that sort any n values, the same for every column."""

from functools import cache
from typing import NamedTuple


class Exchange(NamedTuple):
    """Put the lesser of two places into `low` and the greater into `high`, where somebody reads it."""

    low: int
    high: int
    low_read: bool = True
    high_read: bool = True


@cache
def selection(n: int, first: int, last: int, sorted_size: int = 1) -> tuple[Exchange, ...]:
    """Batcher's network for n values, without what the ranks first … last − 1 do not depend on.

    Neighbours in groups of `sorted_size`, a power of two, are in order already: that part of the network is left out.
    """
    read, kept = set(range(first, last)), []
    for low, high in reversed(_odd_even_merge_sort(n, sorted_size)):
        if low in read or high in read:
            kept.append(Exchange(low, high, low in read, high in read))
            read |= {low, high}
    return tuple(reversed(kept))


def _odd_even_merge_sort(n: int, size: int) -> list[tuple[int, int]]:
    """Batcher's network for the next power of two; what would compare with the missing, infinite values is left out."""
    pairs = []
    while size < n:
        step = size
        while step:
            for start in range(step % size, n - step, 2 * step):
                places = range(start, min(start + step, n - step))
                pairs += [(k, k + step) for k in places if k // (2 * size) == (k + step) // (2 * size)]
            step //= 2
        size *= 2
    return pairs


def halvings(first: int, last: int) -> list[tuple[int, int]]:
    """Additions (into, from) that leave the sum of places first … last − 1 in the first: halves upon halves.

    Rounding errors grow with the logarithm of the number of terms, where one running sum's grow with the number.
    """
    additions, count = [], last - first
    while count > 1:
        half = (count + 1) // 2
        additions += [(first + k, first + half + k) for k in range(count - half)]
        count = half
    return additions
