"""Numbers of bytes in words."""

UNITS = ("B", "kB", "MB", "GB", "TB")
THOUSAND = 1000.0
WHOLE = 2
"""Units that are told in whole numbers."""


def in_words(count: float) -> str:
    """`812 B`, `12 kB`, `3.4 MB`, `1.2 GB`."""
    place = 0
    while place < len(UNITS) - 1 and float(f"{count:.0f}" if place < WHOLE else f"{count:.1f}") >= THOUSAND:
        count, place = count / THOUSAND, place + 1
    return f"{count:.{0 if place < WHOLE else 1}f} {UNITS[place]}"
