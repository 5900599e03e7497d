"""What sections of a scenario are made of: choices of algorithms by name, and the decorator of a section."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import GetCoreSchemaHandler
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic_core import CoreSchema, core_schema
from typing_extensions import dataclass_transform

from fedsim.scenario.validation import STRICT


@dataclass(frozen=True)
class Choice:
    """An algorithm chosen by name, with all its settings."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class In:
    """Marks a field as a choice from a family; `flat` lets its settings stand beside the section's own keys."""

    family: str
    flat: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The composer has already turned tables into choices."""
        choice = core_schema.is_instance_schema(Choice)
        return core_schema.nullable_schema(choice) if type(None) in get_args(source) else choice

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """Any table: `fedsim.scenario.json_schema` writes the family's own tables in its place."""
        return {"type": "object"}


@dataclass_transform(frozen_default=True, kw_only_default=True)
def section(cls: type) -> Any:
    """A part of a scenario: frozen, strict, keys documented by the sentence under them."""
    return pydantic_dataclass(frozen=True, kw_only=True, config=STRICT)(cls)
