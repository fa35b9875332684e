"""softmax against floats and against the bound that it states, and its hardware."""

import numpy as np
import pytest
from hardware import check, make

from holigrail_hw.core import RequestError, Timing
from holigrail_hw.nn.softmax.exponentials import exponentials
from holigrail_hw.nn.softmax.operator import Softmax


def of(**options: object) -> Softmax:
    found = make(Softmax, **options)
    assert isinstance(found, Softmax)
    return found


@pytest.mark.parametrize(
    "options",
    [
        {"length": 2, "result": "ufix8_en8"},
        {"length": 10, "input": "int8", "result": "ufix8_en8"},
        {"length": 7, "input": "sfix9_en5", "result": "ufix10_en9"},
        {"length": 3, "input": "ufix3_en-1", "result": "ufix4_en4"},
        {"length": 3, "exponential_bits": 4, "reciprocal_bits": 5},
        {"length": 24, "exponential_bits": 2, "reciprocal_bits": 9, "input": "sfix5_en3"},
        {"length": 64, "input": "sfix6_en3", "result": "sfix12_en11"},
    ],
)
def test_against_floats(options):
    """No result is off by more than is stated; with few bits some are off by more than a unit."""
    spec = of(**options)
    codes = spec.items(1500, np.random.default_rng(4))
    x = np.stack([spec.input.decode(codes[name]) for name in spec.inputs()]).astype(float)
    e = np.exp(x - x.max(axis=0))
    found = spec.golden(**codes)
    y = np.stack([spec.result.decode(found[name]) for name in spec.outputs()]).astype(float)
    exact = np.minimum(e / e.sum(axis=0), float(spec.result.number_range[1]))
    off = abs(y - exact).max()
    assert 0 < off <= float(spec.bound) + 1e-12
    unit = 2.0**spec.result.least_place
    assert (float(spec.bound) <= unit) == ("exponential_bits" not in options)
    assert (off > unit) == ("exponential_bits" in options)


def test_exponentials_are_correctly_rounded():
    entries = exponentials(-4, 8, 11)
    exact = np.exp(-np.arange(256) / 16) * 2048
    assert entries[0] == 2048 and list(entries) == np.rint(exact)[: len(entries)].tolist()
    assert exact[len(entries)] < 0.5 <= exact[len(entries) - 1]


def test_hardware():
    small = {"length": 3, "input": "int3", "result": "ufix4_en4"}
    check([of(**small), of(length=2, input="ufix7_en4", result="sfix3_en1")])
    check([of(**{**small, "length": 2})], Timing(latency=3), 300)


@pytest.mark.heavy
def test_larger_hardware():
    check([of(length=5, input="ufix7_en4"), of(length=9, input="int8", result="ufix10_en10")])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input": "fp16"}, "input must be an integer or fixed point, not fp16"),
        ({"result": "uint8"}, "result must have 1 to 20 fraction bits, not 0"),
        (
            {"input": "sfix24_en20", "exponential_bits": 11},
            "input must have so few fraction bits that 4096 exponentials do, not 8722475",
        ),
        (
            {"exponential_bits": 2, "reciprocal_bits": 3},
            "exponential_bits and reciprocal_bits must"
            " be more than the result's fraction bits together, not 2 and 3",
        ),
    ],
)
def test_refusals(options, message):
    with pytest.raises(RequestError) as caught:
        of(**options)
    assert str(caught.value).splitlines()[0] == f"softmax: {message}"
