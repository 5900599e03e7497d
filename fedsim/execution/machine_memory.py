"""How much memory this process may still take: of the machine, or of the container that it runs in."""

from pathlib import Path

SYSTEM = Path("/proc/meminfo")
GROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
UNLIMITED = 1 << 60
"""Bytes from which a limit is none: the older groups have no word for it."""


def free_memory() -> int | None:
    """Bytes that can be had without swapping; None where the system does not tell."""
    known = [size for size in (_of_machine(), *_of_groups()) if size is not None]
    return min(known) if known else None


def _of_machine() -> int | None:
    try:
        lines = SYSTEM.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = [line.split() for line in lines if line.startswith("MemAvailable:")]
    return int(found[0][1]) * 1024 if found else None


def _of_groups() -> list[int | None]:
    """What each group of this process leaves, from its own up to the root: a limit holds for all below it."""
    names = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
    return [_left(folder / limit, folder / used) for folder in _groups() for limit, used in names]


def _groups() -> list[Path]:
    """The folders of this process's groups, in the older hierarchy of memory and in the only one of today."""
    try:
        lines = MEMBERSHIP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for _, kinds, path in (line.split(":", 2) for line in lines if line.count(":") > 1):
        if kinds and "memory" not in kinds.split(","):
            continue
        root = GROUPS / "memory" if kinds else GROUPS
        own = root / path.lstrip("/")
        found += [own, *(above for above in own.parents if above == root or root in above.parents)]
    return found


def _left(limit: Path, used: Path) -> int | None:
    """The group's limit less what is used of it; what is only cached of files can be had, too."""
    most, taken = _number(limit), _number(used)
    if most is None or taken is None or most >= UNLIMITED:
        return None
    return max(0, most - taken + _cached(limit.parent / "memory.stat"))


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # "max" is a limit, too
        return None


def _cached(path: Path) -> int:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    named = dict(line.split(maxsplit=1) for line in lines if line.count(" ") == 1)
    return int(named.get("inactive_file", named.get("total_inactive_file", 0)))
