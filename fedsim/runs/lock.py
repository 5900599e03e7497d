"""A results folder held by one process at a time."""

import fcntl
import os
from pathlib import Path

from fedsim.atomic_files import storing
from fedsim.errors import FolderInUse


def lock_folder(path: Path) -> int:
    """An advisory lock on the folder itself: it leaves no file, and the system drops it with the process."""
    with storing(path):
        descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise FolderInUse(f"{path} is in use by another run; wait for it, or choose another --out") from None
    return descriptor


def is_locked(path: Path) -> bool:
    """Whether some process holds the folder, found without touching its lock; True where the system does not say."""
    try:
        wanted = str(path.stat().st_ino)
        held = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return True
    return any(wanted == part.rpartition(":")[2] for line in held if "FLOCK" in line for part in line.split()[5:6])
