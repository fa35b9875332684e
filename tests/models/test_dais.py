"""DAIS programs: files of da4ml against its own interpreter, every operation, what is refused."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from model_files import written

from holigrail_hw.models import ModelError
from holigrail_hw.models.dais.binary import dais_bytes, read_dais
from holigrail_hw.models.dais.program import DaisOperation, DaisOutput, DaisProgram, DaisType

FILES = Path(__file__).with_name("dais_files")
# Digests of the outputs that the interpreter of da4ml 0.6.0 computes for 400 random inputs; the
# programs are traced by it: a network, functions by tables and products, and operations on bits.
DIGESTS = {"net": "e771dcf66e8123f5", "functions": "0955773305fe3bbb", "bits": "329db26eaed2f476"}
S4, U4 = DaisType(True, 3, 0), DaisType(False, 4, 0)


def inputs(program, count=400):
    return np.random.default_rng(11).uniform(-6, 6, (count, len(program.input_shifts)))


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_files_of_da4ml_are_computed_as_it_does(name):
    program = read_dais(FILES / f"{name}.dais")
    found = program.run(inputs(program)) + 0.0
    digest = hashlib.sha256(np.ascontiguousarray(found, "<f8").tobytes()).hexdigest()[:16]
    assert digest == DIGESTS[name]


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_files_come_out_as_they_came_in(tmp_path, name):
    path = FILES / f"{name}.dais"
    program = read_dais(path)
    assert dais_bytes(program) == path.read_bytes()
    again = read_dais(written(tmp_path, dais_bytes(program, version=0), f"{name}.dais"))
    assert again == program


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_ranges_hold_every_number(name):
    program = read_dais(FILES / f"{name}.dais")
    numbers = program.evaluate(inputs(program) * 3, every=True)
    for column, (low, high) in zip(numbers.T, program.ranges, strict=True):
        assert low <= column.min() and column.max() <= high


def program(*operations, tables=(), output=None, inputs=2):
    """Inputs of four bits, then operations (code, first, second, data, type)."""
    entered = [DaisOperation(-1, i, -1, 0, S4) for i in range(inputs)]
    rest = [DaisOperation(*operation) for operation in operations]
    last = DaisOutput(len(entered) + len(rest) - 1 if output is None else output, 0, False)
    return DaisProgram("p", (0,) * inputs, (*entered, *rest), (last,), tuple(tables))


def both(low, high=0):
    """Two halves of the data."""
    return (high << 32) | (low & 0xFFFFFFFF)


GRID = np.array([[a, b] for a in range(-8, 8) for b in range(-8, 8)], float)
A, B = GRID.astype(int).T
WIDE = DaisType(True, 15, 0)
HALF = DaisType(True, 15, 1)
ONE = DaisType(False, 1, 0)
TABLE = tuple(range(100, 116))
CASES = {
    "sum": ((0, 0, 1, 2, WIDE), A + 4 * B),
    "difference": ((1, 0, 1, -1, HALF), 2 * A - B),
    "sum_rounded_down": ((0, 0, 1, -1, WIDE), (2 * A + B) >> 1),
    "relu": ((2, 0, -1, 0, DaisType(False, 2, 0)), np.maximum(A, 0) & 3),
    "relu_of_negative": ((-2, 0, -1, 0, U4), np.maximum(-A, 0)),
    "quantised": ((3, 0, -1, 0, DaisType(True, 2, -1)), ((A >> 1) + 2) % 4 - 2),
    "quantised_finer": ((3, 0, -1, 0, HALF), 2 * A),
    "quantised_negative": ((-3, 0, -1, 0, U4), -A & 15),
    "constant_added": ((4, 0, -1, both(-5, -1), HALF), 2 * A - 5),
    "constant": ((5, -1, -1, both(77), WIDE), A * 0 + 77),
    "chosen": ((6, 0, 1, both(0, 1), WIDE), np.where(A < 0, A, 2 * B)),
    "chosen_negative": ((-6, 1, 0, both(1, 0), S4), np.where(B < 0, B, (-A + 8) % 16 - 8)),
    "product": ((7, 0, 1, 0, WIDE), A * B),
    "product_finer": ((7, 0, 1, 0, HALF), 2 * A * B),
    "table": ((8, 0, -1, both(0), WIDE), A + 108),
    "inverted": ((9, 0, -1, 0, S4), ~A),
    "inverted_unsigned": ((9, 0, -1, 0, U4), ~A & 15),
    "any": ((9, 0, -1, 1, ONE), A != 0),
    "all": ((9, 0, -1, 2, ONE), A == -1),
    "all_of_negative": ((-9, 0, -1, 2, ONE), A == 1),
    "and": ((10, 0, 1, 0, S4), A & B),
    "or_shifted": ((10, 0, 1, both(1, 1 << 24), WIDE), A | 2 * B),
    "xor_of_negatives": ((10, 0, 1, both(0, (2 << 24) | 3), WIDE), -A ^ -B),
}


@pytest.mark.parametrize("name", CASES)
def test_every_operation_means_what_the_instruction_set_says(tmp_path, name):
    operation, wanted = CASES[name]
    made = program(operation, tables=[TABLE])
    made = read_dais(written(tmp_path, dais_bytes(made), "p"))
    assert (made.evaluate(GRID)[:, 0] == wanted).all()
    low, high = made.ranges[-1]
    assert low <= wanted.min() and wanted.max() <= high
    # The same operation in integers of any size.
    filler = DaisOperation(5, -1, -1, 1, DaisType(True, 90, 0))
    wide = replace(made, operations=(*made.operations, filler))
    numbers = wide.evaluate(GRID)
    assert numbers.dtype == object and (numbers[:, 0] == wanted).all()


def test_the_uppermost_bit_of_an_unsigned_number():
    made = program((3, 0, -1, 0, U4), (6, 0, 1, both(2), S4))
    assert (made.evaluate(GRID)[:, 0] == np.where(A & 15 >= 8, A, B)).all()


def test_inputs_are_cut_and_wrapped():
    kind = DaisType(True, 2, 3)
    made = DaisProgram("p", (1,), (DaisOperation(-1, 0, -1, 0, kind),), (DaisOutput(0, -1, True),))
    x = np.array([[0.2], [-0.2], [1.96875], [2.0], [-2.0], [1e9 + 0.3], [-1e30], [0.0]])
    codes = [int(v) for v in np.floor(x * 16).reshape(-1)]
    wanted = np.array([[-(((code + 32) % 64) - 32)] for code in codes])
    assert (made.evaluate(x) == wanted).all()
    assert (made.run(x) == wanted / 16).all()


def test_wide_numbers_stay_exact():
    """Squares of squares of 40 bits."""
    kind = DaisType(True, 39, 0)
    first = DaisOperation(-1, 0, -1, 0, kind)
    square = DaisOperation(7, 0, 0, 0, DaisType(False, 79, 0))
    plus = DaisOperation(4, 1, -1, both(-3, -1), DaisType(True, 80, 0))
    made = DaisProgram("p", (0,), (first, square, plus), (DaisOutput(2, 0, False),))
    value = (1 << 39) - 1
    assert made.evaluate(np.array([[float(value)]]))[0, 0] == value**2 - 3


def test_an_output_of_nothing_is_zero():
    made = replace(program((0, 0, 1, 0, WIDE)), outputs=(DaisOutput(-1, 3, True),))
    assert (made.run(GRID) == 0).all()


def test_numbers_that_leave_their_types_are_refused():
    made = program((0, 0, 1, 0, S4))
    with pytest.raises(ModelError) as caught:
        made.evaluate(GRID)
    assert str(caught.value) == (
        "p: operation 2, code 0: numbers must fit their type of 4 bits, not be -16 to 14"
    )
    made = program((8, 0, -1, 0, WIDE), tables=[TABLE[:10]])
    with pytest.raises(ModelError, match="must lie in the table of 10 entries, not at 0 to 15"):
        made.evaluate(GRID)
    with pytest.raises(ModelError, match=r"inputs must be numbers of shape \(samples, 2\), not"):
        made.evaluate(GRID[:, :1])
    with pytest.raises(ModelError, match="inputs must be finite numbers"):
        made.evaluate(np.full((1, 2), np.nan))


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ((11, 0, 1, 0, S4), "code 11: the code must be known"),
        ((0, 0, 2, 0, S4), "code 0: operands must come before it, not be 2"),
        ((0, -1, 1, 0, S4), "code 0: operands must come before it, not be -1"),
        ((-1, 2, -1, 0, S4), "code -1: operands must come before it, not be 2"),
        ((3, 0, 1, 0, S4), "code 3: operand 1 must be left out, not be 1"),
        ((6, 0, 1, both(2), S4), "code 6: its condition must come before it, not be 2"),
        ((8, 0, -1, both(1), S4), "code 8: the table must be in the file, not be 1"),
        ((9, 0, -1, 3, S4), "code 9: the function of bits must be 0 to 2, not 3"),
        ((10, 0, 1, both(0, 3 << 24), S4), "code 10: the function of bits must be 0 to 2, not 3"),
        ((0, 0, 1, both(10**6), S4), "code 0: shifts must be at most 256 places, not 1000000"),
        ((3, 0, -1, 0, DaisType(True, 10**6, 0)), "types must have 0 to 128 bits, not 1000000"),
        ((3, 0, -1, 0, DaisType(True, 2, -4)), "types must have 0 to 128 bits, not 2 and -4"),
    ],
)
def test_operations_that_are_refused(tmp_path, operation, text):
    with pytest.raises(ModelError) as caught:
        read_dais(written(tmp_path, dais_bytes(program(operation, tables=[TABLE])), "p.dais"))
    assert str(caught.value).startswith("p.dais: operation 2, code") and text in str(caught.value)


def test_files_that_are_refused(tmp_path):
    good = dais_bytes(program((8, 0, -1, 0, WIDE), tables=[TABLE]))
    words = np.frombuffer(good, "<i4")

    def changed(place, value):
        other = words.copy()
        other[place] = value
        return other.tobytes()

    for data, text in (
        (good[:-1], "must be 32-bit integers, 6 at least, not"),
        (good[:20], "must be 32-bit integers, 6 at least, not 20 bytes"),
        (good[:-4], "tables must fill the rest of the file, not have 16"),
        (good + b"0000", "tables must fill the rest of the file, not have 16"),
        (changed(0, 2), "the version of DAIS must be 0 or 1, not 2"),
        (changed(2, 0), "there must be inputs, outputs and operations, not none"),
        (changed(4, 1 << 30), "integers must be there, not"),
        (changed(8, 9), "output 0: it must be an operation, not 9"),
        (changed(9, 999), "shifts must be at most 256 places"),
    ):
        with pytest.raises(ModelError) as caught:
            read_dais(written(tmp_path, data, "p.dais"))
        assert str(caught.value).startswith("p.dais: ") and text in str(caught.value)


def test_random_files_end_in_one_line(tmp_path):
    words = np.fromfile(FILES / "functions.dais", "<i4")
    rng = np.random.default_rng(2)
    refused = 0
    for _ in range(300):
        other = words.copy()
        other[rng.integers(len(words))] = rng.choice([-1, 0, 3, 40, 1 << 30, -(1 << 31)])
        try:
            made = read_dais(written(tmp_path, other.tobytes(), "p.dais"))
            made.run(inputs(made, 5))
        except ModelError:
            refused += 1
    assert 30 < refused < 300
