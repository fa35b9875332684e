"""Operators on P3109 floats: hardware equals golden, every pair of codes up to 8 bits."""

import numpy as np
import p3109_reference as reference
import pytest
from fraction_operators import OPERATORS
from fraction_reference import MODES
from hardware import check, make, referred

from holigrail_hw.cli.main import main
from holigrail_hw.core import operators
from holigrail_hw.formats import parse

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

NAMES = [
    "binary8p3",
    "binary8p5uf",
    "binary8p4u_satpropagate",
    "binary8p1",
    "binary8p4f",
    "binary8p3u",
    "binary8p4_satpropagate",
    "binary8p7_sat",
    "binary8p8u",
    "binary8p1uf_sat",
]
SMALL = [
    f"binary{bits}p{precision}{marks}"
    for bits in (3, 4)
    for marks in ("", "f", "u", "uf", "_satpropagate", "u_satpropagate", "u_sat")
    for precision in range(1, bits + ("u" in marks))
]


def pairs(names):
    """Each format with another one and a rounding mode of its own."""
    modes = [*MODES, "stochastic"]
    others = [*names[3:], *names[:3]]
    return list(zip(names, others, modes * len(names), strict=False))


def few(cases, count):
    """The first ones in every run, the others in long ones."""
    long = [pytest.param(*case, marks=pytest.mark.heavy) for case in cases[count:]]
    return [*cases[:count], *long]


@pytest.mark.parametrize(("name", "other", "mode"), few(pairs(NAMES), 3))
def test_operators_of_8_bits(name, other, mode):
    cases = [
        ("add", {"a": name, "b": name, "rounding": mode, "random_width": 3}),
        ("add", {"a": name, "b": other, "result": name, "operation": "subtract"}),
        ("multiply", {"a": name, "b": other, "result": name, "rounding": mode}),
        ("convert", {"source": name, "result": other, "rounding": mode}),
        ("convert", {"source": "fp16", "result": name, "rounding": mode}),
        ("convert", {"source": "int9", "result": name}),
        ("convert", {"source": name, "result": "int7", "rounding": mode}),
        ("compare", {"a": name}),
        ("max", {"format": name}),
        ("min", {"format": name, "nan": "propagate"}),
    ]
    check(make(operators()[operator], **given) for operator, given in cases)


@pytest.mark.parametrize("name", ["binary4p3u", "binary3p1f"])
def test_conversions_in_every_mode(name):
    for rounding in MODES:
        check([make(operators()["convert"], source="fp8_e5m2", result=name, rounding=rounding)])


@pytest.mark.heavy
@pytest.mark.parametrize(("name", "other", "mode"), pairs(SMALL))
def test_every_mode_and_saturation(name, other, mode):
    for rounding in (*MODES, "stochastic"):
        cases = [
            ("add", {"a": name, "b": name, "operation": "subtract", "rounding": rounding}),
            ("multiply", {"a": name, "b": name, "rounding": rounding}),
            ("convert", {"source": "fp8_e5m2", "result": name, "rounding": rounding}),
            ("fma", {"a": name, "b": other, "c": name, "result": name, "rounding": rounding}),
        ]
        check(make(operators()[operator], **given, random_width=2) for operator, given in cases)


@pytest.mark.parametrize(("name", "other", "mode"), few(pairs(SMALL[::5]), 2))
def test_reference_circuits(name, other, mode):
    options = {"rounding": mode, "random_width": 2}
    cases = [
        ("add", {"a": name, "b": other, "result": name, **options}),
        ("multiply", {"a": name, "b": name, **options}),
        ("convert", {"source": "fp8_e4m3", "result": name, **options}),
        ("compare", {"a": name, "b": other}),
        ("max", {"format": name}),
    ]
    check(referred(make(operators()[operator], **given)) for operator, given in cases)


SUMS = [
    {"a": "binary8p3", "b": "binary8p3", "accumulator": "fp16"},
    {"a": "binary8p4", "b": "binary8p4", "accumulator": "binary12p6"},
    {"a": "binary6p3u", "b": "int4", "accumulator": "binary10p5_sat", "rounding": "down"},
    {"a": "binary6p2", "b": "binary6p2", "accumulator": "int32", "accumulation": "exact"},
    {"a": "binary6p3f", "b": "binary6p3f", "accumulator": "binary9p5", "accumulation": "cascade"},
]


@pytest.mark.parametrize("given", SUMS)
def test_running_sums(given):
    check([make(operators()["mac"], **given)], count=3000)


def test_extreme_widths():
    cases = [
        ("add", {"a": "binary15p1u", "b": "binary15p1u"}),
        ("multiply", {"a": "binary15p2", "b": "binary15p14"}),
        ("fma", {"a": "binary14p3", "b": "binary15p15u", "c": "binary9p1"}),
        ("convert", {"source": "binary15p1", "result": "fp16"}),
        ("convert", {"source": "fp32", "result": "binary15p3u"}),
        ("compare", {"a": "binary15p4", "b": "binary13p9u"}),
    ]
    check([make(operators()[operator], **given) for operator, given in cases], count=2000)


@pytest.mark.heavy
@pytest.mark.parametrize("rounding", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_every_mode_of_8_bits(name, rounding):
    given = {"a": name, "b": name, "rounding": rounding}
    specs = [make(operators()[operator], **given) for operator in ("add", "multiply")]
    specs.append(make(operators()["add"], operation="subtract", **given))
    specs.append(make(operators()["fma"], c=name, **given))
    check(specs, count=60_000)


@pytest.mark.heavy
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("operator", ["add", "multiply"])
def test_every_pair_of_8_bits_by_the_report(name, operator):
    fmt = parse(name)
    for rounding in MODES:
        spec = make(operators()[operator], a=name, b=name, rounding=rounding)
        codes = np.arange(1 << 8)
        a, b = (array.ravel() for array in np.meshgrid(codes, codes, indexing="ij"))
        (found,) = spec.golden(a=a, b=b).values()
        numbers = [reference.decode(fmt, code) for code in range(1 << 8)]
        for x, y, code in zip(a.tolist(), b.tolist(), found.tolist(), strict=True):
            wanted = OPERATORS[operator](spec, numbers[x], numbers[y])
            assert code == reference.project(fmt, wanted, rounding)


def test_refused_requests(capsys):
    given = ["--a", "binary15p1", "--b", "binary15p1", "--accumulation", "exact"]
    assert main(["generate", "mac", *given]) == 2
    assert (
        "accumulation must not be exact for products of binary15p1 x binary15p1: "
        "fixed point: width must be between 1 and 4096, not 32774"
    ) in " ".join(capsys.readouterr().err.split())
