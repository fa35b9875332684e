"""Real coefficients rounded to a format: values, ties, ranges, names, errors shown, hardware."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hardware import check
from hypothesis import given, settings
from hypothesis import strategies as st

from holigrail_hw.core import RequestError, find
from holigrail_hw.core.parameters import construct
from holigrail_hw.formats import parse
from holigrail_hw.mcm.problem.coefficients import quantise

# The operator, its parameter, and how a list of numbers is given to it.
KINDS = {
    "fir": ("coefficients", tuple),
    "mcm": ("constants", tuple),
    "cmvm": ("matrix", lambda numbers: (tuple(numbers),)),
}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HOLIGRAIL_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def spec_of(kind, numbers, **options):
    name, form = KINDS[kind]
    return find(kind)(**{name: form(numbers)}, **options)


def flat(spec):
    return tuple(spec.integers[0]) if spec.name == "cmvm" else spec.integers


@given(
    st.lists(st.decimals(-40, 40, places=5), min_size=1, max_size=8),
    st.integers(8, 20),
    st.integers(-2, 12),
)
@settings(max_examples=60)
def test_rounding_is_half_to_even(numbers, width, places):
    """Decimal's own rounding is the judge: scaled by the exact power of two."""
    format = parse(f"sfix{width}_en{places}" if places else f"int{width}")
    wanted = [int((n * Decimal(2) ** places).to_integral_value(ROUND_HALF_EVEN)) for n in numbers]
    clipped = [max(format.minimum, min(format.maximum, w)) for w in wanted]
    assert quantise([Fraction(n) for n in numbers], format) == tuple(clipped)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("format", "numbers", "integers"),
    [
        ("sfix8_en2", ("0.125", "0.375", "-0.125", "-0.375", "0.625"), (0, 2, 0, -2, 2)),
        ("sfix8_en2", ("0.1250000000000000000001", "-0.3749999999999999999999"), (1, -1)),
        ("int4", ("-8", "7", "0.5", "1.5", "-0.0"), (-8, 7, 0, 2, 0)),
        ("uint3", ("7.4999", "0.5", "2.5"), (7, 0, 2)),
        ("int1", ("-1", "0"), (-1, 0)),
        ("sfix4_en-3", ("12", "20", "-60"), (2, 2, -8)),
        ("sfix6_en40", ("1e-11", "-2e-11"), (11, -22)),
        ("sfix8_en7", (0.1, np.float32(0.1), -0.0, 5e-324), (13, 13, 0, 0)),
    ],
)
def test_integers(kind, format, numbers, integers):
    spec = spec_of(kind, numbers, coefficient_format=format)
    assert flat(spec) == integers


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("format", "number", "clipped"),
    [
        ("sfix12_en11", "1", 2047),
        ("sfix12_en11", "0.99975586", 2047),
        ("sfix12_en11", "-1.0002442", -2048),
        ("uint4", "-0.6", 0),
        ("int4", "7.5", 7),
        ("int4", "1e300", 7),
        ("int4", "1e1000", 7),
        ("int4", -1e300, -8),
    ],
)
def test_out_of_range(kind, format, number, clipped):
    """What rounds to a code beyond the last is out of range; what rounds to the last is not."""
    with pytest.raises(RequestError) as caught:
        spec_of(kind, ("0", number), coefficient_format=format)
    text = str(caught.value)
    assert f"{kind}: {KINDS[kind][0]} must be from " in text
    assert "(number 1), unless coefficient_overflow is saturate" in text
    spec = spec_of(kind, ("0", number), coefficient_format=format, coefficient_overflow="saturate")
    assert flat(spec) == (0, clipped)
    assert spec.facts()["coefficients saturated"] == 1


