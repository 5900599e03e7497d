"""A leaderboard as one page of HTML that needs nothing else: no script, no file beside it, every word escaped."""

from collections.abc import Iterator, Sequence
from html import escape
from importlib.metadata import version

from fedsim.proof.leaderboard import Checked, Leaderboard, Place, Refused
from fedsim.study.questions import SCORE_KINDS

STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 2rem; font-size: .9rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
code { font-size: .85em } h2 { font-size: 1.1rem } .note { opacity: .75; font-size: .9rem }
"""
SHORT = 12
"""Digits of a digest that are shown."""


def leaderboard_page(board: Leaderboard, title: str = "Leaderboard") -> str:
    """The page."""
    tables = "".join(_task(words, places, board) for words, places in board.tasks())
    body = f"<h1>{escape(title)}</h1>{_lead(board)}{tables}{_refused(board.refused)}"
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    return f'<!doctype html><html lang="en"><head>{head}<title>{escape(title)}</title><style>{STYLE}</style></head>' + (
        f"<body>{body}</body></html>\n"
    )


def _lead(board: Leaderboard) -> str:
    runs, archives = len(board.entries), len({entry.archive.file for entry in board.entries})
    twice = f" {_count(board.twice, 'run')} came twice and counts once." if board.twice else ""
    return (
        f'<p class="note">{_count(runs, "run")} of {_count(archives, "archive")}, each checked here by fedsim '
        f"{escape(version('fedsim-byzantine'))}: nothing changed on the way, tables made anew from the runs, and "
        f"rounds drawn at random played again, with the stated chance that a single wrong round would have been found. "
        f"{_count(len(board.refused), 'archive')} refused.{twice}</p>"
        f'<p class="note">Score: {escape(board.questions.score)}, {escape(board.questions.meaning)}. ±: 95 % t '
        f"interval over seeds; of one seed there is none, and its place says little.</p>"
    )


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _task(words: str, places: Sequence[Place], board: Leaderboard) -> str:
    heads = ("", "rule", board.questions.score, "seeds", "played again", "chance", "signed by", "archive")
    row = "".join(f'<th scope="col"{_kind(name)}>{escape(name)}</th>' for name in heads)
    lines = "".join(_line(rank, place, board) for rank, place in enumerate(places, 1))
    return f"<h2>{escape(words)}</h2><table><thead><tr>{row}</tr></thead><tbody>{lines}</tbody></table>"


def _kind(name: str) -> str:
    return ' class="number"' if name in ("", "seeds", "played again", "chance", *SCORE_KINDS) else ""


def _line(rank: int, place: Place, board: Leaderboard) -> str:
    found, archives = place.estimate, place.archives
    digits = ".3f" if board.questions.score in SCORE_KINDS else ".4g"
    half = "" if found.low is None or found.high is None else f" ±{(found.high - found.low) / 2:{digits}}"
    numbers = [
        str(rank), escape(place.rule), f"{found.mean:{digits}}{half}", ", ".join(map(str, place.seeds)),
        f"{sum(each.played for each in archives):,} of {sum(each.done for each in archives):,} rounds",
        f"≥ {min(each.least for each in archives):.0%}",
        "<br>".join(escape(each.signer or "–") for each in archives), "<br>".join(map(_archive, archives)),
    ]  # fmt: skip
    kinds = [' class="number"' if place in (0, 2, 3, 4, 5) else "" for place in range(len(numbers))]
    return "<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, numbers, strict=True)) + "</tr>"


def _archive(checked: Checked) -> str:
    short = checked.sha256[:SHORT]
    return f'{escape(checked.file)} <code title="{escape(checked.sha256)}">{escape(short)}</code>'


def _refused(refused: Sequence[Refused]) -> str:
    return "".join(_refusals(refused)) if refused else ""


def _refusals(refused: Sequence[Refused]) -> Iterator[str]:
    yield "<h2>Refused</h2><table><thead><tr><th scope=col>archive</th><th scope=col>why</th></tr></thead><tbody>"
    yield from (f"<tr><td>{escape(each.file)}</td><td>{escape(each.reason)}</td></tr>" for each in refused)
    yield "</tbody></table>"
