"""Tables of one's own: CSV, LIBSVM's form and Parquet; what is read from them, and each mistake in one line."""

import sys

import numpy as np
import pytest

from fedsim.array_types import silent
from fedsim.datasets.contract import check_dataset
from fedsim.datasets.delimited import csv
from fedsim.datasets.libsvm import libsvm
from fedsim.datasets.parquet import parquet
from fedsim.errors import DataUnavailable, WrongSetting
from fedsim.randomness import Stream

STREAM = Stream.root(2)
DRAW = np.random.default_rng(0)
NUMBERS = np.round(DRAW.standard_normal((60, 2)) * 3 + 5, 6)
KINDS, COLOURS, SITES = (
    np.array(words)[np.arange(60) % len(words)] for words in (["b", "a"], ["red", "blue", "red"], list("xyzw"))
)
HEADER = "age,height,colour,site,kind"
LINES = [f"{a},{h},{c},{s},{k}" for (a, h), c, s, k in zip(NUMBERS, COLOURS, SITES, KINDS, strict=True)]


@pytest.fixture
def write(tmp_path):
    def made(lines=(HEADER, *LINES), name="people.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return made


def read(path, **settings):
    roles = {"target": "kind", "one_hot": ("colour",), "leave_out": ("site",)}
    return check_dataset(csv(STREAM, silent, file=str(path), **(roles | settings)))


def rows(data):
    """Both parts' rows in order."""
    inputs = np.concatenate([data.train.inputs, data.test.inputs])
    return inputs[np.lexsort(inputs.T[::-1])]


def test_columns_become_features_words_are_spread_out_and_classes_follow_the_letters(write):
    data = read(write(), standardise=False, test_fraction=0.25)
    expected = np.column_stack([NUMBERS, COLOURS == "blue", COLOURS == "red"]).astype(np.float32)
    np.testing.assert_array_equal(rows(data), expected[np.lexsort(expected.T[::-1])])
    by_age = {np.float32(age): int(kind == "b") for age, kind in zip(NUMBERS[:, 0], KINDS, strict=True)}
    for part in (data.train, data.test):
        assert part.targets.tolist() == [by_age[row[0]] for row in part.inputs]
    assert (data.kind, data.classes, len(data.test)) == ("features", 2, 14 + 2)


def test_columns_are_standardised_by_the_training_lines(write):
    data = read(write())
    np.testing.assert_allclose(data.train.inputs.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(data.train.inputs.std(axis=0), 1, atol=1e-6)


def test_owners_are_a_column_and_whole_ones_can_be_held_out(write):
    data = read(write(), owner="site", leave_out=())
    assert len(np.unique(data.train.owners)) == 4
    apart = read(write(), owner="site", leave_out=(), held="owners", test_fraction=0.25)
    assert len(apart.test) == 15
    assert not set(apart.test.owners) & set(apart.train.owners)


def test_a_file_to_test_on(write):
    data = read(
        write((HEADER, *LINES[:40])), test_file=str(write((HEADER, *LINES[40:]), "test.csv")), standardise=False
    )
    np.testing.assert_array_equal(data.test.inputs[:, :2], np.float32(NUMBERS[40:]))


def test_lines_that_lack_something_can_be_left_out(write):
    data = read(write((HEADER, "NA,1,red,x,a", "1,,red,x,a", "", *LINES)), missing="drop")
    assert len(data.train) + len(data.test) == 60
    assert len(rows(read(write((HEADER, ",1,red,x,a", *LINES)), leave_out=("age", "site"), standardise=False))) == 61


def test_whole_numbers_as_classes_stand_in_their_order(write):
    lines = ["x,y", *(f"{k},{10 if k % 2 else 9}" for k in range(30))]
    data = read(write(lines), target="y", one_hot=(), leave_out=(), standardise=False)
    assert all(label == int(row[0]) % 2 for row, label in zip(data.train.inputs, data.train.targets, strict=True))


def test_other_separators_quotes_windows_and_the_mark_of_the_order_of_bytes(tmp_path):
    path = tmp_path / "people.csv"
    body = "\r\n".join(f'{a};{h};"{c}";{s};{k}' for (a, h), c, s, k in zip(NUMBERS, COLOURS, SITES, KINDS, strict=True))
    path.write_bytes(b"\xef\xbb\xbf" + HEADER.replace(",", ";").encode() + b"\r\n" + body.encode())
    assert read(path, separator=";").shape == (4,)


def spoilt(place, line):
    return (HEADER, *LINES[:place], line, *LINES[place:])


ONE = {"one_hot": (), "leave_out": ("colour", "site")}
MISTAKES = {
    "no column": ((HEADER, *LINES), {"target": "kinds"}, r"no column `kinds`; did you mean `kind`\?"),
    "far from any": (
        (HEADER, *LINES),
        {"owner": "q"},
        "no column `q`; its columns are age, height, colour, site, kind",
    ),
    "two roles": ((HEADER, *LINES), {"owner": "site"}, "column `site` is given as owner already"),
    "words": (
        (HEADER, *LINES),
        {"one_hot": (), "leave_out": ()},
        r"not all features are numbers: colour \(line 2: 'red'\), site \(line 2: 'x'\); "
        r"say one_hot = \[\"colour\", \"site\"\]",
    ),
    "one word": (spoilt(7, "old,1,red,x,a"), {}, r"not all features are numbers: age \(line 9: 'old'\)"),
    "empty cell": (spoilt(7, "1,,red,x,a"), {}, 'line 9, column `height` is empty: fill it, .*missing = "drop"'),
    "nan": (spoilt(7, "1,NaN,red,x,a"), {}, "line 9, column `height` reads 'NaN'"),
    "infinite": (spoilt(7, "1,inf,red,x,a"), {}, "line 9, column `height` is infinite"),
    "a short line": (spoilt(7, "1,2,red"), {}, "line 9 has 3 cells, and its first line names 5 columns"),
    "a quote": (spoilt(7, '1,2,"red,x,a'), {}, "is no line of a CSV file"),
    "no lines": ((HEADER,), {}, "no line of data is left"),
    "nothing": ((), {}, "is empty; its first line names the columns"),
    "no names": (LINES, {"target": "kind"}, "its first line holds numbers, and it has to name the columns"),
    "names twice": ((HEADER.replace("height", "age"), *LINES), {}, "column `age` stands twice"),
    "another separator": ((HEADER.replace(",", ";"), *LINES), {}, 'one column alone, .*: say separator = ";"'),
    "no features": (
        (HEADER, *LINES),
        {"one_hot": (), "leave_out": ("age", "height", "colour", "site")},
        "no column is left",
    ),
    "one class": ((HEADER, *(line[:-1] + "a" for line in LINES)), {}, "every target is a: there is but one class"),
    "a number to predict": ((HEADER, *LINES), {"target": "age", "leave_out": ("site", "kind")}, "are too many classes"),
    "held owners": ((HEADER, *LINES), {"held": "owners"}, "nothing says whose the examples are"),
    "too many words": (
        ("x,w,kind", *(f"{k},w{k},{k % 2}" for k in range(1001))),
        {"one_hot": ("w",), "leave_out": ()},
        "column `w` has 1,001 different texts",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_one_clear_line(write, mistake):
    lines, settings, message = MISTAKES[mistake]
    with pytest.raises((DataUnavailable, WrongSetting), match=message) as raised:
        read(write(lines) if lines else _nothing(write()), **settings)
    assert "\n" not in str(raised.value)


def _nothing(path):
    path.write_bytes(b"")
    return path


def test_a_class_that_is_only_tested_and_other_columns_are_refused(write):
    with pytest.raises(DataUnavailable, match=r"example 0 to test on is of class c, and no training example is"):
        read(write(), test_file=str(write((HEADER, "1,2,red,x,c"), "test.csv")))
    with pytest.raises(WrongSetting, match=r"test.csv has no column `colour`"):
        read(write(), test_file=str(write(("age,site,kind", "1,x,a"), "test.csv")))
    with pytest.raises(WrongSetting, match="the data bring examples to test on"):
        read(write(), test_file=str(write((HEADER, "1,2,red,x,a"), "test.csv")), test_fraction=0.5)


def test_text_in_another_code_is_refused(tmp_path):
    path = tmp_path / "people.csv"
    path.write_bytes((HEADER + "\n1,2,caf\xe9,x,a\n").encode("latin-1"))
    with pytest.raises(DataUnavailable, match=r"is not UTF-8 text .byte 35.; save it as UTF-8"):
        read(path)


SPARSE = [f"{1 if k % 2 else -1} 1:{k}.5 {'3:2' if k % 3 else ''}" for k in range(30)]


def test_sparse_rows_become_dense_and_their_classes_numbers(write):
    data = check_dataset(libsvm(STREAM, file=str(write(SPARSE, "a.svm"))))
    expected = np.array([[k + 0.5, 0, 2 if k % 3 else 0] for k in range(30)], np.float32)
    np.testing.assert_array_equal(rows(data), expected)
    assert all(label == int(row[0]) % 2 for row, label in zip(data.train.inputs, data.train.targets, strict=True))


def test_two_sparse_files_have_the_same_columns_wherever_they_begin(write):
    train, test = write([f"{k % 2} 0:1 4:{k}" for k in range(8)], "a.svm"), write(["1 2:7", "0 1:3"], "b.svm")
    data = check_dataset(libsvm(STREAM, file=str(train), test_file=str(test)))
    assert data.shape == (5,)
    np.testing.assert_array_equal(data.test.inputs, [[0, 0, 7, 0, 0], [0, 3, 0, 0, 0]])


@pytest.mark.parametrize(
    ("lines", "settings", "message"),
    [
        (["age,kind", "1,a"], {}, "is not of LIBSVM's form"),
        (["1 1:x"], {}, "is not of LIBSVM's form"),
        (["1 3:1 2:1", "0 1:1"], {}, "is not of LIBSVM's form"),
        (["1,2 1:1", "0 1:1"], {}, "is not of LIBSVM's form"),
        (["# nothing"], {}, "has no rows"),
        (["1 1:nan", "0 1:1"], {}, "row 1 holds NaN"),
        (["1 1:1", "1 1:2"], {}, "there is but one class"),
        (["1.5 1:1", "1 1:2"], {}, "1.5 among them is no whole number"),
        (["1 2000000000:1", "0 1:1"], {}, "are too many numbers"),
        (["1 9:1", "0 1:1", "1 1:3"], {"features": 4}, "column 9 stands in .*: got 4"),
    ],
)
def test_each_mistake_in_a_sparse_file_is_one_clear_line(write, lines, settings, message):
    with pytest.raises((DataUnavailable, WrongSetting), match=message) as raised:
        libsvm(STREAM, file=str(write(lines, "a.svm")), **settings)
    assert "\n" not in str(raised.value)


def test_a_packed_file_is_to_be_unpacked(tmp_path):
    (tmp_path / "a.bz2").write_bytes(b"BZh91AY")
    with pytest.raises(DataUnavailable, match=r"is packed; unpack it first \(bunzip2 a.bz2\)"):
        libsvm(STREAM, file=str(tmp_path / "a.bz2"))


def test_without_pyarrow_the_package_to_install_is_named(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataUnavailable, match="pip install pyarrow, or save as CSV"):
        parquet(STREAM, file=str(write()), target="kind")


@pytest.fixture
def stored(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

    def made(**columns):
        path = tmp_path / "people.parquet"
        pq.write_table(pa.table({name: pa.array(list(column)) for name, column in columns.items()}), path)
        return path

    return made


PLAIN = {"age": NUMBERS[:, 0], "tall": NUMBERS[:, 1] > 5, "colour": COLOURS, "site": SITES, "kind": KINDS}


def read_parquet(path, **settings):
    roles = {"target": "kind", "one_hot": ("colour",), "leave_out": ("site",), "standardise": False}
    return check_dataset(parquet(STREAM, file=str(path), **(roles | settings)))


def test_a_parquet_file_is_the_same_table(stored):
    data = read_parquet(stored(**PLAIN))
    expected = np.column_stack([NUMBERS[:, 0], NUMBERS[:, 1] > 5, COLOURS == "blue", COLOURS == "red"]).astype(
        np.float32
    )
    np.testing.assert_array_equal(rows(data), expected[np.lexsort(expected.T[::-1])])
    assert len(np.unique(read_parquet(stored(**PLAIN), owner="site", leave_out=()).train.owners)) == 4


@pytest.mark.parametrize(
    ("columns", "settings", "message"),
    [
        ({}, {"target": "kid"}, r"no column `kid`; did you mean `kind`\?"),
        ({}, {"leave_out": ()}, "column `site` holds no numbers .'x' in row 0.: say one_hot or leave_out"),
        ({"age": [None, *NUMBERS[1:, 0]]}, {}, "column `age` lacks 1 values, first in row 0"),
        ({"age": [1.0, np.inf, *NUMBERS[2:, 0]]}, {}, "column `age` holds inf in row 1"),
        ({"kind": ["a"] * 60}, {}, "there is but one class"),
        ({name: [] for name in PLAIN}, {}, "has no rows"),
    ],
)
def test_each_mistake_in_a_parquet_file_is_one_clear_line(stored, columns, settings, message):
    with pytest.raises((DataUnavailable, WrongSetting), match=message):
        read_parquet(stored(**(PLAIN | columns)), **settings)


def test_a_file_that_is_no_parquet_file_is_refused(stored, write):
    with pytest.raises(DataUnavailable, match="is no readable Parquet file"):
        read_parquet(write())
