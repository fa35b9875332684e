"""argmax against plain Python, with ties, signed zeros and NaN."""

import math

import numpy as np
import pytest
from hardware import check, make

from holigrail_hw.core import RequestError
from holigrail_hw.flow.prove import prove
from holigrail_hw.nn.argmax import Argmax


def first_largest(values: list[float]) -> int:
    """The place of the first largest number; NaN loses."""
    known = [value for value in values if not math.isnan(value)]
    return next((n for n, value in enumerate(values) if known and value == max(known)), 0)


@pytest.mark.parametrize("format", ["int8", "uint1", "fp8_e4m3", "fp4_e2m1", "ternary"])
def test_against_python(format):
    spec = make(Argmax, length=5, format=format)
    rng = np.random.default_rng(3)
    codes = {name: rng.integers(0, 1 << spec.format.width, 400) for name in spec.inputs()}
    codes |= {"x3": np.where(rng.random(400) < 0.5, codes["x1"], codes["x3"])}
    if format == "fp8_e4m3":
        nan = int(spec.format.encode([math.nan])[0])
        codes = {name: np.where(rng.random(400) < 0.4, nan, c) for name, c in codes.items()}
        assert any(all(column[i] == nan for column in codes.values()) for i in range(400))
    found = spec.golden(**codes)
    decoded = [spec.format.decode(column).tolist() for column in codes.values()]
    rows = list(zip(*decoded, strict=True))
    expected = [first_largest(list(row)) for row in rows]
    assert found["index"].tolist() == expected
    given = np.stack(list(codes.values()))
    assert (found["value"] == given[expected, np.arange(400)]).all()


def test_hardware_with_ties():
    """Numbers of two bits are equal all the time; with fp4 there are zeros of both signs."""
    check([make(Argmax, length=n, format="int2") for n in (2, 3, 6)])
    check([make(Argmax, length=4, format="fp4_e2m1"), make(Argmax, length=3, format="binary")])


@pytest.mark.parametrize("format", ["int8", "fp8_e4m3"])
def test_proofs(format):
    result = prove.run(make(Argmax, length=3, format=format))
    assert (result.status, result.against) == ("proved", "reference circuit")


def test_refusals():
    with pytest.raises(RequestError, match="argmax: length must be at most 64, not 65"):
        make(Argmax, length=65, format="uint64")
