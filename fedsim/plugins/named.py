"""One thing in a file or a module, named where an algorithm is: `"./net.py:Net"`, `"torchvision.models:resnet18"`."""

import inspect
import re
import sys
from typing import TYPE_CHECKING, Any

from fedsim.errors import PluginFailed, did_you_mean
from fedsim.plugins.callables import adapted
from fedsim.plugins.failures import failing
from fedsim.plugins.load import Plugin, load_module
from fedsim.signatures import source_file

if TYPE_CHECKING:
    from fedsim.registry import Entry, Registry

ADDRESS = re.compile(r"[^:\n]+:[A-Za-z_]\w*")


def is_address(name: str) -> bool:
    """Whether a name says where to look."""
    return ADDRESS.fullmatch(name) is not None


def named(registry: "Registry", name: str) -> "Entry":
    """The entry of a thing by its address, made when it is first asked for; PluginFailed where it cannot be one."""
    asked, _, attribute = name.rpartition(":")
    plugin = load_module(asked)
    thing = _attribute(plugin, attribute)
    known = registry.own().get(name)
    if known is not None and _is_of(known, thing):
        return known
    if known is not None and known.file != source_file(thing):
        raise PluginFailed(
            f"`{name}` means two files: {known.file} and {source_file(thing)}; give one of them another name"
        )
    for other in _registries():
        for entry in other.own().values():
            if _is_of(entry, thing):
                return registry.alias(name, entry) if other is registry else _wrong_family(name, other, registry)
    with failing(asked, [plugin.file]):
        registry.adopt(name, adapted(registry, name, thing))
    return registry.own()[name]


def named_anywhere(name: str) -> "Entry":
    """The entry of a thing by its address alone: of the family that it is in, or of that which its parameters fit."""
    asked, _, attribute = name.rpartition(":")
    thing = _attribute(load_module(asked), attribute)
    known = [entry for each in _registries() for entry in each.own().values() if _is_of(entry, thing)]
    return known[0] if known else named(max(_registries(), key=lambda registry: _fit(registry, thing)), name)


def _fit(registry: "Registry", thing: Any) -> tuple[int, bool]:
    """How many parameters are items of a family; of equals the models come first."""
    items = {*registry.supplies, *registry.synonyms} - {"progress", "stream"}
    return sum(parameter in items for parameter in inspect.signature(thing).parameters), registry.family == "models"


def _attribute(plugin: Plugin, attribute: str) -> Any:
    module = sys.modules[plugin.module]
    if not hasattr(module, attribute):
        own = [name for name, thing in vars(module).items() if callable(thing) and not name.startswith("_")]
        defined = [name for name in own if getattr(getattr(module, name), "__module__", "") == module.__name__] or own
        nearest = did_you_mean(attribute, own) or (f"; it has {', '.join(defined[:12])}" if defined else "")
        raise PluginFailed(f"{plugin.asked} has no `{attribute}`{nearest}")
    thing = getattr(module, attribute)
    if not callable(thing):
        raise PluginFailed(f"{plugin.asked}:{attribute} is a {type(thing).__name__}, not a function or a class")
    return thing


def _is_of(entry: "Entry", thing: Any) -> bool:
    return entry.function is thing or inspect.unwrap(entry.function) is inspect.unwrap(thing)


def _registries() -> list["Registry"]:
    from fedsim.registry import registries

    return list(registries().values())


def _wrong_family(name: str, is_in: "Registry", wanted: "Registry") -> "Entry":
    raise PluginFailed(f"{name} is a {is_in.noun}, where a {wanted.noun} is wanted")
