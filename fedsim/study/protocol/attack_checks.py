"""Questions about the attackers: are there such as know the defence, and conditions without any?"""

from collections.abc import Iterator
from typing import Any

from fedsim.attacks.contract import attacks
from fedsim.scenario.build import decompose
from fedsim.scenario.exposure import edge_steps, server_steps
from fedsim.scenario.scores import backdoored
from fedsim.study.protocol.answers import Judged, Keys, Mend
from fedsim.study.protocol.mending import Adversary, attackers, base_keys, one_more
from fedsim.study.protocol.subject import Case, Subject

PLAIN = ("fedavg", "mean")
"""Rules that defend nothing."""
ADAPTIVE = ("optimal_alie", "optimal_ipm")
"""Attacks to try against a rule; they call it, and take any."""
WHO = ("count", "fraction", "ids", "per_round", "start", "stop", "every")
DEFENCE = "defence"
FEWEST_SCORED = 5
"""Evaluations in a run from which its course can be told."""
LEAVING_SHARE = 0.75
"""The part of a run after which a backdoor's attackers leave, where it is to be seen what stays of it."""
NOBODY = Judged("not asked", "nobody attacks")


def adaptive(subject: Subject) -> Judged:
    """Does every defence meet an attack that knows it?"""
    defended = [case for case in subject.attacked if _defence(case)]
    if not defended:
        return NOBODY if not subject.attacked else Judged("not asked", "nothing defends")
    met = {_defence(case) for case in defended if any(map(_knows_the_defence, case.adversaries))}
    left = sorted({_defence(case) for case in defended} - met)
    if not left:
        return Judged("holds", "every rule meets an attack that tries its moves on the rule itself")
    who = _who(defended[0])
    ways = (one_more(subject, "attacks", name, {"attacks": [{"name": name, **who}]}) for name in ADAPTIVE)
    return Judged("finding", f"no attack against {', '.join(left)} is fitted to it", ways)


def control(subject: Subject) -> Judged:
    """Is there the same without an attack?"""
    if not subject.attacked:
        return NOBODY
    groups = subject.apart_from("attacks").values()
    without = [group for group in groups if all(case.adversaries for case in group)]
    if not without:
        return Judged("holds", "every condition is there without attackers too")
    text = f"{_some(without[0])} is never played without attackers, so that nobody knows what the attack cost"
    return Judged("finding", text, [one_more(subject, "attacks", "none", {"attacks": []})])


def undefended(subject: Subject) -> Judged:
    """What does the attack do where nothing defends?"""
    if not subject.attacked:
        return NOBODY
    groups = subject.apart_from("aggregator", "preaggregators", "topology").values()
    harmless = [group for group in groups if group[0].adversaries and all(map(_defence, group))]
    if not harmless:
        return Judged("holds", "every attack is there against plain averaging too")
    text = f"{_some(harmless[0])} has no twin under plain averaging, so that nobody knows whether the attack works"
    mixed = any(case.scenario.preaggregators for case in subject.cases)
    changes: dict[str, Any] = {"aggregator": PLAIN[0]} | ({"preaggregators": []} if mixed else {})
    return Judged("finding", text, [one_more(subject, "aggregator", PLAIN[0], changes)])


