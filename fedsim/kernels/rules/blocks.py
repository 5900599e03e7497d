"""How a wide matrix is walked: in blocks of columns that fit a core's cache.

The width depends on the number of rows alone, never on the machine: sums are formed block by block, so the
blocking is part of the result.
"""

from collections.abc import Iterator

BUDGET = 160_000  # entries a block may hold; 640 kB in float32
NARROWEST, WIDEST = 520, 5_000  # no powers of two: rows of a block would collide in the cache


def column_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices that cover the columns of a (rows, columns) matrix, each small enough for the cache."""
    width = block_width(rows)
    for start in range(0, columns, width):
        yield slice(start, min(start + width, columns))


def block_width(rows: int) -> int:
    """Columns in a block of this many rows."""
    width = min(max(BUDGET // rows, NARROWEST), WIDEST)
    return width - width % 8
