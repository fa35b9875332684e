"""The operator cmvm: hardware against exact products, pipelines, wrong requests."""

import re
from dataclasses import dataclass

import numpy as np
import pytest
from hardware import check
from hypothesis import given, settings
from hypothesis import strategies as st

from holigrail_hw.core import DesignError, RequestError, Timing, parameters_of
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.flow.prove import prove
from holigrail_hw.formats import Rounding, parse
from holigrail_hw.mcm.build import matrix_datapath
from holigrail_hw.mcm.cmvm.operator import MatrixMultiplication

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

MATRIX = ((7, -3, 0), (19, 5, -21), (-8, -6, -1), (0, 0, 0), (14, -6, 0))


def cmvm(matrix=MATRIX, input="int8", **options):
    return MatrixMultiplication(matrix=matrix, input=parse(input), **options)


def rounded(result, **options):
    return cmvm(result=parse(result), iterations=5, **options)


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


ROUNDINGS = [mode for mode in Rounding if not mode.is_stochastic]


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_rounding_mode(rounding):
    biases = (5, -70, 0, 3, 1000)
    for result, overflow, relu in (
        ("sfix6_en-3", "saturate", False),
        ("ufix5_en-2", "wrap", True),
        ("sfix3_en-9", "wrap", False),
        ("uint7", "saturate", False),
    ):
        options = {"rounding": rounding, "overflow": overflow, "relu": relu}
        check(
            [
                rounded(result, input="int5", **options),
                rounded(result, input="uint4", biases=biases, **options),
                rounded(result, input="int5", biases=biases, error=11, **options),
            ],
            count=800,
        )


def test_results_with_more_bits():
    check([rounded("sfix20_en7", input="sfix5_en3"), rounded("int3", relu=True)], count=900)


def test_relu_without_a_result():
    check([cmvm(relu=True, biases=(5, -9999, 0, 3, 4))], count=900)
    formats = cmvm(relu=True, biases=(5, -9999, 0, 3, 4)).outputs()
    assert str(formats["result1"]) == "uint1" and not formats["result0"].signed


@pytest.mark.parametrize("options", [{"error": 40}, {"faithful": True}, {"error_ulp": 1}])
@pytest.mark.parametrize("input", ["int8", "uint7", "sfix4_en2"])
def test_truncated_products(options, input):
    spec = cmvm(input=input, iterations=20, biases=(50, -7, 0, 3, -1000), **options)
    check([spec], count=2000)
    codes = spec.items(4000, np.random.default_rng(8))
    found, exact = spec.golden(**codes), cmvm(input=input, biases=spec.biases).golden(**codes)
    formats = cmvm(input=input, biases=spec.biases).outputs()
    unit = 2**spec.input.fraction_width
    worst = 0
    for name, format in spec.outputs().items():
        errors = (format.decode(found[name]) - formats[name].decode(exact[name])) * unit
        worst = max(worst, np.abs(errors).max())
    assert worst <= spec.facts()["worst error"] <= spec.facts()["error bound"] == spec.bound
    assert spec.facts()["one-bit adders"] <= spec.facts()["one-bit adders without truncation"]


def test_faithful_results_are_off_by_at_most_one_unit():
    matrix = tuple(
        tuple(map(int, row)) for row in np.random.default_rng(2).integers(-64, 64, (3, 4))
    )
    options = {"biases": (300, -5000, 77), "result": parse("sfix8_en-7"), "iterations": 20}
    spec, exact = cmvm(matrix, faithful=True, **options), cmvm(matrix, **options)
    assert spec.bound == 64
    codes = spec.items(20000, np.random.default_rng(3))
    found, wanted = spec.golden(**codes), exact.golden(**codes)
    sums = np.array(matrix) @ np.array([exact.input.decode(codes[f"x{i}"]) for i in range(4)])
    differ = 0
    for index, name in enumerate(found):
        values = spec.result.decode(found[name])
        true = np.clip(sums[index] + options["biases"][index], -128 * 128, 127 * 128)
        assert np.abs(values - true).max() < 128
        differ += int((found[name] != wanted[name]).sum())
    assert differ
    check([spec], Timing(latency=2), count=1000)


def test_wide_and_pipelined_truncation():
    matrix = ((815, -621), (1, 1 << 20))
    check([cmvm(matrix, "int32", error=1 << 20), cmvm(matrix, "int40", error=9)], count=300)
    check([rounded("sfix16_en-40", matrix=((1 << 40, -77),), input="int32")], count=300)


def test_biases_use_adders_that_are_there():
    matrix = ((1, 16), (4, -32))
    plain, biased = cmvm(matrix), cmvm(matrix, biases=(5, 3))
    assert biased.facts()["adders behind the graph"] == 0
    assert biased.cost()["adders"] == plain.cost()["adders"]
    check([biased], count=2000)


DENSE = ((115, -60, 83), (-99, 43, -128), (71, 26, -90))


def test_dense_matrices_are_proved():
    found = prove.run(cmvm(DENSE, iterations=5), time_limit_s=120)
    assert found.proved and found.against == "reference circuit"


def test_truncated_rounded_sums_are_proved():
    options = {"biases": (9, -7), "error_ulp": 1, "relu": True}
    spec = cmvm(((7, -3), (19, 5)), result=parse("uint5"), iterations=5, **options)
    assert spec.circuit.is_truncated
    assert prove.run(spec, time_limit_s=120).proved


