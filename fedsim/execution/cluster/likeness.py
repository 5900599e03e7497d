"""Whether the machines of a cluster would make the same numbers: their code, their libraries and their processors."""

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from fedsim.code_files import fedsim_files
from fedsim.provenance import host, versions

MUST_AGREE = ("fedsim-byzantine", "torch", "torchvision", "numpy", "scipy", "distributed")
MOST_NAMED = 3
"""Workers, or files, that one message names."""
About = Mapping[str, Any]


@cache
def about() -> dict[str, Any]:
    """What this process is, as far as a number may depend on it."""
    found = versions() | {"distributed": version("distributed")}
    libraries = {name: found[name] for name in MUST_AGREE}
    python = ".".join(platform.python_version_tuple()[:2])
    code = hashlib.sha256(json.dumps(fedsim_files(), sort_keys=True).encode()).hexdigest()[:16]
    return {"python": python, **libraries, "code": code, "processor": host()["processor"], "machine": platform.node()}


@cache
def likeness() -> str:
    """What must be the same in every process of a run, in few letters."""
    here = about()
    return json.dumps([here[name] for name in ("python", *MUST_AGREE, "code")])


def differences(there: Any, files: Mapping[str, str] | None = None) -> str:
    """What keeps a worker from making the same numbers, in words; nothing where it is alike.

    `there` is what it says of itself, or what asking it raised; `files` its copy of fedsim, where that is another one.
    """
    here = about()
    if isinstance(there, BaseException):
        return f"no fedsim that knows clusters ({type(there).__name__}: {there})"
    found = [
        f"{name.removesuffix('-byzantine')} {there.get(name)} (here {here[name]})"
        for name in ("python", *MUST_AGREE)
        if there.get(name) != here[name]
    ]
    if not found and there.get("code") != here["code"]:
        found = [f"other code of fedsim{_changed(files or {})}"]
    return ", ".join(found)


def _changed(files: Mapping[str, str]) -> str:
    own = fedsim_files()
    names = [name for name in sorted({*own, *files}) if own.get(name) != files.get(name)] if files else []
    return f": {_some(names)} differ{'s' * (len(names) == 1)}" if names else ""


def refusal(found: Mapping[str, str]) -> str:
    """One message on the workers that cannot take part: their addresses, and what is wrong with each."""
    told = [f"worker {address} has {words}" for address, words in found.items()]
    return f"{_some(told, '; ')}: install the same on every worker"


def _some(words: list[str], between: str = ", ") -> str:
    more = f" and {len(words) - MOST_NAMED} more" if len(words) > MOST_NAMED else ""
    return between.join(words[:MOST_NAMED]) + more


def unlike(workers: Iterable[About]) -> str:
    """A note where processors differ among the workers or from this one; nothing where they are one kind."""
    kinds = kinds_of(workers)
    if len({*kinds, about()["processor"]}) <= 1:
        return ""
    told = ", ".join(f"{count} × {kind}" for kind, count in kinds.items())
    return (
        f"processors of several kinds ({told}; here {about()['processor']}): the last bits of a result may depend on "
        "which worker did what"
    )


def crowded(threads: Mapping[str, int]) -> Iterator[str]:
    """A note where processes have several threads, which get into each other's way."""
    most = max(threads.values(), default=1)
    if most > 1:
        yield f"workers have up to {most} threads in one process; `dask worker --nworkers N --nthreads 1` is faster"


def kinds_of(workers: Iterable[About]) -> dict[str, int]:
    """How many workers have which processor."""
    return dict(Counter(str(each["processor"]) for each in workers))
