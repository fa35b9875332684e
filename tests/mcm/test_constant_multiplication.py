"""The operator: hardware against exact products, truncation within its bound, wrong requests."""

import re
import subprocess
import sys

import numpy as np
import pytest
from hardware import check

from holigrail_hw.core import RequestError, Timing
from holigrail_hw.core.parameters import parse_parameters
from holigrail_hw.formats import parse
from holigrail_hw.mcm.graph.adder_graph import decompose
from holigrail_hw.mcm.mcm import ConstantMultiplication

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def mcm(*constants, input="int8", **options):
    return ConstantMultiplication(constants=constants, input=parse(input), **options)


@pytest.mark.parametrize("metric", ["adders", "one-bit-adders"])
@pytest.mark.parametrize("input", ["int8", "uint7", "int1", "sfix5_en9"])
@pytest.mark.parametrize(
    "constants", [(7, 19, 31), (-45, 90, 0, 1, -1, 45), (0,), (815, 621, -831, 105), (128,)]
)
def test_every_product(constants, input, metric):
    spec = mcm(*constants, input=input, metric=metric)
    check([spec])


def test_golden_is_the_product():
    spec = mcm(7, -19, 0, input="int4")
    found = spec.golden(x=np.arange(16, dtype=np.uint64))
    for code in range(16):
        x = code - 16 if code > 7 else code
        for index, constant in enumerate((7, -19, 0)):
            format = spec.outputs()[f"result{index}"]
            value = int(found[f"result{index}"][code])
            if format.signed and value >> (format.width - 1):
                value -= 1 << format.width
            assert value == constant * x


@pytest.mark.parametrize("timing", [Timing(latency=2), Timing(period_ns=2.0), Timing(latency=5)])
def test_pipelines(timing):
    check([mcm(815, 621, -831, 105, metric="one-bit-adders")], timing)


def test_wide_inputs():
    check([mcm(815, -621, 12345, input="int64")], Timing())


@pytest.mark.parametrize("input", ["int8", "uint8"])
@pytest.mark.parametrize(
    ("constants", "error"), [((3, 21, 159), 64), ((5, -21, 107), 64), ((277, 1108, 40, 4968), 512)]
)
def test_truncated_products_stay_within_the_bound(constants, error, input):
    spec = mcm(*constants, input=input, metric="one-bit-adders", error=error)
    assert spec.facts()["worst error"] <= error
    assert spec.cost()["one_bit_adders"] < mcm(*constants, input=input).cost()["one_bit_adders"]
    check([spec])
    codes = np.arange(256, dtype=np.uint64)
    x = codes.astype(np.int64)
    if input == "int8":
        x = x - ((x >> 7) << 8)
    for (name, format), constant in zip(spec.outputs().items(), constants, strict=True):
        value = spec.golden(x=codes)[name].astype(np.int64)
        if format.signed:
            value -= (value >> (format.width - 1)) << format.width
        assert abs(value - constant * x).max() <= error


def test_ways_to_allow_an_error():
    one_bit = {"metric": "one-bit-adders"}
    # 159 * 128 takes 15 bits and a sign, so an 8-bit output has steps of 256.
    assert mcm(3, 21, 159, error_ulp=1, **one_bit).bound == 256
    assert mcm(3, 21, 159, faithful=True, **one_bit).bound == 128
    assert mcm(3, 21, 159, faithful=True, output_bits=10, **one_bit).bound == 32
    assert mcm(3, 21, 159, faithful=True, output_bits=40, **one_bit).bound == 0


def test_cost_is_that_of_the_graph():
    spec = mcm(3, 21, 159, metric="one-bit-adders")
    assert spec.cost()["adders"] == 4
    assert spec.cost()["one_bit_adders"] == 40
    assert spec.facts()["optimal"] == "proved"


def test_every_adder_is_one_step_that_is_kept():
    spec = mcm(815, 621, 831, 105)
    plan = spec.plan()
    adders = [name for name, primitive, _ in plan.resources if primitive.one_bit_adders()]
    names = [name.removeprefix("minus_") for name in adders]
    assert names == [f"times{f}" for f in spec.graph.fundamentals[1:]]


def test_negative_constants_cost_a_negation_each():
    assert mcm(-7, 7).cost()["adders"] == 2
    assert decompose(-28) == (7, 2, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"constants": "7,x"},
            "mcm: constants must be numbers separated by commas, or the path of",
        ),
        ({"constants": ""}, "mcm: constants must be numbers separated by commas, or the path of"),
        ({"constants": "7,2.5"}, "mcm: constants must be integers, not 2.5, unless"),
        ({"depth": "0"}, "mcm: depth must be between 1 and 64, not 0"),
        ({"constants": "815", "depth": "2"}, "mcm: depth must be 3 or more, not 2"),
        ({"constants": str(1 << 70)}, "mcm: constants must have at most 64 bits"),
        ({"input": "fp16"}, "mcm: input must be an integer or fixed point, not fp16"),
        ({"metric": "luts"}, "mcm: metric must be one of adders, one-bit-adders, not luts"),
        ({"error": "4"}, "mcm: an error bound needs metric one-bit-adders, not adders"),
        ({"error": "4", "faithful": "true"}, "mcm: only one of error, error_ulp and faithful"),
    ],
)
def test_wrong_requests(options, message):
    with pytest.raises(RequestError, match=message.replace("(", r"\(")):
        ConstantMultiplication(**parse_parameters(ConstantMultiplication, options, who="mcm"))


def test_no_constants():
    with pytest.raises(RequestError, match="constants must hold at least one integer"):
        ConstantMultiplication(constants=())


def test_an_unknown_solver():
    with pytest.raises(RequestError, match="mcm: solver must be one of HiGHS, .*, not nobody"):
        mcm(7, 19, 45, engine="ilp", solver="nobody")
    with pytest.raises(RequestError, match="solver must be one of .*, not MOSEK") as caught:
        mcm(7, 19, 45, engine="ilp", solver="MOSEK").plan()
    assert "MOSEK is not installed" in str(caught.value.hint)


def test_lists_of_integers_as_parameters():
    texts = ["7,-19,0x1f", [7, -19, 31], "7, -19, 31"]
    for text in texts:
        values = parse_parameters(ConstantMultiplication, {"constants": text}, who="mcm")
        assert values == {"constants": (7, -19, 31)}
    assert mcm(7, -19, 31).parameters()["constants"] == "7,-19,31"
    assert re.fullmatch(r"mcm_constants_7_n19_31_int8_[0-9a-f]{12}", mcm(7, -19, 31).top_name())


def test_the_searches_load_no_amaranth():
    modules = ("single.solve", "single.kept_solutions", "single.ilp", "truncation.search")
    program = (
        f"import {', '.join(f'holigrail_hw.mcm.{name}' for name in modules)}\n"
        "import sys; print([m for m in ('amaranth', 'numpy', 'pulp') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
