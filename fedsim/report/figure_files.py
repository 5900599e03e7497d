"""The figures of a report as files: PNG for slides, SVG for the web, PDF for papers; the same bytes each time.

They are drawn as on the page, on white, with their legend below, and hold their title and description as text.
"""

from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from fedsim.clean_text import one_line
from fedsim.report.document import Picture
from fedsim.report.drawing import drawn
from fedsim.report.vector import FRAME, LEFT_OUT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = ("png", "svg", "pdf")
DOTS = 200
COLUMNS = 3
"""Names in a line of the legend."""


def figure_file(picture: Picture, kind: str) -> bytes:
    """The figure as a file of this kind."""
    import matplotlib as mpl

    with drawn(), mpl.rc_context({"svg.hashsalt": picture.name}):
        figure = picture.draw()
        _add_legend(figure, picture)
        data = BytesIO()
        figure.savefig(data, format=kind, dpi=DOTS, facecolor="white", metadata=_metadata(picture, kind))
    return _titled(data.getvalue().decode(), picture).encode() if kind == "svg" else data.getvalue()


def _add_legend(figure: "Figure", picture: Picture) -> None:
    lines = [line for line in figure.axes[0].lines if str(line.get_gid()).startswith("line-")]
    if len(picture.keys) > 1:
        columns = min(COLUMNS, len(lines))
        figure.legend(handles=lines, loc="outside lower center", ncols=columns, frameon=False, handlelength=2.6)


def _metadata(picture: Picture, kind: str) -> dict[str, Any]:
    """Title and description, and nothing that is another each time."""
    title, description = one_line(picture.title), one_line(picture.description)
    if kind == "png":
        return {"Title": title, "Description": description}
    if kind == "svg":
        return {"Date": None, "Creator": None}
    return {"Title": title, "Subject": description, "CreationDate": None}


def _titled(text: str, picture: Picture) -> str:
    told = f"<title>{escape(one_line(picture.title))}</title><desc>{escape(one_line(picture.description))}</desc>"
    plain = LEFT_OUT.sub("", text, 1)  # the metadata; the style that follows belongs to the file
    return FRAME.sub(lambda found: f'{found[0][:-1]} role="img">{told}', plain, 1)
