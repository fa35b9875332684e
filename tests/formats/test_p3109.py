"""P3109: every code, every rounding and saturation mode, by the report's rules and by gfloat."""

import math
from fractions import Fraction

import gfloat
import numpy as np
import p3109_reference as reference
import pytest
from fraction_operators import OPERATORS
from fraction_reference import MODES
from gfloat.formats import format_info_p3109
from hardware import make

from holigrail_hw.cli.main import main
from holigrail_hw.core import operators
from holigrail_hw.formats import FormatError, parse
from holigrail_hw.formats.scalar.p3109 import SATURATIONS, P3109Format


def formats(*widths):
    """All formats of these widths that do not saturate."""
    return [
        P3109Format(bits, precision, signed, extended)
        for bits in widths
        for signed in (True, False)
        for extended in (True, False)
        for precision in range(1, bits + (not signed))
    ]


def saturating(fmt):
    """The format with every saturation mode, once each."""
    modes = [P3109Format(fmt.bits, fmt.precision, fmt.signed, fmt.extended, s) for s in SATURATIONS]
    return list(dict.fromkeys(modes))


def points(fmt, codes, parts):
    """Fractions between neighbours, of both signs; beyond the largest number, too."""
    for code in codes:
        field, fraction = divmod(code, 2 ** (fmt.precision - 1))
        bias, unit = fmt.bias, Fraction(1, 2 ** (fmt.precision - 1))
        step = unit * Fraction(2) ** (max(field, 1) - bias)
        low = (fraction * unit + (field > 0)) * Fraction(2) ** (max(field, 1) - bias)
        for part in parts:
            yield low + part * step
            yield -(low + part * step)


PARTS = [Fraction(n, 16) for n in (0, 1, 7, 8, 9, 15)] + [Fraction(1, 3)]


@pytest.mark.parametrize("bits", range(3, 9))
def test_every_code(bits):
    for fmt in formats(bits):
        codes = np.arange(1 << bits)
        exact = fmt.unpack(codes)
        found = exact.to_fractions().tolist()
        wanted = [reference.decode(fmt, code) for code in range(1 << bits)]
        assert [x for x in found if x == x] == [x for x in wanted if x == x], fmt
        assert [x != x for x in found] == [x != x for x in wanted]
        assert sum(x != x for x in found) == 1
        assert fmt.project(exact).tolist() == codes.tolist()
        finite = [x for x in wanted if abs(x) < math.inf]
        assert fmt.number_range == (min(finite), max(finite))
        assert fmt.integer_range[1] * Fraction(2) ** fmt.least_place == max(finite)


@pytest.mark.parametrize("fmt", formats(9, 12, 15)[::5], ids=str)
def test_wide_codes(fmt):
    codes = [*fmt.corner_codes(), *np.random.default_rng(fmt.bits).integers(0, 1 << fmt.bits, 60)]
    found = fmt.unpack(codes).to_fractions().tolist()
    for code, value in zip(codes, found, strict=True):
        wanted = reference.decode(fmt, int(code))
        assert value == wanted or (value != value and wanted != wanted)
    assert fmt.project(fmt.unpack(codes)).tolist() == [int(code) for code in codes]


def test_published_values():
    """Appendix tables: bias, smallest and largest numbers of the 8-bit formats."""
    table = {
        1: (64, -63, Fraction(2) ** 62, Fraction(2) ** 63, Fraction(2) ** 125),
        2: (32, -32, Fraction(2) ** 31, Fraction(3, 2) * 2**31, Fraction(3, 2) * 2**62),
        3: (16, -17, 49152, 57344, Fraction(5, 4) * 2**31),
        4: (8, -10, 224, 240, 53248),
        5: (4, -7, 15, Fraction(31, 2), 232),
        6: (2, -6, Fraction(31, 8), Fraction(63, 16), Fraction(61, 4)),
        7: (1, -6, Fraction(63, 32), Fraction(127, 64), Fraction(125, 32)),
    }
    for precision, (bias, least, extended, finite, unsigned) in table.items():
        name = f"binary8p{precision}"
        assert parse(name).bias == bias
        assert parse(name).unpack(1).to_fractions()[()] == Fraction(2) ** least
        largest = [parse(name + mark).number_range[1] for mark in ("", "f", "u")]
        assert largest == [extended, finite, unsigned]
        assert parse(name).decode(0x40) == 1


