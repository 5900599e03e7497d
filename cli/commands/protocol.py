"""`fedsim check --protocol`: what reviewers would ask of a study, and the lines that answer it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from cli.commands.check import problem_records
from cli.display.consoles import messages, show, show_json, width
from cli.display.errors import show_failure
from cli.display.formatting import plural
from cli.display.layout import labelled
from fedsim.errors import ScenarioError
from fedsim.study.protocol.answers import Answer, Mend, Review
from fedsim.study.protocol.review import review

LABEL = 16
SIGNS = {"holds": ("✓", "green"), "finding": ("✗", "bold yellow"), "not asked": ("–", "dim")}


def ask_all(paths: Sequence[Path], as_json: bool, strict: bool) -> int:
    """Every file's answers shown; 2 where one is wrong, 1 where a question is open and that is asked for."""
    found = [_asked(path) for path in paths]
    if as_json:
        show_json([_record(path, each) for path, each in zip(paths, found, strict=True)])
    for each in () if as_json else found:
        if isinstance(each, ScenarioError):
            show_failure(messages(), each)
            messages().print("")
        else:
            show([*lines(each, width()), Text("")])
    if any(isinstance(each, ScenarioError) for each in found):
        return ScenarioError.exit_code
    return int(strict and any(each.findings for each in found if isinstance(each, Review)))


def _asked(path: Path) -> Review | ScenarioError:
    try:
        return review(path)
    except ScenarioError as error:
        return error


def _record(path: Path, found: Review | ScenarioError) -> dict[str, Any]:
    if isinstance(found, ScenarioError):
        return {"file": str(path), "valid": False, "problems": problem_records(found)}
    return {"valid": True, **found.as_record()}


def lines(found: Review, width: int) -> Iterator[Text]:
    """The checklist, then what would answer the open questions."""
    count = len(found.findings)
    head = f"{plural(count, 'question')} of {len(found.answers)} open" if count else "no question open"
    yield Text.assemble(f"{found.source}: ", (f"what reviewers ask · {head}", "bold"))
    for each in found.answers:
        sign, style = SIGNS[each.verdict]
        yield from labelled(f"{sign} {each.name}", each.text, width=width, column=LABEL + 2, style=style)
    for number, each in enumerate(found.findings, 1):
        yield from _advice(number, each, width)


def _advice(number: int, answer: Answer, width: int) -> Iterator[Text]:
    yield Text("")
    source = f" ({answer.source})" if answer.source else ""
    yield from labelled(f"{number}", f"{answer.asks}{source}", width=width, column=3, style="bold")
    if not answer.mends:
        yield from labelled("", "no few lines would answer it: it needs another plan", width=width, column=3)
    for mend in answer.mends:
        yield from labelled("", f"{_where(mend)}:", width=width, column=3)
        yield from (Text(f"       {line}" if line else "") for line in mend.lines.splitlines())


def _where(mend: Mend) -> str:
    """What to do with the lines."""
    if mend.is_new:
        return f"a study of it, in {mend.into}"
    out = f" without {', '.join('.'.join(keys) for keys in mend.takes_out)}" if mend.takes_out else ""
    return f"in {mend.into}{out}"
