"""Requests beside those of operators: texts, lists and NumPy's integers, or a refusal by name."""

import numpy as np
import pytest

from holigrail_hw import golden
from holigrail_hw.core import RequestError
from holigrail_hw.flow.verify import verify
from holigrail_hw.formats import FixedFormat, FloatFormat, FormatError, parse
from holigrail_hw.mcm.matrix.design import MatrixRequest
from holigrail_hw.mcm.problem.errors import GraphError
from holigrail_hw.mcm.single.problem import Problem
from holigrail_hw.sparse.codecs.bitmask import Bitmask
from holigrail_hw.sparse.codecs.compressed_columns import CompressedColumns
from holigrail_hw.sparse.codecs.huffman import Huffman
from holigrail_hw.sparse.codecs.run_length import RunLength
from holigrail_hw.sparse.eie.encoding import EieSizes

I64 = np.int64
SAME = [
    (FixedFormat(I64(64), np.True_, np.int8(3)), FixedFormat(64, True, 3)),
    (FixedFormat(np.uint8(200), False), FixedFormat(200, False)),
    (FloatFormat(I64(8), np.array(23), np.int16(-7)), FloatFormat(8, 23, -7)),
    (FloatFormat(4, 3, None, "fn", np.False_, np.True_), parse("fp8_e4m3_flush_sat")),  # type: ignore[arg-type]
    (Problem([7, I64(19)], depth=I64(3)), Problem((7, 19), depth=3)),  # type: ignore[arg-type]
    (Problem(np.array([7, 19])), Problem((7, 19))),  # type: ignore[arg-type]
    (
        MatrixRequest(np.array([[1, 2]]), [[0, I64(3)], (0, 1)], np.zeros(1, int), [0]),  # type: ignore[arg-type]
        MatrixRequest(((1, 2),), ((0, 3), (0, 1)), (0,), (0,)),
    ),
    (Bitmask(I64(8), I64(4)), Bitmask(8, 4)),
    (RunLength(I64(8), I64(4), I64(2)), RunLength(8, 4, 2)),
    (CompressedColumns(I64(8), index_width=None), CompressedColumns(8, index_width=None)),
    (Huffman(np.array([1, 2, 2])), Huffman((1, 2, 2))),  # type: ignore[arg-type]
    (
        EieSizes(I64(1), 2, 3, 4, "int8"),  # type: ignore[arg-type]
        EieSizes(1, 2, 3, 4, FixedFormat(8)),
    ),
]


@pytest.mark.parametrize(("found", "plain"), SAME)
def test_requests_hold_plain_values(found, plain):
    assert found == plain and hash(found) == hash(plain)
    for name, value in vars(plain).items():
        held = getattr(found, name)
        assert type(held) is type(value) and repr(held) == repr(value)


def test_wide_formats_of_numpy_integers_do_not_overflow():
    assert FixedFormat(I64(64)).maximum == (1 << 63) - 1
    assert FloatFormat(I64(8), I64(23)).summary == parse("fp32").summary


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: FixedFormat(8.0), FormatError, "fixed point: width must be an integer, not 8.0"),
        (lambda: FixedFormat(True), FormatError, "fixed point: width must be an integer, not True"),
        (lambda: FixedFormat(8, "no"), FormatError, "signed must be True or False, not 'no'"),
        (lambda: FixedFormat(8, True, 0.5), FormatError, "fraction width must be an integer"),
        (lambda: FloatFormat("4", 3), FormatError, "exponent width must be an integer, not '4'"),
        (lambda: FloatFormat(4, 3, 1.5), FormatError, "e4m3: bias must be an integer, not 1.5"),
        (lambda: FloatFormat(4, 3, saturate="false"), FormatError, "saturate must be True or"),
        (lambda: parse(8), FormatError, "a format must be given as such or by its name, not as 8"),
        (lambda: Problem((1.5,)), GraphError, r"constants must be integers, not \(1.5,\)"),
        (lambda: Problem("7,19"), GraphError, "constants must be integers, not '7,19'"),
        (lambda: Problem((True,)), GraphError, "constants must be integers"),
        (lambda: Problem((7,), input_width=8.0), GraphError, "input width must be an integer"),
        (lambda: Problem((7,), signed="false"), GraphError, "signed must be True or False"),
        (
            lambda: MatrixRequest(((1, 2.0),), ((0, 3), (0, 1)), (0,), (0,)),
            GraphError,
            "matrix must be rows of integers",
        ),
        (lambda: Bitmask(8.0), ValueError, "value width must be an integer, not 8.0"),
        (lambda: RunLength(8, "5"), ValueError, "run width must be an integer, not '5'"),
        (lambda: Huffman("1,2,2"), ValueError, "lengths must be integers, not '1,2,2'"),
        (lambda: EieSizes(1, 2, 3, 4, "int8x"), FormatError, "no format named 'int8x'"),
        (lambda: verify.run(None, levels="half"), RequestError, "level must be one of .* 'half'"),
    ],
)
def test_anything_else_is_refused_by_name(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_golden_functions_take_names():
    x = parse("int8").unpack([[1, 2], [3, 100]])
    y = parse("int8").unpack([[3, 4], [5, 100]])
    options = {"rounding": "down", "overflow": "wrap"}
    for function in (golden.gemm, golden.accumulate):
        one = function(x, y, "int12", product="sfix12_en0", **options)
        assert np.array_equal(
            one, function(x, y, parse("int12"), product=parse("int12"), **options)
        )
        for wrong in ({"rounding": "downwards"}, {"overflow": "clip"}, {"product": "int0"}):
            with pytest.raises(FormatError, match=next(iter(wrong.values()))):
                function(x, y, "int12", **{**options, **wrong})
        with pytest.raises(FormatError, match="no format named 'int12x'"):
            function(x, y, "int12x")
    assert golden.exact_sums(x, y, accumulator="int40").to_fractions().tolist()[0] == [3, 8]
    with pytest.raises(
        FormatError, match="accumulator of exact sums must be fixed point, not fp16"
    ):
        golden.exact_sums(x, y, accumulator="fp16")