def mismatches(fmt, values):
    exact = [*values, math.inf, -math.inf, math.nan, 0.0, -0.0]
    for mode in MODES:
        rounded = [reference.round_to_precision(fmt, x, mode) for x in exact]
        for saturated in saturating(fmt):
            found = saturated.encode(exact, rounding=mode).tolist()
            for x, r, code in zip(exact, rounded, found, strict=True):
                wanted = reference._encode(saturated, reference.saturate(saturated, r, mode))
                if wanted != code:
                    yield saturated.name, mode, x, code, wanted


@pytest.mark.parametrize("bits", [3, 4])
def test_every_interval_mode_and_saturation(bits):
    for fmt in formats(bits):
        codes = range(fmt.largest_code + 2 * 2**fmt.precision)
        parts = PARTS if bits == 3 else PARTS[2:5]
        assert next(mismatches(fmt, list(points(fmt, codes, parts))), None) is None


@pytest.mark.parametrize("fmt", formats(5, 7, 8)[::5] + formats(11, 15)[::17], ids=str)
def test_borders(fmt):
    normal, top, rng = 1 << fmt.fraction_width, fmt.largest_code, np.random.default_rng(fmt.bits)
    codes = {0, 1, normal - 1, normal, top - 1, top, top + 1, top + 2, top + 2 * normal}
    codes |= set(rng.integers(0, top, 4).tolist())
    values = list(points(fmt, sorted(codes), PARTS[1:5]))
    assert next(mismatches(fmt, values), None) is None


@pytest.mark.heavy
@pytest.mark.parametrize("fmt", formats(5, 6, 7, 8), ids=str)
def test_every_interval_of_8_bits(fmt):
    codes = range(fmt.largest_code + 2 * 2**fmt.precision)
    assert next(mismatches(fmt, list(points(fmt, codes, PARTS))), None) is None


@pytest.mark.heavy
@pytest.mark.parametrize("fmt", formats(9, 10, 11, 12, 13, 14, 15), ids=str)
def test_samples_of_wide_formats(fmt):
    rng, top = np.random.default_rng(fmt.bits), fmt.largest_code
    codes = {0, 1, 2, top - 1, top, top + 1, *rng.integers(0, top, 100).tolist()}
    assert next(mismatches(fmt, list(points(fmt, sorted(codes), PARTS[1:5]))), None) is None


GFLOAT_MODES = {
    "nearest_even": gfloat.RoundMode.TiesToEven,
    "nearest_away": gfloat.RoundMode.TiesToAway,
    "toward_zero": gfloat.RoundMode.TowardZero,
    "up": gfloat.RoundMode.TowardPositive,
    "down": gfloat.RoundMode.TowardNegative,
}


@pytest.mark.parametrize("bits", range(3, 9))
def test_gfloat_agrees(bits):
    """All codes, and quarters between them, with SatNone and SatFinite; it has no third mode."""
    for fmt in formats(bits):
        sign = gfloat.types.Signedness.Signed if fmt.signed else gfloat.types.Signedness.Unsigned
        domain = gfloat.Domain.Extended if fmt.extended else gfloat.Domain.Finite
        twin = format_info_p3109(bits, fmt.precision, sign, domain)
        codes = np.arange(1 << bits)
        assert np.array_equal(fmt.decode(codes), gfloat.decode_ndarray(twin, codes), True), fmt
        magnitudes = fmt.decode(np.arange(fmt.largest_code + 1))
        steps = np.diff(magnitudes, append=magnitudes[-1] * 2)
        values = np.concatenate([magnitudes + part * steps for part in (0, 0.25, 0.5, 0.75, 1.5)])
        values = np.concatenate([values, -values] if fmt.signed else [values])
        for saturated in saturating(fmt):
            if saturated.saturation == "propagate":
                continue
            for mode, theirs in GFLOAT_MODES.items():
                sat = saturated.saturates
                wanted = gfloat.round_ndarray(twin, values, theirs, sat=sat)
                found = saturated.decode(saturated.encode(values, rounding=mode))
                assert np.array_equal(found, wanted, True), (saturated, mode)


def small_pairs(fmt):
    codes = np.arange(1 << fmt.bits)
    return [array.ravel() for array in np.meshgrid(codes, codes, indexing="ij")]


