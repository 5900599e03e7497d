"""Files from elsewhere: found where they may lie already, or fetched, verified and put in place whole."""

import hashlib
import os
import tempfile
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO

from fedsim.array_types import Progress
from fedsim.errors import DataUnavailable

CHUNK = 1 << 18
PATIENCE = 20.0  # seconds without an answer
MOST_BYTES = 2**30  # bytes of the largest file fetched; the largest known holds 0.56 · 10⁹


@dataclass(frozen=True)
class Remote:
    """One file on the network."""

    name: str
    md5: str  # as its publishers or torchvision give it
    urls: tuple[str, ...]  # tried in turn


def fetch(remotes: Sequence[Remote], folder: Path, progress: Progress) -> None:
    """Fill the folder with these files; one DataUnavailable says how to fill it by hand when that fails."""
    failures: list[str] = []
    for remote in remotes:
        if not (folder / remote.name).is_file():
            failures += _fetch_one(remote, folder, progress)
            if failures:
                break
    if failures:
        names = ", ".join(remote.name for remote in remotes)
        raise DataUnavailable(f"cannot fetch the data ({'; '.join(failures)}): put {names} into {folder}")


def _fetch_one(remote: Remote, folder: Path, progress: Progress) -> list[str]:
    """Reasons why no address served the file; none when one did."""
    failures: list[str] = []
    for url in remote.urls:
        try:
            _download(url, remote, folder, progress)
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            failures.append(f"{url}: {reason}")
        else:
            return []
    return failures


def _download(url: str, remote: Remote, folder: Path, progress: Progress) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".fetching-")
    try:
        with os.fdopen(descriptor, "wb") as file, open_url(url) as response:
            found = _copy(response, file, f"fetching {remote.name}", progress)
            os.fsync(file.fileno())
        if found != remote.md5:
            raise ValueError(f"its checksum is {found}, not {remote.md5}")
        Path(name).replace(folder / remote.name)
    finally:
        Path(name).unlink(missing_ok=True)


def _copy(response: Any, file: BinaryIO, what: str, progress: Progress) -> str:
    """Write what the server sends; its checksum."""
    digest, done = hashlib.md5(usedforsecurity=False), 0
    total = int(response.headers.get("Content-Length") or 0)
    while chunk := response.read(CHUNK):
        digest.update(chunk)
        file.write(chunk)
        done += len(chunk)
        if done > MOST_BYTES:
            raise ValueError(f"it sends more than {MOST_BYTES} bytes")
        progress(what, done, max(total, done))
    file.flush()
    return digest.hexdigest()


def open_url(url: str) -> Any:
    """The response of a server; the one door to the network."""
    request = urllib.request.Request(url, headers={"User-Agent": "fedsim"})  # noqa: S310 - addresses of our own
    return urllib.request.urlopen(request, timeout=PATIENCE)  # noqa: S310
