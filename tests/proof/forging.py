"""Records that lie: a number changed, and everything that follows from it made anew."""

import json
import shutil
import zipfile

from fedsim.proof.archive import MANIFEST, Manifest, member, write_archive
from fedsim.runs.event_json import built
from fedsim.runs.folder import table_lines
from fedsim.runs.reading import events_of


def forge_norm(folder, round):
    """Make the aggregate of a round half as long again, in the events and in the table."""
    path = folder / "events.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if '"Aggregated"' in line and f'"round":{round},' in line)
    event = json.loads(lines[place])
    event["norm"] *= 1.5
    lines[place] = json.dumps(event, separators=(",", ":"), ensure_ascii=False) + "\n"
    path.write_text("".join(lines))
    (folder / "metrics.csv").write_bytes(b"".join(table_lines(events_of(folder))))


def repacked(archive, target, change, beside):
    """An archive with its content changed, and a manifest that fits again; whoever wants to lie can do as much."""
    shutil.rmtree(beside, ignore_errors=True)
    with zipfile.ZipFile(archive) as opened:
        manifest = built(Manifest, json.loads(opened.read(MANIFEST)))
        opened.extractall(beside, [each.name for each in manifest.files])
    change(beside)
    names = [each.name for each in manifest.files]
    files = tuple(member(name, beside / name) for name in names)
    changed = Manifest(**{**vars(manifest), "files": files})
    write_archive(target, changed, {name: beside / name for name in names})
    return target