def test_the_last_code_is_in_range():
    assert spec_of("fir", ("-1.000244", "0.99975"), coefficient_format="sfix12_en11").integers == (
        -2048,
        2047,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_fractions_need_a_format(kind):
    with pytest.raises(RequestError) as caught:
        spec_of(kind, ("7", "0.5"))
    assert (
        f"{kind}: {KINDS[kind][0]} must be integers, not 0.5, unless coefficient_format is given,"
        " sfix12_en11 for example" in str(caught.value)
    )
    with pytest.raises(RequestError, match="coefficient_format must be an integer or fixed point"):
        spec_of(kind, ("7", "0.5"), coefficient_format="fp16")
    for number in ("nan", "inf", float("nan"), "x", True):
        with pytest.raises(RequestError, match=f"{KINDS[kind][0]} must be numbers"):
            spec_of(kind, (number,), coefficient_format="int8")


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_stand_for_the_rounded_coefficients(kind):
    """The port's own meaning: its code times its unit is the number times the coefficient."""
    spec = spec_of(kind, ("0.3", "-1.7"), coefficient_format="sfix8_en5", input="sfix6_en3")
    rounded = [Fraction(10, 32), Fraction(-54, 32)]
    codes, x = np.array([5, 60, 31, 32], np.uint64), [Fraction(v, 8) for v in (5, -4, 31, -32)]
    if kind == "cmvm":
        out = spec.golden(x0=codes, x1=codes)
        wanted = {"result0": [sum(rounded) * v for v in x]}
    elif kind == "fir":
        out = spec.golden(x=codes)
        before = [0, *x[:-1]]
        wanted = {
            "result": [rounded[0] * v + rounded[1] * b for v, b in zip(x, before, strict=True)]
        }
    else:
        out = spec.golden(x=codes)
        wanted = {f"result{i}": [c * v for v in x] for i, c in enumerate(rounded)}
    for name, values in wanted.items():
        format = spec.outputs()[name]
        signs = [
            int(c) - (int(c) >> (format.width - 1) << format.width if format.signed else 0)
            for c in out[name]
        ]
        assert [Fraction(s, 1 << format.fraction_width) for s in signs] == values


def test_the_error_is_shown():
    spec = spec_of("fir", ("0.3", "0.25", "-0.7"), coefficient_format="sfix8_en4")
    facts = spec.facts()
    # 0.3 becomes 5/16 and -0.7 becomes -11/16: both are off by 1/80.
    assert facts["coefficients rounded"] == "to nearest even, 2 of 3 changed"
    assert facts["largest coefficient error"] == 0.0125
    assert facts["largest coefficient error (ulp)"] == 0.2
    assert facts["root mean square coefficient error"] == pytest.approx(
        (2 * 0.0125**2 / 3) ** 0.5, rel=1e-3
    )
    assert "coefficients rounded" not in spec_of("fir", (3, 1)).facts()


@pytest.mark.parametrize("kind", KINDS)
def test_real_outputs_are_within_the_error_shown(kind):
    """Against the coefficients asked for, in exact arithmetic, at the worst inputs."""
    numbers = [Fraction(n) for n in ("0.3", "-0.77", "0.123456789")]
    spec = spec_of(kind, numbers, coefficient_format="sfix8_en6", input="int5")
    error = Fraction(spec.facts()["largest coefficient error"]) * Fraction(1001, 1000)
    built = [Fraction(i, 64) for i in flat(spec)]
    assert max(abs(b - n) for b, n in zip(built, numbers, strict=True)) <= error <= Fraction(1, 128)


def test_a_design_is_named_by_numbers_not_by_paths(tmp_path):
    cls = find("fir")
    numbers = np.array([0.25, -0.1, 0.5])
    np.save(tmp_path / "taps.npy", numbers)
    np.savez(tmp_path / "taps.npz", h=numbers)
    (tmp_path / "taps.csv").write_text("\n".join(float(n).hex() for n in numbers))
    (tmp_path / "decimal.txt").write_text("0.25,-0.1,0.5")
    specs = [
        construct(
            cls,
            {"coefficients": str(tmp_path / name), "coefficient_format": "sfix8_en7"},
            who="x",
        )
        for name in ("taps.npy", "taps.npz", "taps.csv", "decimal.txt")
    ]
    assert specs[0] == specs[1] == specs[2] and specs[0].integers == specs[3].integers
    names = [spec.top_name() for spec in specs]
    assert names[0] == names[1] == names[2] != names[3]
    assert all(str(tmp_path) not in str(spec.parameters()) for spec in specs)
    for spec in specs:
        assert construct(cls, spec.parameters(), who="x") == spec


def test_hardware():
    check(
        [
            spec_of("fir", ("0.3", "-0.77", "0", "0.9"), coefficient_format="sfix9_en8"),
            spec_of(
                "fir", ("-0.3",), coefficient_format="sfix5_en-1", result="int4", input="uint5"
            ),
            spec_of("mcm", ("0.3", "-0.77", "0.9"), coefficient_format="sfix9_en8"),
            spec_of(
                "mcm",
                ("0.3", "0.9"),
                coefficient_format="ufix9_en9",
                error=20,
                metric="one-bit-adders",
            ),
            spec_of("cmvm", ("0.3", "-0.77"), coefficient_format="sfix9_en8", result="sfix8_en2"),
        ],
        count=200,
    )
