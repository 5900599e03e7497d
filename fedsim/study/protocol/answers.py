"""What is answered to each question of a reviewer, and the lines that would change the answer."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from fedsim.scenario.toml_values import bare, toml
from fedsim.study.protocol.subject import Subject

Verdict = Literal["holds", "finding", "not asked"]
Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mend:
    """Keys of one file that answer a question: what is set, and what is taken out first."""

    into: str  # the file that the lines belong to
    changes: Mapping[Keys, Any]  # keys from the top of that file -> what stands there afterwards
    takes_out: tuple[Keys, ...] = ()
    is_new: bool = False  # the lines are a whole new file

    @property
    def lines(self) -> str:
        """The changes in TOML: each key under the table that it belongs to, in the place of one that stands there."""
        tables: dict[Keys, list[str]] = {}
        for (*above, key), value in self.changes.items():
            tables.setdefault(tuple(above), []).append(f"{bare(key)} = {toml(value)}")
        blocks = [
            "\n".join([*([f"[{'.'.join(map(bare, above))}]"] if above else []), *lines])
            for above, lines in sorted(tables.items(), key=lambda item: len(item[0]) > 0)
        ]
        return "\n\n".join(blocks) + "\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a study says to one question."""

    name: str
    asks: str  # the question
    verdict: Verdict
    text: str  # what is the case
    mends: tuple[Mend, ...] = ()  # of a finding: one a file
    source: str = ""  # who asks it

    def as_record(self) -> dict[str, Any]:
        """The same for JSON."""
        record = asdict(self) | {"mends": []}
        for each in self.mends:
            out = [".".join(keys) for keys in each.takes_out]
            record["mends"].append({"into": each.into, "new": each.is_new, "take_out": out, "lines": each.lines})
        return record


@dataclass(frozen=True, slots=True)
class Review:
    """All answers of a scenario or a study."""

    source: str  # its file
    answers: tuple[Answer, ...]

    @property
    def findings(self) -> tuple[Answer, ...]:
        """What a reviewer would ask."""
        return tuple(each for each in self.answers if each.verdict == "finding")

    def as_record(self) -> dict[str, Any]:
        """The same for JSON."""
        return {"file": self.source, "findings": len(self.findings), "answers": [e.as_record() for e in self.answers]}


class Judged(NamedTuple):
    """What a check finds, and ways to mend it, the best first; some may turn out to be none."""

    verdict: Verdict
    text: str
    ways: Iterable[tuple[Mend, ...]] = ()


class Check(NamedTuple):
    """One question."""

    name: str
    asks: str
    judge: Callable[[Subject], Judged]
    source: str = ""
