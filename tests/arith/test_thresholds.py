"""Thresholds: golden against a plain count, hardware against golden, refusals."""

import numpy as np
import pytest
from hardware import check, make

from holigrail_hw.arith.requantize.operator import Requantize
from holigrail_hw.arith.thresholds import Thresholds
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.simulate.gates import Gates
from holigrail_hw.formats.scales import thresholds_of

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled


def thresholds(**texts) -> Thresholds:
    return make(Thresholds, **texts)


CHANNELS = "-5,4,9;0,1,2;-70,-60,300"
DESIGNS = [
    {},
    {"ports": "1", "result": "uint1"},
    {"thresholds": "-900,-17,0,0,5,88,2047,5000"},
    {"thresholds": CHANNELS, "base": "-3", "result": "int5"},
    {"thresholds": CHANNELS, "structure": "search"},
    {"thresholds": "-900,-17,0,5,88,2047", "structure": "search"},
    {"input": "uint6", "thresholds": "-900,-17,0,5,63,64", "structure": "search"},
    {"input": "int1", "thresholds": "0", "result": "uint1", "structure": "search"},
    {"input": "int12", "thresholds": ",".join(map(str, range(-300, 204, 8))), "result": "uint6"},
]


@pytest.mark.parametrize("texts", DESIGNS, ids=lambda t: "-".join(t.values())[:40] or "default")
def test_hardware_equals_golden(texts):
    check([thresholds(**texts)], count=2000)
    check([thresholds(**texts)], Timing(period_ns=3.0), count=1200)


def test_golden_counts():
    spec = thresholds(thresholds=CHANNELS, base="-3", result="int5", input="int12")
    x = np.array([-100, -65, 0, 1, 9, 2000])
    rows = [[-5, 4, 9], [0, 1, 2], [-70, -60, 300], [-70, -60, 300]]
    for channel, row in enumerate(rows):
        codes = {"x": (x & 0xFFF).astype(np.uint64), "channel": np.full(6, channel, np.uint64)}
        wanted = [-3 + sum(t <= value for t in row) for value in x]
        assert spec.result.decode(spec.golden(**codes)["result"]).tolist() == wanted


@pytest.mark.parametrize("structure", ["parallel", "search"])
def test_a_table_equals_the_requantisation_it_came_from(structure):
    """Bisection over a scaled, rounded and clamped accumulator gives the same function on gates."""
    scaled = make(
        Requantize,
        **{"accumulator": "int12", "result": "int4", "scale": "37", "scale_width": "8"},
        **{"shift": "12", "shift_width": "0", "bias": "none", "zero_point": "-2"},
    )

    def function(acc: int) -> int:
        return int(scaled.result.decode(scaled.golden(x=np.array([acc & 0xFFF]))["result"])[0])

    found = thresholds_of(function, -2048, 2047, -8, 7)
    assert len(found) == 15
    spec = thresholds(
        input="int12",
        result="int4",
        base="-8",
        structure=structure,
        thresholds=",".join(map(str, found)),
    )
    codes = {"x": np.arange(4096, dtype=np.uint64)}
    assert np.array_equal(Gates(spec).run(codes)["result"], scaled.golden(**codes)["result"])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"input": "fp16"}, "input must be an integer format, not fp16"),
        ({"result": "ternary"}, "result must be an integer format, not ternary"),
        ({"ports": "16"}, "result must hold the base 0 and 16 more, not only 0 to 15"),
        ({"base": "-1"}, "result must hold the base -1 and 7 more, not only 0 to 15"),
        ({"result": "int20"}, "result must have at most 16 bits, not 20"),
        (
            {"structure": "search"},
            "structure must be parallel for thresholds that are ports, not search",
        ),
        ({"thresholds": "1,2;3"}, "thresholds must be rows of one length, at least 1"),
        ({"thresholds": "1,2;4,3"}, "thresholds must be in ascending order, not as in row 1"),
        (
            {"thresholds": ",".join(["0"] * 4097), "result": "int16"},
            "thresholds must be at most 4096 in all, not 4097",
        ),
    ],
)
def test_impossible_requests_are_refused(texts, message):
    with pytest.raises(RequestError) as caught:
        thresholds(**texts)
    assert str(caught.value) == f"thresholds: {message}"