def course(subject: Subject) -> Judged:
    """Is success scored on the way?"""
    few = [case for case in subject.cases if _scored(case) < min(FEWEST_SCORED, case.scenario.rounds)]
    if not few:
        least = min(map(_scored, subject.cases))
        return Judged("holds", f"scored in {least:,} round{'s' * (least != 1)} or more, and kept for each")
    worst = min(few, key=_scored)
    what = "the attack's success rate" if backdoored(worst.scenario) else "what the attack does"
    text = f"{what} is scored in {_scored(worst)} of {worst.scenario.rounds:,} rounds: its course stays unknown"
    every = max(1, min(case.scenario.rounds for case in few) // 20)
    return Judged("finding", text, [base_keys(subject, {("evaluation", "every"): every})])


def lasting(subject: Subject) -> Judged:
    """Does a backdoor stay when its attackers have left?"""
    backdoors = [case for case in subject.attacked if backdoored(case.scenario)]
    if not backdoors:
        return Judged("not asked", "nobody plants a backdoor")
    left = [case for case in backdoors if all((each.stop or case.scenario.rounds) < case.scenario.rounds
                                              for each in case.adversaries)]  # fmt: skip
    if left:
        return Judged("holds", "attackers leave before the end, and success is scored after them")
    stop = max(1, int(min(case.scenario.rounds for case in backdoors) * LEAVING_SHARE))
    text = "attackers push until the last round: how long the backdoor lasts without them is not seen"
    return Judged("finding", text, [attackers(subject, lambda given: {**given, "stop": stop})])


def told_exactly(subject: Subject) -> Judged:
    """Is the rule told the attackers' true number?"""
    known = [(case, f) for case in subject.attacked if (f := _told(case)) is not None and case.exposed]
    if not known:
        return NOBODY if not subject.attacked else Judged("not asked", "no rule is told a number of attackers")
    if not all(_is_exact(case, f) for case, f in known):
        return Judged("holds", "f is not always the attackers' true number")
    case, f = known[0]
    text = f"f = {f} is always the attackers' own number, which no server knows: what if it is wrong?"
    return Judged("finding", text, _other_numbers(subject, case, f))


def bound(subject: Subject) -> Judged:
    """How often does a round bring more attackers than the rule is made for?"""
    exposed = [(found.expected / case.scenario.rounds, case) for case in subject.attacked if (found := case.exposed)]
    if not exposed:
        return NOBODY if not subject.attacked else Judged("not asked", "how many clients there are is not known yet")
    share, case = max(exposed, key=lambda pair: pair[0])
    words = f"at most {share:.0%} of rounds" if share else "no round"
    if share <= MOST_BROKEN:
        return Judged("holds", f"{words} bring{'s' * (not share)} more attackers than a rule is set up for")
    text = f"{share:.0%} of rounds bring more attackers than the rule is set up for"
    text += f" ({case.name})" if subject.is_study else ""
    return Judged("finding", text, _fewer_breaches(subject, case))


MOST_BROKEN = 0.05
"""The share of rounds beyond f that a study may have without a word."""


def _fewer_breaches(subject: Subject, worst: Case) -> Iterator[tuple[Mend, ...]]:
    scenario = worst.scenario
    sampling: dict[Keys, Any] = {("clients", "sampling"): "stratified"}
    yield base_keys(subject, sampling)
    found = worst.exposed
    share = (found.tolerated if found else 0) / scenario.clients.sampled / len(worst.adversaries)

    def fewer(given: Adversary) -> Adversary:
        kept = {key: value for key, value in given.items() if key not in ("count", "fraction", "ids", "per_round")}
        now = given.get("fraction")
        return {**kept, "fraction": round(min(now, share), 3)} if now is not None and share else given

    lowered, seats = attackers(subject, fewer), base_keys(subject, sampling)
    files = {mend.into for mend in (*lowered, *seats)}
    if len(files) == 1 and len(lowered) == len(seats) == 1:
        yield (Mend(files.pop(), {**seats[0].changes, **lowered[0].changes}),)
    elif len(files) == len(lowered) + len(seats):
        yield (*lowered, *seats)


def _other_numbers(subject: Subject, case: Case, f: int) -> Iterator[tuple[Mend, ...]]:
    """Other attackers under the same rule, then the same under a rule that is told otherwise."""
    plan = decompose(case.scenario)["attacks"]
    name, who = case.adversaries[0].steps[0].name, ("count", "fraction", "ids", "per_round")
    for times, word in ((0.5, "fewer"), (2, "more")):
        tables = [
            {key: _times(value, times) if key in who else value for key, value in _terse(each).items()} for each in plan
        ]
        yield one_more(subject, "attacks", f"{name}_{word}", {"attacks": tables})
    rule = decompose(case.scenario)["aggregator"]
    for other in (f + 1, f - 1):
        label = f"{rule['name']}_f{other}"
        yield one_more(subject, "aggregator", label, {"aggregator": {**rule, "f": other}})


def _terse(adversary: Adversary) -> Adversary:
    """An adversary's table without what it says in any case."""
    usual: dict[str, Any] = {"start": 1, "every": 1, "knowledge": "all"}
    if "name" in adversary:
        usual |= {setting.name: setting.default for setting in attacks[adversary["name"]].settings.values()}
    return {key: value for key, value in adversary.items() if key not in usual or value != usual[key]}


def _times(value: Any, times: float) -> Any:
    if isinstance(value, list):
        return value[: max(1, int(len(value) * times))]
    return max(1, int(value * times)) if isinstance(value, int) else round(min(value * times, 1.0), 4)


def _told(case: Case) -> int | None:
    """The least f that the server is told; with groups it is no number of clients."""
    if case.scenario.topology is not None:
        return None
    given = [f for entry, choice in server_steps(case.scenario) if (f := entry.byzantine(choice.settings)) is not None]
    return min(given) if given else None


def _is_exact(case: Case, f: int) -> bool:
    """Whether f is the number to be expected in a round, or was found from it."""
    found, clients = case.exposed, case.scenario.clients
    if found is None:
        return False
    population = max(clients.population or 100, 1)
    expected = min(found.byzantine * clients.sampled / population, clients.sampled)
    if any(plan.per_round for plan in case.adversaries):
        expected = found.byzantine
    return clients.risk is not None or f in (round(expected), -int(-expected // 1))


def _knows_the_defence(adversary: Any) -> bool:
    return any(DEFENCE in attacks[step.name].supplied for step in adversary.steps)


def _defence(case: Case) -> str:
    """What defends, by name; empty where nothing does."""
    steps = (*edge_steps(case.scenario), *server_steps(case.scenario))
    names = [choice.name for _, choice in steps if choice.name not in PLAIN]
    return " → ".join(names)


def _who(case: Case) -> dict[str, Any]:
    """Whom the first adversary of a condition holds, and when it acts."""
    table = _terse(decompose(case.scenario)["attacks"][0])
    return {key: table[key] for key in WHO if key in table}


def _scored(case: Case) -> int:
    """Rounds of a run that are scored; the last always is."""
    return -(-case.scenario.rounds // case.scenario.evaluation.every)


def _some(cases: list[Case]) -> str:
    return cases[0].name