def test_a_proof_refutes_an_adder_with_another_carry(monkeypatch):
    whole = matrix_datapath._sum

    def broken(adder, truncate, fold, facts, shape):
        return whole(adder, truncate, fold._replace(carry=1 - fold.carry), facts, shape)

    monkeypatch.setattr(matrix_datapath, "_sum", broken)
    with pytest.raises(DesignError, match="refuted"):
        prove.run(cmvm(DENSE[:2], iterations=5), time_limit_s=60)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_the_reference_circuit_rounds_as_the_golden_model_does(rounding):
    @dataclass(frozen=True, kw_only=True)
    class Naive(MatrixMultiplication):
        def datapath(self, plan, **wires):
            return self._naive(plan, **wires)

    for overflow, relu in (("saturate", False), ("wrap", True)):
        options = {"overflow": overflow, "relu": relu, "rounding": rounding}
        result = parse("sfix3_en-2")
        check([Naive(matrix=((7, -3),), input=parse("int4"), result=result, **options)])


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
    sums = [name for name, _, _ in spec.plan().resources if re.fullmatch(r"sum\d+", name)]
    assert len(sums) == spec.facts()["adders"] == len(spec.graph.adders)
    facts = spec.facts()
    assert spec.cost()["adders"] == facts["adders"] + facts["adders behind the graph"]
    assert spec.cost()["one_bit_adders"] == facts["one-bit adders"]


def test_matrices_as_text_rows_and_files(tmp_path):
    rows = ((7, -3), (31, 0))
    np.save(tmp_path / "weights.npy", np.array(rows, dtype=np.float32))
    for given_as in ("7,-3;0x1f,0", [[7, -3], [31, 0]], str(tmp_path / "weights.npy")):
        assert texts(matrix=given_as) == {"matrix": rows}
    assert cmvm(rows).parameters()["matrix"] == "7,-3;31,0"


def test_files_that_hold_no_matrix_of_integers(tmp_path):
    for array, message in (
        (np.array([[0.5]]), "must be integers, not 0.5"),
        (np.array([1, 2]), "must be a matrix"),
    ):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(RequestError, match=f"cmvm: matrix {message}"):
            MatrixMultiplication(**texts(matrix=str(tmp_path / "a.npy")))
    (tmp_path / "a.npy").write_bytes(b"x")
    for name in ("a.npy", "absent.npy"):
        with pytest.raises(RequestError, match="cmvm: matrix must be a readable NumPy file"):
            texts(matrix=str(tmp_path / name))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"matrix": "1,2;3"}, r"cmvm: rows of the matrix must be equally long, not \[1, 2\]"),
        ({"matrix": "1,x"}, "cmvm: matrix must be numbers separated by commas, in rows"),
        ({"matrix": str(1 << 70)}, "cmvm: matrix and biases must have at most 64 bits"),
        ({"depth": "2"}, "cmvm: depth must be 3 or more for this matrix, not 2"),
        ({"biases": "1"}, "cmvm: biases must be 2, one per row, not 1"),
        ({"input": "fp16"}, "cmvm: input must be an integer or fixed point, not fp16"),
        ({"result": "fp16"}, "cmvm: result must be an integer or fixed point, not fp16"),
        ({"rounding": "stochastic"}, "cmvm: rounding must need no random numbers, not stochastic"),
        (
            {"error": "1", "faithful": "true"},
            "cmvm: only one of error, error_ulp and faithful may be given",
        ),
        ({"error": "-1"}, "cmvm: error must be between 0 and .*, not -1"),
        (
            {"rounding": "down", "faithful": "true"},
            "cmvm: rounding must be to nearest for faithful outputs, not down",
        ),
        (
            {"result": "int8", "output_bits": "8"},
            "cmvm: output_bits must not be given beside a result format",
        ),
        ({"matrix": ""}, "cmvm: matrix must be numbers separated by commas, in rows"),
    ],
)
def test_wrong_requests(options, message):
    with pytest.raises(RequestError, match=message):
        MatrixMultiplication(**texts(**options))


def test_no_matrix():
    with pytest.raises(RequestError, match="matrix must have at least one row$"):
        MatrixMultiplication(matrix=())


@pytest.mark.parametrize("given", ["least", "none", None])
def test_the_least_depth_is_one_word(given):
    matrix = ((45, 107), (-21, 3), (0, 1))
    spec = MatrixMultiplication(matrix=matrix, depth=given)
    assert spec.depth == spec.graph.depth == spec.facts()["least depth"] == 3
    deep = MatrixMultiplication(matrix=matrix, depth=64)
    assert len(deep.graph.adders) <= len(spec.graph.adders)
    legal = parameters_of(MatrixMultiplication)["depth"].legal
    assert legal == "1 to 64, least"


def test_fewer_one_bit_adders_if_they_are_asked_for():
    matrix = ((22, -9, 13, -32), (31, 5, -17, 2), (-11, 29, 6, -25), (8, -30, 19, 27))
    few, cheap = (
        MatrixMultiplication(matrix=matrix, metric=metric, input=parse("int6"), depth=64).facts()
        for metric in ("adders", "one-bit-adders")
    )
    assert few["adders"] <= cheap["adders"]
    assert cheap["one-bit adders"] < few["one-bit adders"]
