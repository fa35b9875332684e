"""Products that cannot be are refused, with the reason."""

import numpy as np
import pytest

from holigrail_hw.formats import FormatError
from holigrail_hw.kernels import Gemm, GivenWords


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accumulation": "sum"}, "accumulation must be fused or cascade or exact or window, not"),
        ({"product": "fp16"}, "product must be left out with accumulation fused"),
        ({"chunk": 0}, "chunk must be at least 1, not 0"),
        ({"chunk": 2, "accumulation": "exact"}, "chunk must be left out with accumulation exact"),
        ({"chunk": 2, "rounding": "stochastic"}, "chunk must be left out with stochastic rounding"),
        ({"window": 1, "accumulation": "window"}, "window must be between 2 and 128 bits, not 1"),
        (
            {"via": "float32", "rounding": "up"},
            "via must be exact unless sums are fused or",
        ),
        ({"via": "float32", "start": "product"}, "start must be zero with via float32"),
        ({"rounding": "stochastic", "random_width": 33}, "random_width must be between 1 and 32"),
        ({"accumulator": "lns8_4"}, "accumulator must have binary fractions, not lns8_4"),
        ({"a": "mxfp8_e4m3"}, "a must hold one number per code, not mxfp8_e4m3"),
        ({"overflow": "wrap"}, "overflow must be left out for fp16, not wrap"),
        ({"chunk": 2.5}, r"chunk must be an integer, not 2\.5"),
        ({"random_width": "8"}, "random_width must be an integer, not '8'"),
        ({"start": "one"}, "start must be zero or product, not 'one'"),
    ],
)
def test_impossible_products_are_refused(options, message):
    with pytest.raises(FormatError, match=f"^gemm: .*{message}"):
        Gemm(**{"a": "fp8_e4m3", "b": "fp8_e4m3", "accumulator": "fp16", **options})


def test_impossible_operands_are_refused():
    gemm = Gemm(a="fp8_e4m3", b="fp8_e4m3", accumulator="fp16")
    with pytest.raises(ValueError, match="a has 2 columns, so b must have 2 rows, not 3"):
        gemm.codes(np.zeros((2, 2), int), np.zeros((3, 2), int))
    with pytest.raises(ValueError, match="a and b must be matrices, not of 1 and 2 axes"):
        gemm.codes(np.zeros(2, int), np.zeros((3, 2), int))
    with pytest.raises(FormatError, match="codes must be between 0 and 255, not 256"):
        gemm.codes([[256]], [[0]])
    with pytest.raises(FormatError, match="codes must be integers, not float64"):
        gemm.codes([[1.0]], [[0]])
    with pytest.raises(ValueError, match="a must hold numbers of fp8_e4m3, not 1.0625 at 0, 1;"):
        gemm.numbers([[1.0, 1.0625]], [[1.0], [1.0]])
    stochastic = Gemm(a="fp16", b="fp16", accumulator="fp16", rounding="stochastic")
    with pytest.raises(ValueError, match="random words must be given for stochastic rounding"):
        stochastic.codes([[1]], [[1]])
    with pytest.raises(ValueError, match="random words of sums must be"):
        stochastic.codes([[1]], [[1]], random=GivenWords(np.zeros((2, 1, 1), int)))
    with pytest.raises(ValueError, match="random words of sums must be integers of 16 bits"):
        stochastic.codes([[1]], [[1]], random=GivenWords(np.full((1, 1, 1), 1 << 16)))
    with pytest.raises(ValueError, match=r"random words of sums must be \(1, 2, 1\), not \(1, 1,"):
        stochastic.codes([[1], [1]], [[1]], random=GivenWords(np.zeros((1, 1, 1), int)))

    class Short:
        def words(self, rows, depth, columns, width, streams):
            return (np.zeros((1, 1, 1), np.int64),)

    with pytest.raises(ValueError, match=r"random words must be 1 arrays of \(1, 2, 1\)"):
        stochastic.codes([[1], [1]], [[1]], random=Short())
