"""Signatures are those of ssh-keygen: who signed, and that nobody else's passes for theirs."""

import shutil
import subprocess

import pytest

import fedsim
from fedsim.errors import ResultsConflict
from fedsim.proof import signature
from tests.small_runs import run_in, scenario

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signed")
    run_in(folder / "mine", scenario(rest=""))
    for name in ("alice", "mallory"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "allowed").write_text(f"alice@example.org {(folder / 'alice.pub').read_text()}")
    fedsim.pack(folder / "mine", folder / "by_alice.zip", key=folder / "alice")
    fedsim.pack(folder / "mine", folder / "by_mallory.zip", key=folder / "mallory")
    return folder


def test_who_signed_is_told_as_far_as_it_is_known(room):
    signer = fedsim.verify_archive(room / "by_alice.zip", spot=1, allowed_signers=room / "allowed").signer
    assert signer.name == "alice@example.org"
    assert signer.key.startswith("ED25519 SHA256:")
    assert fedsim.verify_archive(room / "by_mallory.zip", spot=1).signer.name == ""


def test_a_signature_changes_nothing_else(room):
    plain = fedsim.pack(room / "mine", room / "plain.zip")
    assert fedsim.verify_archive(room / "by_alice.zip", spot=1).manifest == plain.manifest


def test_others_are_refused(room):
    with pytest.raises(ResultsConflict, match=r"signed by ED25519 \S+, who is none of the allowed signers in"):
        fedsim.verify_archive(room / "by_mallory.zip", allowed_signers=room / "allowed")
    fedsim.pack(room / "mine", room / "unsigned.zip")
    with pytest.raises(ResultsConflict, match=r"unsigned.zip is not signed by anybody"):
        fedsim.verify_archive(room / "unsigned.zip", allowed_signers=room / "allowed")
    with pytest.raises(ResultsConflict, match="is no file of allowed signers: there is no such file"):
        fedsim.verify_archive(room / "by_alice.zip", allowed_signers=room / "nowhere")


def test_a_signature_of_other_bytes_is_none():
    with pytest.raises(ResultsConflict, match="the signature does not fit: "):
        signature.check_signature(b"other", b"no signature", None)


def test_a_signature_is_of_these_bytes_alone(room):
    signed = signature.sign(b"these", room / "alice")
    assert signature.check_signature(b"these", signed, room / "allowed").name == "alice@example.org"
    with pytest.raises(ResultsConflict, match="the signature does not fit"):
        signature.check_signature(b"those", signed, room / "allowed")


def test_keys_that_cannot_sign(room, monkeypatch):
    with pytest.raises(ResultsConflict, match=r"is no key: there is no such file; ssh-keygen -t ed25519"):
        signature.sign(b"", room / "nobody")
    with pytest.raises(ResultsConflict, match="cannot sign: "):
        signature.sign(b"", room / "allowed")
    monkeypatch.setattr(signature.shutil, "which", lambda _: None)
    with pytest.raises(ResultsConflict, match="ssh-keygen is not installed"):
        signature.sign(b"", room / "alice")
