"""Layer normalisation against floats and against the bound that it states, and its hardware."""

import math

import numpy as np
import pytest
from hardware import check, make

from holigrail_hw.core import RequestError, Timing
from holigrail_hw.nn.layer_normalization.operator import LayerNormalization
from holigrail_hw.nn.layer_normalization.roots import relative_error, roots_of


def of(**options: object) -> LayerNormalization:
    found = make(LayerNormalization, **options)
    assert isinstance(found, LayerNormalization)
    return found


OPTIONS = [
    {"length": 2},
    {"length": 6, "input": "int8", "result": "sfix8_en4"},
    {"length": 3, "input": "uint4", "result": "sfix12_en8", "epsilon": 900},
    {"length": 5, "input": "sfix5_en2", "gamma": "3,-5,0,8,1", "beta": "0,9,-4,1,-300"},
    {"length": 4, "input": "int6", "result": "sfix4_en-1", "gamma": "200,-200,7,99"},
    {"length": 2, "input": "int1", "result": "sfix6_en3"},
    {"length": 8, "input": "int10", "index_bits": 3},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_against_floats(options):
    spec = of(**options)
    codes = spec.items(1500, np.random.default_rng(5))
    unit, place = 2.0**spec.result.least_place, 2.0**spec.input.least_place
    x = np.stack([spec.input.decode(codes[name]) for name in spec.inputs()]).astype(float)
    epsilon = spec.epsilon * place**2 / spec.length**2
    exact = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + epsilon)
    gamma = (
        np.array(spec.gamma or [1 << spec.gamma_fraction] * spec.length) / 2**spec.gamma_fraction
    )
    beta = np.array(spec.beta or [0] * spec.length) * unit
    low, high = map(float, spec.result.number_range)
    exact = np.clip(exact * gamma[:, None] + beta[:, None], low, high)
    found = spec.golden(**codes)
    y = np.stack([spec.result.decode(found[name]) for name in spec.outputs()]).astype(float)
    off = abs(y - exact).max()
    assert 0 < off <= float(spec.bound) + 1e-9
    assert (float(spec.bound) <= unit) == ("index_bits" not in options)


@pytest.mark.parametrize(("k", "p"), [(3, 4), (6, 7), (9, 12)])
def test_roots(k, p):
    """No number that shares an entry is off by more than is said, and one nearly is."""
    worst = 0.0
    for u, root in enumerate(roots_of(k, p), start=1 << (k - 2)):
        for part in np.linspace(0, 1, 33):
            v = (u + part) / 2**k
            worst = max(worst, abs(root / 2**p * math.sqrt(v) - 1))
    assert worst <= float(relative_error(k, p)) <= worst + 1e-9


def test_hardware():
    """Odd widths, one bit, a factor of each sign and of 0."""
    small = {"length": 3, "input": "int4", "result": "sfix5_en2"}
    check([of(**small, gamma="3,-5,0", beta="0,-9,4"), of(length=2, input="int1", result="int3")])
    check([of(length=3, input="ufix3_en1", result="sfix3_en-1", gamma="60,-60,7")])
    check([of(**{**small, "length": 2})], Timing(latency=3), 300)


@pytest.mark.heavy
def test_larger_hardware():
    check([of(**options) for options in OPTIONS], count=1500)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input": "fp16"}, "input must be an integer or fixed point, not fp16"),
        ({"result": "int40"}, "result must have at most 24 bits, not 40"),
        ({"result": "sfix8_en-9"}, "result must have -8 to 24 fraction bits, not -9"),
        ({"gamma": "1,2"}, "gamma must be 3 numbers, not 2"),
        ({"beta": "1,0,99999999"}, "beta must be numbers below 2^24, not 99999999"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(RequestError) as caught:
        of(**options)
    assert str(caught.value).splitlines()[0] == f"layer-normalization: {message}"
