"""The judgement of a round: by one server, or by an edge server for each group and then by the server at the top.

An edge server's answer is one row at the top, with its group's examples behind it and the group's number as its
identity. A client counts by the product of both levels. A group whose rows do not suffice for its rule is silent; one
of which nothing finite arrived, or whose answer is not finite, is set aside at the top as a row of a client would be.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from fedsim.aggregators.contract import Aggregate
from fedsim.array_types import Array, Integers
from fedsim.errors import RowsDoNotSuffice
from fedsim.events import BROKEN
from fedsim.kernels.rules.finite_rows import screen
from fedsim.scenario.exposure import borne, borne_by, edge_steps
from fedsim.scenario.sections import Scenario, Topology
from fedsim.simulation.arrivals import Received
from fedsim.simulation.federation import Federation
from fedsim.simulation.groups import Groups
from fedsim.simulation.judging import Before, Grouped, Inputs, Judgement, Server, judged_by
from fedsim.simulation.state import State

GROUPS = "topology.groups"
"""Path of the groups in a scenario; each has its memories below its number."""


def inputs_of(received: Received, groups: Groups | None) -> Inputs:
    """What was received, as a server is given it."""
    grouped = None
    if groups is not None:
        grouped = Grouped(groups.of(received.clients), groups.of(np.array(received.nonfinite, np.int64)))
    numbers = received.counts, received.clients, len(received.nonfinite), received.staleness
    return Inputs(received.matrix, *numbers, grouped)


def judge(federation: Federation, state: State, round: int, inputs: Inputs, extras: Mapping[str, Any]) -> Judgement:
    """The judgement of all levels; the state is left as it is. See `judged_by` for what is raised and what supplied."""
    scenario, stream = federation.scenario, federation.stream.at("round", round)
    before = Before(state.parameters, state.previous, state.memories, federation.layout.layers)
    top = Server(scenario.preaggregators, scenario.aggregator, stream)
    if scenario.topology is None or inputs.groups is None:
        return judged_by(top, before, round, inputs, extras)
    answers, silent = [], dict[int, str]()
    for group, places, own in _parts(inputs, inputs.groups):
        edge = _edge(scenario.topology, group, top)
        try:
            judged = judged_by(edge, before, round, own, extras)
        except RowsDoNotSuffice as error:
            silent[group] = str(error)
        else:
            answers.append(_Answer(group, places, own, judged))
    finite = screen(np.stack([each.judged.verdict.update for each in answers])) if answers else np.zeros(0, np.bool_)
    heard = [each for each, good in zip(answers, finite, strict=True) if good]
    spoilt = {*inputs.groups.nonfinite.tolist()} - {*inputs.groups.rows.tolist()}
    spoilt |= {each.group for each in answers} - {each.group for each in heard}
    if not heard:
        where = "".join(f": in group {group}, {words}" for group, words in [*silent.items()][:1])
        raise RowsDoNotSuffice(f"no group answered{where}")
    try:
        judged = judged_by(top, before, round, _answers(heard, len(spoilt)), extras)
    except RowsDoNotSuffice as error:
        raise RowsDoNotSuffice(f"of the {len(heard)} groups that answered: {error}") from error
    memories = {path: kept for each in heard for path, kept in each.judged.memories.items()}
    verdict = _composed(heard, judged.verdict, len(inputs.matrix))
    return Judgement(verdict, {**memories, **judged.memories}, tuple(silent), tuple(sorted(spoilt)))


class _Answer(NamedTuple):
    """What an edge server made of its rows."""

    group: int
    places: Integers  # of its rows among all
    own: Inputs
    judged: Judgement


def _edge(topology: Topology, group: int, top: Server) -> Server:
    stream = top.stream.at("group", group)
    return Server(topology.preaggregators, topology.aggregator, stream, f"{GROUPS}[{group}].")


def _parts(inputs: Inputs, grouped: Grouped) -> Iterator[tuple[int, Integers, Inputs]]:
    """Each group of which anything finite arrived, with the places of its rows and what its server is given."""
    order = np.argsort(grouped.rows, kind="stable")
    groups, begins = np.unique(grouped.rows[order], return_index=True)
    for group, places in zip(groups.tolist(), np.split(order, begins[1:]), strict=True):
        gone = int((grouped.nonfinite == group).sum())
        numbers = inputs.counts[places], inputs.clients[places], gone, inputs.staleness[places]
        yield group, places, Inputs(_rows(inputs.matrix, places), *numbers)


def _rows(matrix: Array, places: Integers) -> Array:
    """These rows, without a copy where they stand one below the other."""
    first, after = int(places[0]), int(places[-1]) + 1
    return matrix[first:after] if after - first == len(places) else matrix[places]


def _answers(heard: list[_Answer], spoilt: int) -> Inputs:
    """The groups' answers as the server at the top is given them."""
    verdicts = [each.judged.verdict for each in heard]
    return Inputs(
        np.stack([verdict.update for verdict in verdicts]),
        np.array([each.own.counts.sum() for each in heard], np.int64),
        np.array([each.group for each in heard], np.int64),
        spoilt,
        np.array([verdict.weights @ each.own.staleness for verdict, each in zip(verdicts, heard, strict=True)]),
    )


def _composed(heard: list[_Answer], top: Aggregate, n: int) -> Aggregate:
    """The verdict in terms of the clients' rows: what both levels gave them, multiplied."""
    weights, factors = np.zeros(n), np.zeros(n)
    below = [each.judged.verdict for each in heard]
    above = np.ones(len(heard)) if top.factors is None else top.factors
    for each, verdict, weight, factor in zip(heard, below, top.weights, above, strict=True):
        weights[each.places] = weight * verdict.weights
        factors[each.places] = factor * (1.0 if verdict.factors is None else verdict.factors)
    untouched = top.factors is None and all(verdict.factors is None for verdict in below)
    return top._replace(weights=weights, factors=None if untouched else factors)


def guarantee(scenario: Scenario, received: Received, inputs: Inputs, judged: Judgement) -> str:
    """BROKEN where more of what was judged is Byzantine than the server at the top is set up to bear, or nothing.

    Of one server these are rows; of a topology groups that answered, with more Byzantine rows than theirs bears.
    """
    rows, nonfinite, byzantine = len(inputs.matrix), inputs.nonfinite, int(received.byzantine.sum())
    if inputs.groups is not None:
        unheard = {*judged.silent, *judged.spoilt}
        parts = [(places, own) for group, places, own in _parts(inputs, inputs.groups) if group not in unheard]
        rows, nonfinite, steps = len(parts), len(judged.spoilt), edge_steps(scenario)
        bearable = [borne_by(steps, len(places), own.nonfinite) for places, own in parts]
        byzantine = sum(received.byzantine[places].sum() > f for (places, _), f in zip(parts, bearable, strict=True))
    return BROKEN if byzantine > borne(scenario, rows, nonfinite) else ""
