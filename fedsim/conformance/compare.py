"""What comes of it: equal, explained by a stated difference that was checked, or unexplained."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from fedsim.array_types import Array
from fedsim.conformance.cases import Case, cases
from fedsim.conformance.peers import Peer, installed_peers
from fedsim.conformance.shared import Answer, Shared

Outcome = Literal["equal", "explained", "unexplained"]


class Finding(NamedTuple):
    """What was found about one name and one package."""

    family: str
    name: str
    peer: str
    version: str
    outcome: Outcome
    gap: float  # greatest relative difference; of an explained one, after the explanation
    tolerance: float  # up to which two numbers count as the same
    cases: int  # that were compared
    words: str = ""  # what is defined otherwise, or what went wrong
    by: str = ""  # the formula or the parameters under which both give the same


def conform(names: Sequence[str] = (), peers: Iterable[Peer] | None = None) -> Iterator[Finding]:
    """Each name that an installed package shares with fedsim, or only these names and these packages."""
    for peer in installed_peers() if peers is None else peers:
        for shared in peer.shared():
            if not names or shared.name in names:
                yield compare(peer, shared)


def compare(peer: Peer, shared: Shared) -> Finding:
    """One name on all cases."""
    outcome, gap, tried, words, by = _judged(shared)
    return Finding(
        shared.family, shared.name, peer.name, peer.version or "", outcome, gap, shared.tolerance, tried, words, by
    )


def _judged(shared: Shared) -> tuple[Outcome, float, int, str, str]:
    suited = [case for case in cases(shared.more) if shared.suits(case)]
    try:
        worst = max(((gap(shared.ours(case), _quietly(shared.theirs, case)), case) for case in suited), key=_size)
        if shared.difference is None:
            return _plain(worst, shared.tolerance, len(suited))
        return _explained(shared, suited, worst[0])
    except Exception as error:  # another package's mistakes are findings, whatever they are
        return "unexplained", np.inf, len(suited), f"{type(error).__name__}: {error}", ""


def _plain(worst: tuple[float, Case], tolerance: float, tried: int) -> tuple[Outcome, float, int, str, str]:
    if worst[0] <= tolerance:
        return "equal", worst[0], tried, "", ""
    return "unexplained", worst[0], tried, f"they differ by {worst[0]:.1e} at {worst[1].words}", ""


def _explained(shared: Shared, suited: Sequence[Case], shows: float) -> tuple[Outcome, float, int, str, str]:
    stated = shared.difference
    assert stated is not None  # noqa: S101 - whoever calls has looked
    if shows <= shared.tolerance:
        return "unexplained", shows, len(suited), f"a difference is stated that does not show: {stated.words}", ""
    shown = [case for case in suited if stated.where(case)]
    theirs = stated.theirs or shared.theirs
    worst = max(((gap(np.asarray(stated.ours(case)), _quietly(theirs, case)), case) for case in shown), key=_size)
    if worst[0] <= shared.tolerance:
        return "explained", worst[0], len(shown), stated.words, stated.by
    words = f"{stated.words}; but by {stated.by} they differ by {worst[0]:.1e} at {worst[1].words}"
    return "unexplained", worst[0], len(shown), words, ""


def _size(found: tuple[float, Case]) -> float:
    return found[0]


def _quietly(answer: Answer, case: Case) -> Array:
    """Another package's answer, without its warnings; RuntimeError where it wrote to what it was given."""
    before = case.rows.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = np.array(answer(case))
    if not np.array_equal(case.rows, before):
        raise RuntimeError("it writes to the rows that it is given")
    return found


def gap(ours: Array, theirs: Array) -> float:
    """The greatest difference over the greatest number of theirs; 0 where both have the same infinities alone."""
    if ours.ndim == theirs.ndim + 1:  # an attack's one row stands for all
        theirs = np.broadcast_to(theirs, ours.shape)
    if ours.shape != theirs.shape or not np.array_equal(np.isfinite(ours), np.isfinite(theirs)):
        return np.inf
    finite = np.isfinite(theirs)
    if not np.array_equal(ours[~finite], theirs[~finite], equal_nan=True):
        return np.inf
    difference = np.abs(ours[finite] - theirs[finite]).max(initial=0.0)
    return float(difference / (np.abs(theirs[finite]).max(initial=0.0) or 1.0))
