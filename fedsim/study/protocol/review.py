"""The questions in turn, each answered; of every answer that a reviewer would object to, lines that change it.

review = fedsim.review("studies/digits.toml")
[answer.text for answer in review.findings]

The lines were tried before they are offered: with them the study still stands, and the question is answered.
"""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from fedsim.errors import ScenarioError
from fedsim.scenario.load import parse_table, read_text
from fedsim.scenario.sections import Scenario
from fedsim.study.plan import Plan
from fedsim.study.protocol import attack_checks, data_checks
from fedsim.study.protocol.answers import Answer, Check, Judged, Mend, Review
from fedsim.study.protocol.mending import apply
from fedsim.study.protocol.subject import Subject, changed, read_subject, subject_of_plan, subject_of_scenario

KHAN = "Khan+ 2025, Decoding FL Defenses: Systemization, Pitfalls, and Remedies"

CHECKS = (
    Check("seeds", "Is it more than chance?", data_checks.seeds),
    Check("chosen on test", "On which examples was the reported round chosen?", data_checks.chosen_on_test),
    Check("tuned on test", "On which examples were the settings chosen?", data_checks.tuned_on_test),
    Check("adaptive", "Do the attackers know the defence?", attack_checks.adaptive, KHAN),
    Check("control", "What is reached without an attack?", attack_checks.control),
    Check("undefended", "What does the attack do where nothing defends?", attack_checks.undefended),
    Check("unlike clients", "Does it hold where clients' data differ?", data_checks.unlike_clients, KHAN),
    Check("easy data", "Could a method fail on these data?", data_checks.harder_data, KHAN),
    Check("f", "What if the number of attackers is not known?", attack_checks.told_exactly),
    Check("bound", "How often are there more attackers than the rule bears?", attack_checks.bound),
    Check("worst served", "Who is served worst?", data_checks.everybody, KHAN),
    Check("course", "How does success go over the rounds?", attack_checks.course),
    Check("lasting", "Does a backdoor stay when its attackers have left?", attack_checks.lasting),
)
MOST_TRIED = 256
"""Lines for studies of more conditions than these are offered untried: examining so many takes too long."""


def review(path: str | PathLike[str]) -> Review:
    """What reviewers would ask of a study's or a scenario's file; ScenarioError where the file is wrong."""
    return review_subject(read_subject(str(path)))


def review_scenario(scenario: Scenario, source: str = "scenario.toml") -> Review:
    """The same of a scenario that is loaded already."""
    return review_subject(subject_of_scenario(scenario, source))


def review_plan(plan: Plan) -> Review:
    """The same of a study's plan."""
    return review_subject(subject_of_plan(plan))


def review_subject(subject: Subject) -> Review:
    """Every question in turn."""
    return Review(subject.source, tuple(_answer(check, subject) for check in CHECKS))


def _answer(check: Check, subject: Subject) -> Answer:
    found = check.judge(subject)
    mends = _mends(check, subject, found) if found.verdict == "finding" else ()
    return Answer(check.name, check.asks, found.verdict, found.text, mends, check.source)


def _mends(check: Check, subject: Subject, found: Judged) -> tuple[Mend, ...]:
    """The first way that stands and answers the question; none where none does."""
    ways = (way for way in found.ways if way)
    if len(subject.cases) > MOST_TRIED:
        return next(ways, ())
    return next((way for way in ways if _answers(check, subject, way)), ())


def _answers(check: Check, subject: Subject, way: tuple[Mend, ...]) -> bool:
    try:
        return check.judge(changed(subject, _tables(subject, way))).verdict != "finding"
    except ScenarioError:
        return False


def _tables(subject: Subject, way: tuple[Mend, ...]) -> dict[str, Mapping[str, Any]]:
    """Every file that the lines change, as it would be."""
    return {each.into: apply({} if each.is_new else _table(subject, each.into), each) for each in way}


def _table(subject: Subject, file: str) -> Mapping[str, Any]:
    if file == subject.source:
        return subject.table
    return subject.base if file == subject.base_file else parse_table(read_text(Path(file)), file)
