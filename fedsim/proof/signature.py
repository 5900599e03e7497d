"""Signatures of a packed proof, by the keys that people have for ssh: `ssh-keygen -Y` signs and checks.

What is signed is the manifest, which names every file of the archive by its SHA-256. Whose a key is, a file of allowed
signers says (`man ssh-keygen`: a line `alice@example.org ssh-ed25519 AAAA…`).
"""

import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from fedsim.clean_text import one_line
from fedsim.errors import ResultsConflict

NAMESPACE = "fedsim"
"""What a signature is for: one of a mail or a commit by the same key is none of an archive."""
GOOD_SIGNATURE = re.compile(rb'Good "fedsim" signature.* with (\S+) key (\S+)')
NOT_THERE = "ssh-keygen is not installed: signatures need OpenSSH 8.9 or newer"


class Signer(NamedTuple):
    """Who has signed an archive."""

    name: str  # of the file of allowed signers; empty where none was asked
    key: str  # `ED25519 SHA256:…`


def sign(data: bytes, key: Path) -> bytes:
    """The signature of these bytes by a private key, or by the agent's for a public one; it may ask for a password."""
    if not key.is_file():
        raise ResultsConflict(f"{key} is no key: there is no such file; ssh-keygen -t ed25519 -f {key} makes one")
    done = _ssh_keygen(["sign", "-f", str(key), "-n", NAMESPACE], data)
    if done.returncode or not done.stdout:
        raise ResultsConflict(f"{key} cannot sign: {_last(done.stderr)}")
    return done.stdout


def check_signature(data: bytes, signature: bytes, allowed: Path | None) -> Signer:
    """Who has signed these bytes; ResultsConflict where it is a signature of others, or of nobody who is allowed."""
    if allowed is not None and not allowed.is_file():
        raise ResultsConflict(f"{allowed} is no file of allowed signers: there is no such file")
    with TemporaryDirectory(prefix="fedsim-") as folder:
        file = Path(folder, "signature")
        file.write_bytes(signature)
        found = _ssh_keygen(["check-novalidate", "-n", NAMESPACE, "-s", str(file)], data)
        good = GOOD_SIGNATURE.search(found.stdout)
        if found.returncode or not good:
            raise ResultsConflict(f"the signature does not fit: {_last(found.stderr) or _last(found.stdout)}")
        key = b" ".join(good.groups()).decode(errors="replace")
        return Signer(_named(data, file, allowed, key) if allowed else "", key)


def _named(data: bytes, file: Path, allowed: Path, key: str) -> str:
    """The name that an allowed signer's key stands under."""
    who = _ssh_keygen(["find-principals", "-f", str(allowed), "-s", str(file)], b"")
    names = who.stdout.decode(errors="replace").splitlines()
    if who.returncode or not names:
        raise ResultsConflict(f"it is signed by {key}, who is none of the allowed signers in {allowed}")
    given = ["verify", "-f", str(allowed), "-I", names[0], "-n", NAMESPACE, "-s", str(file)]
    if (checked := _ssh_keygen(given, data)).returncode:
        raise ResultsConflict(f"{allowed} does not allow the signature of {names[0]}: {_last(checked.stderr)}")
    return names[0]


def _ssh_keygen(arguments: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise ResultsConflict(NOT_THERE)
    return subprocess.run([program, "-Y", *arguments], input=data, capture_output=True, check=False)  # noqa: S603


def _last(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return one_line(lines[-1]) if lines else ""
