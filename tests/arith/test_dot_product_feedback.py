"""Dot products whose sum goes on: against dot products with an addend, and golden in hardware."""

import numpy as np
import pytest
from hardware import check, make

from holigrail_hw.arith.add import Add
from holigrail_hw.arith.dot_product import feedback
from holigrail_hw.arith.dot_product.operator import DotProduct
from holigrail_hw.core import RequestError, Timing

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

KINDS = {
    "chunks": {"terms": 3, "accumulation": "chunked", "chunk": 2, "partial": "e5m4"},
    "exact": {"terms": 3, "result": "fp16"},
    "window": {"terms": 2, "accumulation": "window", "window": 9, "result": "e5m4"},
    "tree": {"terms": 4, "accumulation": "tree", "a": "int4", "result": "bf16", "rounding": "up"},
    "integers": {"terms": 5, "a": "int4", "b": "uint3", "result": "int9"},
    "derived": {"terms": 2, "a": "sfix4_en2", "b": "ternary"},
    "saturated": {"terms": 2, "a": "uint1", "b": "int1", "result": "int3", "overflow": "saturate"},
    "rounded integers": {"terms": 3, "a": "int5", "b": "int4", "result": "e4m3"},
    "binary": {"terms": 16, "a": "binary", "b": "binary", "result": "int8"},
    "posits": {"terms": 2, "a": "posit6_1", "b": "posit6_1", "result": "posit8_2"},
    "blocks": {"terms": 2, "a": "block2_fp4_e2m1", "b": "block2_fp4_e2m1", "result": "fp16"},
    "stochastic": {"terms": 2, "rounding": "stochastic", "random_width": 3, "result": "bf16"},
    "stochastic window": {
        **{"terms": 1, "accumulation": "window", "window": 5, "rounding": "stochastic"},
        **{"a": "fp8_e5m2", "b": "fp8_e5m2", "result": "e5m3"},
    },
}


def dot(**texts) -> DotProduct:
    return make(DotProduct, feedback=True, **texts)


@pytest.mark.parametrize("kind", KINDS)
def test_hardware_equals_golden(kind):
    check([dot(**KINDS[kind])], count=1000)


@pytest.mark.parametrize("kind", [k for k in KINDS if "stochastic" not in k])
def test_it_is_a_dot_product_and_an_addition(kind):
    """Item by item, by operators that have been compared with fractions."""
    spec = dot(**KINDS[kind])
    codes = spec.items(120, np.random.default_rng(2))
    codes["clear"][0] = 1
    apart = {key: value for key, value in KINDS[kind].items() if key != "result"}
    if spec.is_once:
        alone = make(DotProduct, **apart, c=spec.target.name, result=spec.target.name)
        step = [alone]
    else:
        sums = make(DotProduct, **apart, result=(spec.partial or spec.target).name)
        add = make(
            Add,
            a=sums.target.name,
            b=spec.target.name,
            result=spec.target.name,
            rounding=spec.rounding.value,
        )
        step = [sums, add]
    zero = np.uint64(spec.target.encode(0))
    total, expected = zero, []
    for index in range(120):
        item = {name: values[index : index + 1] for name, values in codes.items()}
        clear, enable = (int(item.pop(name)[0]) for name in ("clear", "enable"))
        total = zero if clear else total
        if enable and len(step) == 1:
            total = step[0].golden(**item, c=np.array([total]))["result"][0]
        elif enable:
            found = step[0].golden(**item)["result"]
            total = step[1].golden(a=found, b=np.array([total]))["result"][0]
        expected.append(total)
    found = spec.golden(**codes)["result"]
    # +0 and -0 are one number here; which it is, hardware is compared with golden for.
    same = spec.target.decode(found), spec.target.decode(np.array(expected))
    np.testing.assert_array_equal(*same)


@pytest.mark.parametrize("kind", ["exact", "chunks", "window"])
def test_pipelines_interleave_sums(kind):
    spec, fast = dot(**KINDS[kind]), Timing(period_ns=7.0)
    assert spec.plan(fast).interleave > 1
    check([spec], fast, 500)


def test_a_sum_that_forgets_is_noticed(monkeypatch):
    right = feedback.float_accumulator
    monkeypatch.setattr(
        *(feedback, "float_accumulator"),
        lambda plan, number, clear, enable, *how: right(
            plan, number, plan.constant(1, 1), enable, *how
        ),
    )
    with pytest.raises(AssertionError, match=" of .* wrong"):
        check([dot(**KINDS["exact"])])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"c": "fp16"}, "c must be left out with feedback, which adds the sum before"),
        (
            {"a": "lns8_3", "b": "lns8_3", "accumulation": "tree"},
            "feedback must be left out where the result is lns8_3",
        ),
        (
            {"result": "int16"},
            "result must be a float with feedback, unless all is fixed, not int16",
        ),
        (
            {"a": "int4", "b": "int4", "result": "ternary"},
            "result must be a format that holds sums, not ternary",
        ),
        (
            {"a": "sfix4_en3", "b": "int4", "result": "int16"},
            "result must have at least 3 fraction bits with feedback, not fewer",
        ),
        (
            {"a": "int4", "b": "int4", "result": "int7", "overflow": "saturate"},
            "result must hold every dot product to saturate, as int9 does, not int7",
        ),
    ],
)
def test_refusals(texts, message):
    with pytest.raises(RequestError) as caught:
        dot(**texts)
    assert str(caught.value) == f"dot-product: {message}"
