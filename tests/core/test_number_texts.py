"""Numbers as texts and as binary floats: exact values, exact texts, refusals, files of text."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holigrail_hw.core import RequestError, find
from holigrail_hw.core.array_files import ArrayFileError, read_table
from holigrail_hw.core.parameters import construct
from holigrail_hw.formats.exact_numbers import exact_number, number_text

EXACT = {
    "0.1": Fraction(1, 10),
    "-1.25e-3": Fraction(-1, 800),
    ".5": Fraction(1, 2),
    "+7.": 7,
    "3e2": 300,
    "0x10": 16,
    "0x1.8p-3": Fraction(3, 16),
    "-1/3": Fraction(-1, 3),
    "-0.0": 0,
    "1e-1100": Fraction(1, 10**1100),
    0.1: Fraction(0.1),
    -0.0: 0,
    5e-324: Fraction(1, 2**1074),
    np.float32(0.1): Fraction(float(np.float32(0.1))),
    np.float16(-1.5): Fraction(-3, 2),
    np.int8(-7): -7,
    Decimal("0.1"): Fraction(1, 10),
}


@pytest.mark.parametrize("given", EXACT, ids=repr)
def test_numbers_are_exact(given):
    found = exact_number(given)
    assert found == EXACT[given]
    assert type(found) is (int if EXACT[given] == int(EXACT[given]) else Fraction)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nan", "finite"),
        ("-inf", "finite"),
        (float("nan"), "finite"),
        (np.float32("inf"), "finite"),
        ("1e1101", "at most 1100 places"),
        ("1e-999999999", "at most 1100 places"),
        ("0." + "1" * 5000, "at most 1100 places"),
        ("0x1p99999", "must be a number"),
        ("1/0", "must be a number"),
        ("1,5", "must be a number"),
        ("", "not nothing"),
        ("one", "not one"),
        (True, "must be a number"),
        (np.bool_(True), "must be a number"),
        (1j, "must be a number"),
        (None, "must be a number"),
    ],
)
def test_what_is_no_number(given, message):
    with pytest.raises(ValueError, match=message):
        exact_number(given)


@given(
    st.one_of(
        st.floats(allow_nan=False, allow_infinity=False),
        st.fractions(max_denominator=10**9),
        st.decimals(allow_nan=False, allow_infinity=False, places=9),
    )
)
def test_texts_are_exact(number):
    exact = exact_number(number)
    assert exact == Fraction(number) and exact_number(number_text(exact)) == exact


TABLES = {
    "rows": ("1, -2.5\n\n3,0.1 # last\n", [[1, Fraction(-5, 2)], [3, Fraction(1, 10)]]),
    "column": ("\ufeff0.5\r\n-1\r\n", [[Fraction(1, 2)], [-1]]),
    "spaces": ("# h\n  1 2\t3 \n", [[1, 2, 3]]),
    "semicolons": ("1 ; 2;3", [[1, 2, 3]]),
    "empty": ("\n# nothing\n", []),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables(tmp_path, name):
    text, rows = TABLES[name]
    (tmp_path / "t.csv").write_text(text, encoding="utf-8", newline="")
    assert read_table(tmp_path / "t.csv") == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1,2\n3,x\n", "line 2: must be a number, not x"),
        (b"1,,2\n", "line 1: must be a number, not nothing"),
        (b"tap\n0.5\n", "line 1: must be a number, not tap"),
        (b"0,5;0,25\n", "line 1: numbers must be between commas or between semicolons"),
        (b"1,nan\n", "line 1: must be a finite number, not nan"),
        (b"\xff\xfe1\x00", "it is no text"),
        (b"\x93NUMPY\x01\x00", "it is no text"),
    ],
)
def test_damaged_tables(tmp_path, content, message):
    path = tmp_path / "t.txt"
    path.write_bytes(content)
    with pytest.raises(ArrayFileError) as caught:
        read_table(path)
    assert message in str(caught.value) and str(path) in str(caught.value)


def test_missing_and_large_tables(tmp_path, monkeypatch):
    with pytest.raises(ArrayFileError, match="No such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(ArrayFileError, match="Is a directory"):
        read_table(tmp_path)
    monkeypatch.setattr("holigrail_hw.core.array_files.LARGEST_TEXT", 3)
    (tmp_path / "t.csv").write_text("1,23")
    with pytest.raises(ArrayFileError, match="more than 3 bytes"):
        read_table(tmp_path / "t.csv")


def test_integers_from_text_files(tmp_path):
    """Every list and every matrix of integers takes them, too."""
    cmvm = find("cmvm")
    (tmp_path / "m.csv").write_text("1,-2\n3,4.0\n")
    (tmp_path / "b.txt").write_text("5\n-6\n")
    given = {"matrix": str(tmp_path / "m.csv"), "biases": str(tmp_path / "b.txt")}
    spec = construct(cmvm, given, who="x")
    assert spec.matrix == ((1, -2), (3, 4)) and spec.biases == (5, -6)
    np.save(tmp_path / "b.npy", np.array([5.0, -6.0]))
    again = construct(cmvm, given | {"biases": str(tmp_path / "b.npy")}, who="x")
    assert again == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5\n0.5\n", "biases must hold integers in {path}, not fractions such as 0.5; scale them"),
        ("5,1\n6,1\n", "biases must be one row or one column, not 2 rows, in {path}"),
        ("5\nx\n", "biases must be a readable file of numbers, not {path} (line 2: must be a"),
    ],
)
def test_refused_integers_from_text_files(tmp_path, text, message):
    path = tmp_path / "b.csv"
    path.write_text(text)
    with pytest.raises(RequestError) as caught:
        construct(find("cmvm"), {"matrix": "1;2", "biases": str(path)}, who="x")
    assert message.format(path=path) in str(caught.value)


def test_refused_arrays(tmp_path):
    np.save(tmp_path / "m.npy", np.zeros((2, 2)))
    np.save(tmp_path / "n.npy", np.array([0.5, np.nan]))
    fir = find("fir")
    for name, message in (("m", "one array of rank 1, not of rank 2"), ("n", "finite numbers")):
        given = {"coefficients": str(tmp_path / f"{name}.npy"), "coefficient_format": "sfix8_en4"}
        with pytest.raises(RequestError, match=message):
            construct(fir, given, who="x")
