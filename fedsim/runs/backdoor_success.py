"""How well a backdoor did over a run, and how long it outlived its attackers."""

from collections.abc import Sequence
from dataclasses import dataclass

from fedsim.runs.rows import Row

SUCCESS = "asr"


@dataclass(frozen=True, slots=True)
class Success:
    """Attack success rates of a run; those that were not scored or are no number do not count."""

    final: float
    peak: float
    peak_round: int  # the first of equals
    rounds_after: int  # since attackers were last in a cohort
    half_life: int | None  # rounds after them until at most half of what they left was left of it; None: not yet


def backdoor_success(rows: Sequence[Row]) -> Success | None:
    """What a run's finished rounds tell; None where no backdoor was scored."""
    scored = [(row.number, row.scores[SUCCESS]) for row in rows if SUCCESS in row.scores]
    scored = [(number, rate) for number, rate in scored if rate == rate]  # noqa: PLR0124 - NaN differs from itself
    if not scored:
        return None
    peak_round, peak = max(scored, key=lambda pair: pair[1])
    last = max((row.number for row in rows if row.byzantine), default=0)
    left = next((rate for number, rate in reversed(scored) if number <= last), None)
    after = [number for number, rate in scored if left is not None and number > last and rate <= left / 2]
    half_life = after[0] - last if after else None
    return Success(scored[-1][1], peak, peak_round, rows[-1].number - last if last else 0, half_life)
