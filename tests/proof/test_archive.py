"""An archive may come from anybody: what no pack writes is refused before a byte of it reaches the disk."""

import json
import warnings
import zipfile

import pytest

from fedsim.errors import ResultsConflict
from fedsim.proof.archive import FORMAT, MANIFEST, Manifest, member, opened, write_archive

FILES = {"scenario.toml": b"rounds = 1\n", "cells/a/events.jsonl": b"{}\n" * 100}


def manifest_of(files, **changed):
    members = tuple(member(name, data) for name, data in files.items())
    return Manifest(**{"format": FORMAT, "kind": "run", "name": "it", "question": "", "runs": (), "needs": (),
                       "files": members} | changed)  # fmt: skip


def unpack(path, folder):
    folder.mkdir(exist_ok=True)
    with opened(path) as archive:
        archive.unpack(folder)
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


@pytest.fixture
def archive(tmp_path):
    write_archive(tmp_path / "it.zip", manifest_of(FILES), FILES)
    return tmp_path / "it.zip"


def test_what_was_packed_is_unpacked(archive, tmp_path):
    assert unpack(archive, tmp_path / "out") == FILES
    assert zipfile.ZipFile(archive).testzip() is None


def crafted(path, *entries):
    """A zip with these members, its manifest naming all of them."""
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr(MANIFEST, manifest_of({getattr(n, "filename", n): data for n, data in entries}).text())
        for name, data in entries:
            archive.writestr(name, data)
    return path


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


def packed_tight(name):
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


HOSTILE = {
    "up": [("../evil", b"x")],
    "up within": [("a/../../evil", b"x")],
    "absolute": [("/etc/evil", b"x")],
    "a drive": [("C:evil", b"x")],
    "backslashes": [("..\\evil", b"x")],
    "a control character": [("a\x1b[2Jb", b"x")],
    "nothing between": [("a//b", b"x")],
    "too long": [("a" * 300, b"x")],
    "a link": [(link("evil"), b"/etc/passwd")],
    "a folder": [("evil/", b"")],
    "compressed": [(packed_tight("bomb"), b"0" * 100_000)],
    "twice": [("evil", b"x"), ("evil", b"x")],
    "twice but for capitals": [("evil", b"x"), ("Evil", b"y")],
}


@pytest.mark.parametrize("why", HOSTILE)
def test_what_no_pack_writes_is_refused(tmp_path, why):
    path = crafted(tmp_path / "evil.zip", *HOSTILE[why])
    with pytest.raises(ResultsConflict, match="is no archive that fedsim pack has written"):
        unpack(path, tmp_path / "out")
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["evil.zip", "out"]


def test_a_file_where_another_needs_a_folder(tmp_path):
    with pytest.raises(fedsim_error()):
        unpack(crafted(tmp_path / "evil.zip", ("a", b"x"), ("a/b", b"y")), tmp_path / "out")


def fedsim_error():
    from fedsim.errors import FedsimError

    return FedsimError


def test_members_that_claim_more_bytes_than_the_archive_has(tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(MANIFEST, manifest_of({}).text())
        archive.writestr("bomb", b"x")
        archive.filelist[-1].file_size = archive.filelist[-1].compress_size = 2**31
    with pytest.raises(ResultsConflict, match="its members are larger than itself"):
        unpack(tmp_path / "evil.zip", tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{}", "manifest.json cannot be read: the fields are"),
        (b"not json", "manifest.json cannot be read"),
        (b"[" * 100_000, "manifest.json cannot be read"),
        (manifest_of({}, format=9).text(), "it is of format 9"),
        (json.dumps(json.loads(manifest_of({}).text())).encode(), "manifest.json is not written as it writes it"),
        (manifest_of(FILES).text(), r"was changed: cells/a/events.jsonl is missing"),
    ],
)
def test_a_manifest_that_is_none(tmp_path, text, words):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(MANIFEST, text)
    with pytest.raises(ResultsConflict, match=words):
        unpack(tmp_path / "evil.zip", tmp_path / "out")


def test_a_member_that_the_manifest_does_not_name(archive, tmp_path):
    with zipfile.ZipFile(archive, "a") as opened_again:
        opened_again.writestr("more.txt", b"x")
    with pytest.raises(ResultsConflict, match=r"was changed: more.txt is not named in its manifest"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 100])
def test_what_is_no_zip(tmp_path, content):
    (tmp_path / "no.zip").write_bytes(content)
    with pytest.raises(ResultsConflict, match="is no archive of fedsim"):
        unpack(tmp_path / "no.zip", tmp_path / "out")


def test_any_changed_or_missing_byte_is_told_or_changes_nothing(archive, tmp_path):
    data = archive.read_bytes()
    outcomes = set()
    for place in range(0, len(data), 3):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        (tmp_path / "changed.zip").write_bytes(changed)
        try:
            outcomes.add(unpack(tmp_path / "changed.zip", tmp_path / f"out-{place}") == FILES)
        except ResultsConflict as error:
            outcomes.add(str(error).startswith(str(tmp_path / "changed.zip")))
    for length in range(0, len(data), 97):
        (tmp_path / "cut.zip").write_bytes(data[:length])
        with pytest.raises(ResultsConflict):
            unpack(tmp_path / "cut.zip", tmp_path / "cut")
    assert outcomes == {True}
