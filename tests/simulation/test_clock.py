"""When a round closes: small stories told on the clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsim.simulation.clock import Arrival, close_round

A, B, C = Arrival(11.0, 1, 1), Arrival(12.0, 0, 1), Arrival(14.0, 2, 1)


@pytest.mark.parametrize(
    ("dropped", "deadline", "quorum", "time", "arrived"),
    [
        (0, None, None, 14.0, (A, B, C)),  # waits for everyone
        (2, None, None, 14.0, (A, B, C)),  # is told of drop-outs at once
        (0, 9.0, None, 14.0, (A, B, C)),  # closes before a deadline when all are in
        (1, 9.0, None, 19.0, (A, B, C)),  # cannot tell a drop-out from a straggler
        (0, 2.0, None, 12.0, (A, B)),  # exactly at the deadline is in time
        (0, 0.5, None, 10.5, ()),
        (0, None, 2, 12.0, (A, B)),
        (0, 1.5, 2, 11.5, (A,)),  # the deadline comes before the quorum
        (0, 2.0, 1, 11.0, (A,)),
        (1, None, 3, 14.0, (A, B, C)),
    ],
)
def test_closing(dropped, deadline, quorum, time, arrived):
    closing = close_round(10.0, [C, A, B], dropped, deadline=deadline, quorum=quorum)
    assert (closing.time, closing.arrived) == (time, arrived)
    assert closing.late == tuple(x for x in (A, B, C) if x not in arrived)


def test_nobody_answers():
    assert close_round(3.0, [], 4, deadline=None, quorum=2).time == 3.0
    assert close_round(3.0, [], 4, deadline=2.0, quorum=2).time == 5.0


def test_ties_go_to_the_lower_client_then_to_the_older_round():
    queue = [Arrival(1.0, 2, 1), Arrival(1.0, 1, 2), Arrival(1.0, 1, 1)]
    assert close_round(0.0, queue, 0, deadline=None, quorum=2).arrived == (Arrival(1.0, 1, 1), Arrival(1.0, 1, 2))


arrivals = st.lists(st.builds(Arrival, st.floats(0, 9), st.integers(0, 5), st.integers(1, 3)), max_size=8, unique=True)


@given(arrivals, st.integers(0, 3), st.none() | st.floats(0.1, 9), st.none() | st.integers(1, 8), st.randoms())
def test_nothing_is_lost_and_the_order_of_asking_does_not_matter(queue, dropped, deadline, quorum, random):
    closing = close_round(4.0, queue, dropped, deadline=deadline, quorum=quorum)
    assert sorted(closing.arrived + closing.late) == sorted(queue)
    assert closing.time >= 4.0
    assert all(arrival.time <= closing.time for arrival in closing.arrived)
    random.shuffle(queue)
    assert close_round(4.0, queue, dropped, deadline=deadline, quorum=quorum) == closing
