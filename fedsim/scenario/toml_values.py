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
        return f"{{ {', '.join(f'{key} = {toml(item)}' for key, item in value.items())} }}"
    return NOTHING if value is None else repr(value)
