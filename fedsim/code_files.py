"""The files that fedsim is made of, by their digests: what tells one copy of it from another."""

import hashlib
from functools import cache

from fedsim.signatures import HOUSE


@cache
def fedsim_files() -> dict[str, str]:
    """The digest of each of fedsim's files, as they were when it was first asked for."""
    found = sorted(path for path in HOUSE.rglob("*.py"))
    return {path.relative_to(HOUSE.parent).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
