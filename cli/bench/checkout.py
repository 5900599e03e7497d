"""The full benchmark: it stands beside the package in a checkout of the sources and is no part of what is installed."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import typer

CHECKOUT = Path(__file__).parents[2]


def beside(name: str) -> ModuleType:
    """A module of `benchmarks/`; typer.BadParameter where there is none to be found."""
    if not (CHECKOUT / "benchmarks" / f"{name}.py").is_file():
        message = (
            "the full benchmark is part of the sources, not of the installed package: "
            "take a checkout and run `make bench` there; `fedsim bench` alone measures this machine in a minute"
        )
        raise typer.BadParameter(message, param_hint="--full or --only")
    if str(CHECKOUT) not in sys.path:
        sys.path.insert(0, str(CHECKOUT))
    return import_module(f"benchmarks.{name}")
