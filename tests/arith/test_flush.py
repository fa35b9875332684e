"""Flushed formats in every operator: what a code means when read, and what is never written."""

import numpy as np
import pytest
from hardware import check

from holigrail_hw.core import OperatorSpec, operators
from holigrail_hw.core.parameters import parameters_of
from holigrail_hw.core.parameters.format_name import FormatName
from holigrail_hw.formats import FloatFormat, parse

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

FORMATS = [
    "fp8_e5m2_flush",
    "e3m2_finite_flush",
    "e2m3_fnuz_flush",
    "e1m2_fnuz_flush",
    "e2m2_flush_sat",
]
OPERATORS = ["add", "compare", "convert", "fma", "mac", "max", "min", "multiply"]


def specification(name: str, format: str) -> OperatorSpec:
    """All operands and results in one format."""
    cls = operators()[name]
    keys = [key for key, p in parameters_of(cls).items() if isinstance(p.kind, FormatName)]
    return cls(**{key: format for key in keys if key != "product"})


def is_spare(format: FloatFormat, codes: np.ndarray) -> np.ndarray:
    """Whether codes would be subnormal numbers if the format had any."""
    magnitude = codes.astype(np.int64) & (format.sign_code - 1)
    return (magnitude > 0) & (magnitude < format.smallest_normal_code)


def zeros(format: FloatFormat, codes: np.ndarray) -> np.ndarray:
    """Spare codes replaced by the zero that they mean."""
    sign = codes & np.uint64(0 if format.specials == "fnuz" else format.sign_code)
    return np.where(is_spare(format, codes), sign, codes)


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("text", FORMATS)
def test_spare_codes_are_read_as_zero_and_never_written(name, text):
    format, spec = parse(text), specification(name, text)
    assert isinstance(format, FloatFormat)
    codes = spec.items(2000, np.random.default_rng(5))
    floats = [port for port, found in spec.inputs().items() if found == format]
    assert floats and any(is_spare(format, codes[port]).any() for port in floats)
    plain = {port: zeros(format, c) if port in floats else c for port, c in codes.items()}
    found, wanted = spec.golden(**codes), spec.golden(**plain)
    for port, kind in spec.outputs().items():
        assert np.array_equal(found[port], wanted[port])
        assert kind != format or not is_spare(format, found[port]).any()


@pytest.mark.parametrize("name", OPERATORS)
def test_hardware_reads_them_so_too(name):
    for text in FORMATS[2:4]:
        check([specification(name, text)], count=1500)


@pytest.mark.parametrize("rounding", ["up", "down", "to_odd", "nearest_even"])
def test_results_below_the_smallest_normal_number_are_zero(rounding):
    """2^-6 is the smallest normal number of e4m3; halfway below it the grid goes on."""
    format = parse("fp8_e4m3_flush")
    tiny = [2.0**-6, 2.0**-7 * 1.8, -(2.0**-7), 1e-30, -1e-30]
    assert format.encode(tiny, rounding=rounding).tolist() == [0x08, 0, 0x80, 0, 0x80]
    just_below = 2.0**-6 * (1 - 2.0**-9)
    upwards = rounding in ("up", "nearest_even")
    assert format.encode(just_below, rounding=rounding) == (0x08 if upwards else 0)


def test_a_format_without_minus_zero_has_one_zero():
    """The code of what would be a negative subnormal number means zero, which has no sign there."""
    source, result = parse("e1m1_fnuz_flush"), parse("e4m1_sat")
    assert [str(value) for value in source.decode([0, 1, 5])] == ["0.0"] * 3
    spec = operators()["convert"](source=source, result=result)
    assert spec.golden(x=[0, 1, 5])["result"].tolist() == [0, 0, 0]
    with_sign = operators()["convert"](source="e2m1_flush", result=result)
    assert with_sign.golden(x=[0, 1, 9])["result"].tolist() == [0, 0, 0x20]
    check([spec, with_sign])