@pytest.mark.parametrize("name", ["binary4p2", "binary4p3u", "binary4p1f", "binary4p4uf_sat"])
@pytest.mark.parametrize("operator", ["add", "multiply", "max", "min"])
def test_operations_follow_the_report(name, operator):
    """Infinity times zero and opposite infinities are NaN, a result of zero is +0."""
    fmt = parse(name)
    given = {"format": name} if operator in ("max", "min") else {"a": name, "b": name}
    spec = make(operators()[operator], **given)
    a, b = small_pairs(fmt)
    (found,) = spec.golden(a=a, b=b).values()
    for x, y, code in zip(a.tolist(), b.tolist(), found.tolist(), strict=True):
        x, y = reference.decode(fmt, x), reference.decode(fmt, y)
        wanted = OPERATORS[operator](spec, x, y)
        assert code == reference.project(fmt, wanted, "nearest_even"), (x, y, wanted)


def test_sums_of_products():
    spec = make(
        operators()["fma"], a="binary8p3", b="binary7p4u", c="binary6p2", result="binary8p4"
    )
    codes = spec.items(3000, np.random.default_rng(1))
    found = spec.golden(**codes)
    (found,) = found.values()
    for index, code in enumerate(found.tolist()):
        numbers = [
            reference.decode(fmt, int(codes[name][index])) for name, fmt in spec.operands().items()
        ]
        wanted = OPERATORS["fma"](spec, *numbers)
        assert code == reference.project(spec.target, wanted, "nearest_even"), numbers


def test_extremes_beyond_float64():
    widest = parse("binary15p1u")
    assert widest.number_range[1] == Fraction(2) ** 16381
    assert widest.format_code(widest.largest_code) == "0x7ffd (2^16381)"
    assert widest.encode([Fraction(2) ** 16381, Fraction(2) ** 16383]).tolist() == [0x7FFD, 0x7FFE]
    assert widest.encode(Fraction(1, 3)) == widest.encode(Fraction(1, 4))
    tiny = parse("binary15p1")
    assert tiny.decode(tiny.encode(Fraction(3, 2**8190))) == Fraction(1, 2**8188)


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("binary8p3se", "binary8p3"),
        ("binary8p3sf", "binary8p3f"),
        ("binary8p3ue_sat", "binary8p3u_sat"),
        ("binary8p3f_satpropagate", "binary8p3f_sat"),
        ("binary8p3_satpropagate", "binary8p3_satpropagate"),
    ],
)
def test_names_of_the_report(given, canonical):
    assert parse(given).name == canonical
    assert parse(canonical) == parse(given)


def test_every_format_parses_from_its_name():
    known = {}
    for fmt in formats(*range(3, 16)):
        for saturated in saturating(fmt):
            assert parse(saturated.name) == saturated
            assert known.setdefault(saturated.name, saturated) == saturated
    assert len(known) == 5 * sum(2 * bits - 1 for bits in range(3, 16))


REFUSED = {
    "binary8p9": "precision of signed floats of 8 bits must be between 1 and 7, not 9",
    "binary8p8f": "precision of signed floats of 8 bits must be between 1 and 7, not 8",
    "binary8p9u": "precision of unsigned floats of 8 bits must be between 1 and 8, not 9",
    "binary8p0": "precision of signed floats of 8 bits must be between 1 and 7, not 0",
    "binary2p1": "width must be between 3 and 15, not 2",
    "binary16p4": "width must be between 3 and 15, not 16",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name, capsys):
    with pytest.raises(FormatError) as caught:
        parse(name)
    who = name.rstrip("uf")
    assert str(caught.value) == f"{who}: {REFUSED[name]}"
    assert main(["generate", "multiply", "--a", name]) == 2
    assert REFUSED[name] in capsys.readouterr().err


def test_unknown_options():
    for name in ("binary8p3x", "binary8p3_sta", "binary8p3fu"):
        with pytest.raises(FormatError, match=f"^no format named '{name}'$"):
            parse(name)
    with pytest.raises(FormatError, match="saturation must be one of none, propagate, finite"):
        P3109Format(8, 3, saturation="all")


def test_summaries():
    assert parse("binary8p3").summary == (
        "8-bit P3109 float, precision 3, signed, with infinities, largest 49152"
    )
    assert parse("binary4p2uf_sat").summary == (
        "4-bit P3109 float, precision 2, unsigned, finite, saturating, largest 8"
    )
