"""What the type of a section's field says of it: a choice, a section that may be left out, or a list of either."""

import dataclasses
from collections.abc import Iterator
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from fedsim.scenario.choices import In


def hints_of(cls: Any) -> dict[str, Any]:
    """The fields of a section with their types."""
    return _hints(cls)


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


def choice_of(hint: Any) -> In | None:
    """The mark of a field that is a choice."""
    extras = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((extra for extra in extras if isinstance(extra, In)), None)


def member_of(hint: Any) -> Any:
    """The item type of a tuple field, be it optional, or the non-None member of another optional one."""
    arguments = [argument for argument in get_args(hint) if argument not in (type(None), Ellipsis)]
    if get_origin(hint) not in (tuple, Union, UnionType) or not arguments:
        return None
    return member_of(arguments[0]) if get_origin(arguments[0]) is tuple else arguments[0]


def choice_beside(hint: Any) -> In | None:
    """The mark of a field that is a plain value or a choice."""
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else ()
    return next((mark for member in members if (mark := choice_of(member)) is not None), None)


def section_of(hint: Any) -> type | None:
    """The section of a field that is one, whether or not it may be left out."""
    member = member_of(hint) if get_origin(hint) in (Union, UnionType) else hint
    return member if dataclasses.is_dataclass(member) and isinstance(member, type) else None


def marks_of(hint: Any) -> Iterator[In]:
    """The marks of all choices in a type."""
    if (mark := choice_of(hint)) is not None:
        yield mark
    for inner in get_args(hint):
        yield from marks_of(inner)
