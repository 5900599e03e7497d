"""Values as a scenario file would say them."""

import json
from collections.abc import Mapping
from typing import Any

NOTHING = "–"
"""What stands where there is no value."""


def toml(value: Any) -> str:
    """A value as a scenario file would say it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{bare(key)} = {toml(item)}' for key, item in value.items())} }}"
    return NOTHING if value is None else repr(value)


def bare(key: str) -> str:
    """A key as a scenario file would write it: in quotes where it is no plain word."""
    plain = key and all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in key)
    return key if plain else toml(key)
