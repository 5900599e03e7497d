"""Every way in which fedsim says no.

    FedsimError
    ├── ScenarioError        the scenario is wrong: all its problems at once       exit code 2
    ├── UnknownName          a name that no registry knows, with the nearest ones  exit code 2
    ├── PluginFailed         own code that is missing or fails to load             exit code 2
    ├── DataUnavailable      files that are missing, corrupt or out of reach       exit code 1
    ├── RunFailed            a run that began and could not go on                  exit code 1
    │   ├── ClientFailed     ... because the work of these clients raised or died
    │   └── StorageFailed    ... because the disk did not take a file
    └── ResultsConflict      a results folder that is taken, locked or broken      exit code 1
        └── FolderInUse      ... because another run holds it at this moment

The terminal catches `FedsimError` and nothing wider. `RowsDoNotSuffice` is no failure and no member of the tree: a rule
raises it where this round's rows are too few for it, and the round is skipped. `WrongSetting` is what a dataset raises
where a setting does not suit its files: it becomes a `ScenarioError`. `NotRegistrable` is a TypeError that a
decorator raises where it stands.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


class FedsimError(Exception):
    """The root of the tree: a message that a person can act on."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a scenario: where, what, and what would be right."""

    path: tuple[str | int, ...]  # keys from the top of the scenario, e.g. ("attacks", 0, "fraction")
    message: str  # what is wrong and what would be valid, one line
    value: object = None  # the offending value; None where a key is missing
    line: int | None = None  # of the file, counted from 1, where it is known
    column: int | None = None  # first column of the offending text, counted from 1
    width: int = 1  # characters to underline
    origin: str = ""  # the override that it comes from, as it was given; then it stands in no line of the file

    @property
    def where(self) -> str:
        """The path as a person writes it: `attacks[0].fraction`."""
        text = ""
        for part in self.path:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text or "scenario"


class ScenarioError(FedsimError):
    """A scenario that cannot run, with every problem found in it."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem], source: str = "scenario", text: str = "") -> None:
        self.problems = tuple(problems)
        self.source = source  # the file's name, or a word for a scenario that came from no file
        self.text = text  # the file's text, for showing the lines
        super().__init__(str(self))

    def __str__(self) -> str:
        count = len(self.problems)
        lines = [f"{self.source}: {count} problem{'s' if count != 1 else ''}"]
        lines += [f"  {each.where}: {each.message}{_from(each)}" for each in self.problems]
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.problems, self.source, self.text)


def _from(problem: Problem) -> str:
    return f" (from the override {problem.origin})" if problem.origin else ""


class UnknownName(FedsimError, LookupError):
    """A name that is not in a registry."""

    exit_code = 2

    def __init__(self, noun: str, name: str, known: Iterable[str], hint: str = "") -> None:
        self.noun, self.name, self.known, self.hint = noun, name, tuple(known), hint
        super().__init__(
            f"unknown {noun} `{_on_one_line(name)}`{did_you_mean(name, self.known)}{f' ({hint})' if hint else ''}"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.noun, self.name, self.known, self.hint)


class PluginFailed(FedsimError):
    """Own code that is not there, cannot be loaded, or is refused; the message names the file and the line."""

    exit_code = 2


class NotRegistrable(TypeError):
    """A function that cannot be registered: its signature, or its name, does not allow it."""


class DataUnavailable(FedsimError):
    """Data that is missing, damaged or out of reach; the message names the folder to fill."""


class WrongSetting(ValueError):
    """A setting of a dataset does not suit its files; it is told as a problem of the scenario."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.key, str(self))


class RunFailed(FedsimError):
    """A run that began and could not go on."""


class RowsDoNotSuffice(ValueError):
    """A rule cannot be applied to these rows: the round changes nothing and says why, and the run goes on.

    Every other exception of an algorithm ends the run.
    """


class SearchGivenUp(RowsDoNotSuffice):
    """An exact search that these rows made too long; others of the same number may be searched in no time."""


class ClientFailed(RunFailed):
    """The local work of these clients raised, or the process doing it died."""

    def __init__(self, round: int, clients: Sequence[int], reason: str) -> None:
        self.round, self.clients, self.reason = round, tuple(clients), reason
        super().__init__(f"round {round}, clients {', '.join(map(str, self.clients))}: {reason}")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.round, self.clients, self.reason)


class StorageFailed(RunFailed):
    """The disk did not take a file: full, read-only, or gone."""


class ResultsConflict(FedsimError):
    """A results folder that holds something else, is in use, or is damaged."""


class FolderInUse(ResultsConflict):
    """A results folder that another run holds at this moment."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` with the nearest known word, or nothing when none is near."""
    nearest = get_close_matches(word, list(known), n=1, cutoff=0.55)
    return f"; did you mean `{nearest[0]}`?" if nearest else ""


def _on_one_line(name: str) -> str:
    return name if name.isprintable() else repr(name)[1:-1]
