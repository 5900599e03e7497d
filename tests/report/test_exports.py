"""The figures and tables of a report as files: all of them, right to the last digit, the same bytes each time."""

import csv
import re
from io import BytesIO, StringIO

import pytest
from PIL import Image

from fedsim.report import table_files
from fedsim.report.collect import report_of
from fedsim.report.document import Column, Picture, Report, Section, Table, Told
from fedsim.report.drawing import Line, draw_lines
from fedsim.report.exports import FIGURES, TABLES, exported
from fedsim.report.figure_files import figure_file
from fedsim.report.figures import COLOURS, STYLES
from fedsim.report.heat import ink_over, shade
from fedsim.scenario.load import parse_scenario
from tests.cli.recorded_run import SMALL, ask
from tests.small_runs import run_in

ODD = r"50 % of $x_1$ & {a|b} ~^ \ #1 <i> ±"
TABLE = Table(
    "odd", ODD, (Column(ODD), Column("share", "share"), Column("told"), Column("seeds", "count"), Column("truth")),
    (("a|b", 0.123456789, Told("-0.5 ±0.1", -0.5), 1234, True), (ODD, None, Told("+0.5", 0.5), 2, False)), (ODD,),
)  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs") / "mine"
    run_in(place, parse_scenario(SMALL))
    return report_of(place)


def test_every_figure_is_a_file(report):
    files = dict(exported(report, ("svg",), ()))
    assert list(files) == [f"{picture.name}.svg" for picture in report.pictures]
    for picture in report.pictures:
        assert f"<title>{picture.title}</title><desc>" in files[f"{picture.name}.svg"].decode()


def test_a_figure_in_every_kind_and_the_same_bytes_again(report):
    picture = next(each for each in report.pictures if each.name == "partition")
    png, svg, pdf = (figure_file(picture, kind) for kind in FIGURES)
    assert (png, svg, pdf) == tuple(figure_file(picture, kind) for kind in FIGURES)
    image = Image.open(BytesIO(png))
    assert (image.info["Title"], image.info["Description"]) == (picture.title, picture.description)
    assert image.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
    assert pdf.startswith(b"%PDF")
    assert b"CreationDate" not in pdf


def test_a_figure_of_several_lines_says_which_is_which(report):
    accuracy = dict(exported(report, ("svg",), ()))["accuracy.svg"].decode()
    assert "test accuracy" in re.findall(r">([^<>]+)</text>", accuracy)


def test_every_table_in_every_kind(report):
    kinds = ("csv", "markdown", "latex")
    files = dict(exported(report, (), kinds))
    assert list(files) == [f"{table.name}.{TABLES[kind][0]}" for table in report.tables for kind in kinds]
    rounds = next(table for table in report.tables if table.name == "rounds")
    lines = list(csv.reader(StringIO(files["rounds.csv"].decode())))
    assert lines[0] == [column.name for column in rounds.columns]
    at = lines[0].index("norm")
    assert [float(line[at]) for line in lines[1:]] == [row[at] for row in rounds.rows]


def test_csv_has_every_digit_and_nothing_where_there_is_nothing():
    head, first, second = csv.reader(StringIO(table_files.as_csv(TABLE).decode()))
    assert (head[0], first) == (ODD, ["a|b", "0.123456789", "-0.5", "1234", "True"])
    assert second == [ODD, "", "0.5", "2", "False"]


def test_markdown_keeps_its_columns():
    lines = [line for line in table_files.as_markdown(TABLE).decode().splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {6}
    assert lines[1].split("|")[1:-1] == [" --- ", " ---: ", " ---: ", " ---: ", " --- "]
    assert "a\\|b | 0.123 | -0.5 ±0.1 | 1,234 | yes" in lines[2]


@pytest.mark.parametrize("rows", [1, 60])
def test_latex_is_escaped_and_closed(rows):
    text = table_files.as_latex(Table("t", ODD, TABLE.columns, TABLE.rows * rows, (ODD,))).decode()
    assert text.startswith("% needs \\usepackage{booktabs")
    for begun in re.findall(r"\\begin\{(\w+)\}", text):
        assert rf"\end{{{begun}}}" in text
    body = [line for line in text.splitlines() if line.endswith(r"\\") and "caption" not in line]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {4}
    assert r"50 \% of \$x\_1\$ \& \{a\textbar{}b\} \textasciitilde{}\textasciicircum{} \textbackslash{} \#1" in text
    assert r"0.123 & $-$0.5 $\pm$0.1 & 1,234 & yes \\" in text
    assert text.count(r"\toprule") == (2 if rows > 40 else 1)


def test_parquet_has_types():
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: Parquet is not tried")
    from pyarrow.parquet import read_table

    found = read_table(BytesIO(table_files.as_parquet(TABLE))).to_pydict()
    assert list(found.values()) == [["a|b", ODD], [0.123456789, None], [-0.5, 0.5], [1234, 2], [True, False]]


def test_without_pyarrow_nothing_is_written(report, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(table_files, "find_spec", lambda name: None)
    run_in(tmp_path / "mine", parse_scenario(SMALL))
    answer = ask(capsys, "report", tmp_path / "mine", "--tables", "csv,parquet")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("error: Parquet files are written by pyarrow, which is not installed")
    assert not (tmp_path / "mine" / "report.html").exists()


def test_files_of_a_thinned_table_are_whole():
    rows = tuple((number,) for number in range(1000))
    whole = table_files.as_csv(Table("t", "t", (Column("n", "count"),), rows[::10], all_rows=rows)).decode()
    assert len(whole.splitlines()) == 1001


def test_lines_are_told_apart_without_colour():
    """Those of the same dashes, four apart, differ in grey; so do the two ends of any stretch of the heat map."""

    def grey(colour):
        red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for place in range(7):
        one, other = COLOURS[place], COLOURS[(place + len(STYLES)) % len(COLOURS)]
        assert abs(grey(one) - grey(other)) > 0.12
    greys = [grey(shade(value / 20, (0.0, 1.0))) for value in range(21)]
    assert greys == sorted(greys)
    assert shade(float("nan"), (0.0, 1.0)) == shade(None, (0.0, 1.0)) == ""
    assert (ink_over("#00204c"), ink_over("#ffe945")) == ("#ffffff", "#000000")


def test_odd_names_are_drawn():
    lines = [Line(ODD, [1, 2], [0.1, 0.2], 0), Line("$\\frac", [1, 2], [0.2, 0.3], 1)]
    picture = Picture("odd", ODD, ODD, lambda: draw_lines(lines, "$y$"), TABLE)
    report = Report("run", "t", "", (), (), (Section("s", "s", (picture,)),))
    assert all(data for _, data in exported(report, FIGURES, ()))
