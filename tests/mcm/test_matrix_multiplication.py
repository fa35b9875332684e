"""The operator cmvm: hardware against exact products, pipelines, wrong requests."""

import numpy as np
import pytest
from hardware import check
from hypothesis import given, settings
from hypothesis import strategies as st

from holigrail_hw.core import RequestError, Timing
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.formats import parse
from holigrail_hw.mcm.matrix_multiplication import MatrixMultiplication

MATRIX = ((7, -3, 0), (19, 5, -21), (-8, -6, -1), (0, 0, 0), (14, -6, 0))


def cmvm(matrix=MATRIX, input="int8", **options):
    return MatrixMultiplication(matrix=matrix, input=parse(input), **options)


def texts(**options):
    return parse_parameters(MatrixMultiplication, options, who="cmvm")


@pytest.mark.parametrize("input", ["int8", "uint5", "int1", "uint1", "sfix5_en9"])
def test_every_product(input):
    check([cmvm(input=input), cmvm(input=input, biases=(5, -1000, 0, 3, 1 << 20))], count=2000)


@pytest.mark.parametrize("timing", [Timing(latency=2), Timing(period_ns=2.0)])
def test_pipelines(timing):
    check([cmvm(biases=(1, 2, 3, 4, 5))], timing, 1200)


def test_all_inputs_negative():
    check([cmvm(((-1, -1), (-4, -2), (-3, 0), (-1, 1)), "int4"), cmvm(((-1, -1),), "uint4")])


def test_wide_inputs():
    check([cmvm(((815, -621), (1, 1 << 20)), "int32")], count=500)


@settings(max_examples=8, deadline=None)
@given(
    st.integers(1, 4).flatmap(
        lambda n: st.lists(
            st.lists(st.integers(-40, 40), min_size=n, max_size=n).map(tuple),
            min_size=1,
            max_size=4,
        ).map(tuple)
    ),
    st.sampled_from(["int3", "uint3"]),
)
def test_any_matrix(matrix, input):
    check([cmvm(matrix, input, iterations=5)], count=400)


def test_golden_is_the_product():
    rng = np.random.default_rng(5)
    x = rng.integers(-128, 128, (3, 50))
    found = cmvm(biases=(1, 2, 3, 4, 5)).golden(
        **{f"x{i}": (row & 255).astype(np.uint64) for i, row in enumerate(x)}
    )
    expected = np.array(MATRIX) @ x + np.array([[1], [2], [3], [4], [5]])
    for index, (name, format) in enumerate(cmvm(biases=(1, 2, 3, 4, 5)).outputs().items()):
        assert np.array_equal(format.decode(found[name]), expected[index])


def test_every_adder_is_one_step():
    spec = cmvm()
    sums = [name for name, _, _ in spec.plan().resources if name.startswith("sum")]
    assert len(sums) == spec.facts()["adders"] == len(spec.graph.adders)
    assert spec.cost()["adders"] == spec.facts()["adders"] + spec.facts()["negations"]


def test_matrices_as_text_rows_and_files(tmp_path):
    rows = ((7, -3), (31, 0))
    np.save(tmp_path / "weights.npy", np.array(rows, dtype=np.float32))
    for given_as in ("7,-3;0x1f,0", [[7, -3], [31, 0]], str(tmp_path / "weights.npy")):
        assert texts(matrix=given_as) == {"matrix": rows}
    assert cmvm(rows).parameters()["matrix"] == "7,-3;31,0"


def test_files_that_hold_no_matrix_of_integers(tmp_path):
    for array, message in (
        (np.array([[0.5]]), "must hold integers"),
        (np.array([1, 2]), "must be a matrix"),
    ):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(RequestError, match=f"cmvm: matrix {message}"):
            texts(matrix=str(tmp_path / "a.npy"))
    (tmp_path / "a.npy").write_bytes(b"x")
    for name in ("a.npy", "absent.npy"):
        with pytest.raises(RequestError, match="cmvm: matrix must be a readable NumPy file"):
            texts(matrix=str(tmp_path / name))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"matrix": "1,2;3"}, r"cmvm: rows of the matrix must be equally long, not \[1, 2\]"),
        ({"matrix": "1,x"}, "cmvm: matrix must be integers separated by commas, in rows"),
        ({"matrix": str(1 << 70)}, "cmvm: matrix and biases must have at most 64 bits"),
        ({"depth": "2"}, "cmvm: depth must be 3 or more for this matrix, not 2"),
        ({"biases": "1"}, "cmvm: biases must be 2, one per row, not 1"),
        ({"input": "fp16"}, "cmvm: input must be an integer or fixed point, not fp16"),
    ],
)
def test_wrong_requests(options, message):
    with pytest.raises(RequestError, match=message):
        MatrixMultiplication(**texts(**options))


def test_no_matrix():
    with pytest.raises(RequestError, match="matrix must have at least one row and one column"):
        MatrixMultiplication(matrix=())
