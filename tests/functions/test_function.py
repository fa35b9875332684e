"""The operator function: results against floats and fractions, hardware, refusals."""

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hardware import check, make

from holigrail_hw.core import RequestError, Timing, find
from holigrail_hw.flow.prove import prove
from holigrail_hw.formats import parse
from holigrail_hw.functions.exact.catalogue import KNOWN
from holigrail_hw.functions.exact.values import tabulated
from holigrail_hw.functions.function import search
from holigrail_hw.functions.function.operator import Function
from holigrail_hw.functions.function.search import METHODS

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

SQUARE = (81, 64, 49, 36, 25, 16, 9, 4)
FLOATS = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "exp": math.exp,
    "exp2": lambda x: 2.0**x,
    "log2": math.log2,
    "gelu": lambda x: x / 2 * math.erfc(-x / math.sqrt(2)),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "softplus": lambda x: math.log1p(math.exp(x)),
    "erf": math.erf,
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
    "sqrt": math.sqrt,
    "rsqrt": lambda x: 1 / math.sqrt(x),
    "sin": math.sin,
    "cos": math.cos,
}
# Formats in which every x has a value and every value fits; odd widths, and more or fewer
# fraction bits in than out.
FORMATS = {
    "sigmoid": ("sfix9_en5", "ufix7_en7"),
    "tanh": ("sfix9_en6", "sfix11_en10"),
    "exp": ("sfix7_en5", "ufix9_en5"),
    "exp2": ("sfix7_en4", "ufix11_en5"),
    "gelu": ("sfix9_en6", "sfix7_en4"),
    "silu": ("sfix8_en5", "sfix12_en8"),
    "softplus": ("sfix9_en5", "ufix7_en3"),
    "erf": ("sfix9_en6", "sfix8_en7"),
    "square": ("sfix7_en3", "ufix11_en3"),
    "sqrt": ("ufix9_en3", "ufix7_en4"),
    "sin": ("sfix9_en5", "sfix9_en8"),
    "cos": ("sfix9_en5", "sfix9_en7"),
}


def of(f: str, **options: object) -> Any:
    """A function in the formats above."""
    formats = dict(zip(("input", "result"), FORMATS.get(f, ()), strict=False))
    return make(Function, f=f, **{**formats, **options})


def beyond(spec: Any, allowed: float) -> list[tuple[float, float, float]]:
    """Numbers x, the result and f(x) where the result is off by ``allowed`` units or more."""
    codes = np.arange(1 << spec.input.width)
    unit, wrong = 2.0**spec.result.least_place, []
    low, high = map(float, spec.result.number_range)
    results = spec.result.decode(spec.golden(x=codes)["result"])
    for x, result in zip(spec.input.decode(codes), results, strict=True):
        exact = FLOATS[spec.f](x)
        exact = min(max(exact, low), high)
        if abs(result - exact) >= allowed * unit * (1 + 1e-9):
            wrong.append((x, result, exact))
    return wrong


@pytest.mark.parametrize("f", FORMATS)
def test_results_against_floats(f):
    """Less than one unit off, or at most half a unit; the facts say the same."""
    faithful, correct = of(f), of(f, accuracy="correct")
    assert beyond(faithful, 1) == [] and beyond(correct, 0.5 + 1e-6) == []
    facts = faithful.facts()
    off = float(facts["largest error (ulp)"].split()[0])
    assert off < 1 and beyond(faithful, off - 1e-5) and not beyond(faithful, off + 1e-8)
    assert facts["error proof"].startswith(f"all {1 << faithful.input.width} x computed")
    count = 1 << faithful.input.width
    assert correct.facts()["correctly rounded"] == f"{count} of {count}"


@pytest.mark.parametrize("f", ["gelu", "softplus", "sin", "square", "sigmoid"])
def test_hardware_of_every_symmetry(f):
    check([of(f, folding="symmetric")])


def test_hardware_at_odd_widths():
    check(
        [
            make(Function, f="erf", input="int1", result="sfix4_en3"),
            make(Function, f="sin", input="sfix2_en0", result="sfix9_en8"),
            make(Function, f="tanh", input="sfix3_en0", result="sfix3_en1"),
            make(Function, f="sqrt", input="uint1", result="uint1"),
            make(Function, f="square", input="sfix6_en-2", result="uint16"),
            make(Function, f="square", input="sfix5_en9", result="sfix12_en18"),
        ]
    )


def test_correct_polynomials_and_tables_in_hardware():
    """Where the nearest result was asked for, golden is that, and the datapath an approximation."""
    for method in ("polynomial-1", "multipartite"):
        spec = make(
            Function,
            f="tanh",
            input="sfix7_en4",
            result="sfix7_en6",
            accuracy="correct",
            method=method,
        )
        assert spec.facts()["method"] == method
        check([spec])


@pytest.mark.parametrize(
    "rounding", ["nearest_even", "nearest_away", "toward_zero", "up", "down", "to_odd"]
)
def test_rounding_modes(rounding):
    """A square is known exactly, ties included."""
    spec = make(
        Function,
        f="square",
        input="sfix7_en3",
        result="sfix13_en5",
        accuracy="correct",
        rounding=rounding,
    )
    codes = np.arange(128)
    exact = [Fraction(x) ** 2 for x in spec.input.decode(codes)]
    expected = spec.result.encode(exact, rounding, overflow="saturate")
    assert (spec.golden(x=codes)["result"] == expected).all()


@pytest.mark.parametrize(
    ("f", "input", "result"),
    [
        ("tanh", "fp8_e4m3", "fp8_e5m2"),
        ("exp", "fp8_e5m2", "fp16"),
        ("log2", "fp8_e4m3", "fp16"),
        ("rsqrt", "sfix8_en3", "bf16"),
        ("tanh", "fp8_e4m3", "posit8_2"),
    ],
)
def test_formats_of_every_kind(f, input, result):
    """Correctly rounded from the float nearest to f, which is off by 2^-53 of it at most."""
    spec = make(Function, f=f, input=input, result=result)
    codes = np.arange(256)
    answers, exact = spec.golden(x=codes)["result"], []
    for x in map(float, spec.input.decode(codes)):
        try:
            exact.append(FLOATS[f](x) if math.isfinite(x) else None)
        except ValueError:
            exact.append(None if x else -math.inf)
        except ZeroDivisionError:
            exact.append(math.inf)
        except OverflowError:
            exact.append(math.inf)
    compared = [i for i, y in enumerate(exact) if y is not None]
    assert len(compared) > 100
    expected = spec.result.encode([exact[i] for i in compared])
    assert (answers[compared] == expected).all()
    check([spec])


def test_closer_than_a_float():
    """GELU of 448 is just below, half way between two posits; of -40 just below zero."""
    spec = make(Function, f="gelu", input="fp8_e5m2", result="posit8_2")
    codes = spec.input.encode([448.0, -40.0, 0.0])
    assert FLOATS["gelu"](448.0) == 448
    assert spec.result.decode(spec.golden(x=codes)["result"]).tolist() == [384, -(2.0**-24), 0]


def test_what_has_no_value():
    """With saturation a pole is the end of the range, and no number 0."""
    spec = make(Function, f="log2", input="sfix5_en1", result="sfix6_en3", overflow="saturate")
    results = spec.result.decode(spec.golden(x=np.arange(32))["result"])
    assert results[0] == -4 and set(results[16:]) == {0} and results[2] == 0 and results[8] == 2
    spec = make(
        Function, f="reciprocal", input="sfix5_en1", result="sfix6_en3", overflow="saturate"
    )
    results = spec.result.decode(spec.golden(x=np.arange(32))["result"])
    assert (results[0], results[1], results[31]) == (3.875, 2, -2)
    check([spec])


def test_a_table_of_numbers(tmp_path):
    """From a file, from a text and from a Python function it is the same design."""
    path = tmp_path / "values.csv"
    path.write_text("\n".join(map(str, SQUARE)) + "\n")
    options = {"f": "table", "input": "sfix3_en0", "result": "uint7"}
    from_file = make(Function, **options, values=str(path))
    from_text = make(Function, **options, values=",".join(map(str, SQUARE)))
    given = tabulated(lambda x: SQUARE[int(x) & 7], parse("int3"))
    from_python = find("function")(**{**options, "values": given})
    assert from_file == from_text == from_python
    assert from_file.golden(x=np.arange(8))["result"].tolist() == list(SQUARE)
    check([from_file])
    thirds = make(Function, **{**options, "result": "ufix6_en4"}, values=",".join(["1/3"] * 8))
    assert set(thirds.golden(x=np.arange(8))["result"].tolist()) <= {5, 6}


def test_the_border_of_the_range():
    """Less than one unit beyond it is right, and becomes the end; one unit is not."""
    options = {"f": "table", "input": "uint1", "result": "uint3"}
    for near in ("-0.99,7.99", "-1/3,0"):
        spec = make(Function, **options, values=near)
        assert spec.golden(x=[0])["result"][0] == 0
    assert make(Function, **options, values="0,7.99").golden(x=[1])["result"][0] == 7
    for far in ("-1,0", "-1.5,0", "0,8"):
        with pytest.raises(RequestError, match="result must hold table of every x"):
            make(Function, **options, values=far)
        assert make(Function, **options, values=far, overflow="saturate").golden(x=[0, 1])


def test_a_large_table_is_a_block_of_memory():
    """Read into a register at once where there is a clock, else logic."""
    spec = make(Function, f="exp", input="sfix10_en8", result="ufix12_en8", method="table")
    assert spec.cost()["memory_bits"] == 0 and spec.cost()["luts"] > 100
    cost = spec.cost(Timing(period_ns=10.0))
    assert cost["memory_bits"] == 11 << 10 and cost["luts"] == 0
    assert spec.plan(Timing(period_ns=10.0)).latency == 1
    check([spec], Timing(period_ns=10.0), 600)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"f": "exp"},
            "result must hold exp of every x, such as 52.9183 at 0x7f (3.96875), not "
            "only -1 to 0.992188, unless overflow is saturate",
        ),
        (
            {"f": "cos"},
            "result must hold cos of every x, such as 1 at 0x00 (0), not only -1 to "
            "0.992188, unless overflow is saturate",
        ),
        (
            {"f": "log2"},
            "input must hold only numbers at which log2 has a value, not 0x00 (0), "
            "unless overflow is saturate",
        ),
        ({"f": "table"}, "values must be given where f is table"),
        ({"values": "1,2"}, "values must be left out where f is tanh"),
        (
            {"f": "table", "values": "1,2"},
            "values must be one for each of the 256 codes of x, not 2",
        ),
        (
            {"input": "fp16", "method": "multipartite"},
            "method must be table unless both formats are fixed point, not multipartite",
        ),
        ({"input": "int25"}, "input must have at most 24 bits, not 25"),
        (
            {"f": "square", "input": "sfix21_en19", "result": "sfix12_en8"},
            "input must have at most 20 bits where f is square, not 21",
        ),
        (
            {"input": "sfix21_en18", "result": "sfix33_en31"},
            "result must have at most 32 bits where input has more than 20, not 33",
        ),
        ({"input": "fp32"}, "input must have at most 16 bits, not 32"),
        ({"input": "int17", "method": "table"}, "input must have at most 16 bits, not 17"),
        ({"result": "sfix8_en-600"}, "result must have no numbers from 2^512 on, not sfix8_en-600"),
        ({"rounding": "up"}, "rounding must be nearest_even unless accuracy is correct, not up"),
        ({"accuracy": "correct", "rounding": "stochastic"}, "rounding must be any but stochastic"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(RequestError) as caught:
        make(Function, **options)
    assert str(caught.value).splitlines()[0] == f"function: {message}"


def test_a_method_that_finds_nothing():
    spec = make(Function, input="int3", method="polynomial-3")
    with pytest.raises(RequestError, match="method must be another than polynomial-3, which is"):
        spec.golden(x=np.arange(8))


def test_a_wrong_approximation_is_noticed(monkeypatch):
    """Whatever a method finds is checked at every x: here one coefficient is off by one unit."""
    known = search.polynomial_for

    def worse(*arguments):
        corridor, found = known(*arguments)
        constants = (found.coefficients[0][0] + 2 * found.segment_width, *found.coefficients[0][1:])
        return corridor, replace(found, coefficients=(constants, *found.coefficients[1:]))

    monkeypatch.setattr(search, "polynomial_for", worse)
    spec = make(Function, f="erf", method="polynomial-1", input="sfix7_en4", result="sfix7_en6")
    with pytest.raises(ArithmeticError, match="must be right for every number"):
        spec.facts()


def test_the_name_of_a_module_is_no_word_of_verilog():
    name = Function().top_name()
    assert name.startswith("function_of_sfix8_en5_sfix8_en7_")
    assert Function(method="table").top_name() != name


@pytest.mark.heavy
@pytest.mark.parametrize("f", FORMATS)
def test_every_method_in_hardware(f):
    for method in METHODS:
        for accuracy in ("faithful", "correct"):
            spec = of(f, method=method, accuracy=accuracy)
            try:
                _ = spec.approximation
            except RequestError:
                continue
            check([spec])


@pytest.mark.heavy
@pytest.mark.parametrize("f", ["tanh", "sigmoid"])
def test_proofs(f):
    spec = make(Function, f=f, input="sfix12_en8", result=FORMATS[f][1])
    assert prove.run(spec).proved


@pytest.mark.heavy
@pytest.mark.parametrize("f", ["tanh", "gelu", "softplus"])
def test_sixteen_bits(f):
    spec = make(Function, f=f, input="sfix16_en12", result="sfix17_en12")
    assert beyond(spec, 1) == []
    check([spec])


def test_every_known_function_is_tested():
    assert set(FLOATS) == set(KNOWN)
    assert set(FORMATS) == set(KNOWN) - {"log2", "reciprocal", "rsqrt"}


def test_a_wide_x_is_searched_in_samples_and_proved_everywhere():
    """21 bits, steep and flat parts; results against floats, which are exact enough for 18 bits."""
    spec = make(
        Function, f="tanh", input="sfix21_en18", result="sfix19_en18", method="polynomial-2"
    )
    said: list[str] = []
    spec.prepare(said.append)
    assert said[0] == "compute tanh of 2097152 numbers" and said[-1].startswith("prove polynomial")
    facts = spec.facts()
    assert facts["error proof"].startswith("all 2097152 x computed")
    codes = np.arange(1 << 21)
    x = ((codes ^ (1 << 20)) - (1 << 20)) / 2**18
    results = spec.golden(x=codes)["result"].astype(np.int64)
    results = ((results ^ (1 << 18)) - (1 << 18)) / 2**18
    off = abs(results - np.minimum(np.tanh(x), 1 - 2.0**-18)) * 2**18
    stated = float(facts["largest error (ulp)"].split()[0])
    assert stated - 1e-5 < off.max() < stated + 1e-6 and spec.approximation.error < 1


def test_a_wide_x_is_refused_when_it_is_searched():
    spec = make(Function, f="exp", input="sfix21_en17", result="ufix16_en16")
    with pytest.raises(RequestError, match="result must hold exp of every x"):
        spec.prepare(lambda _: None)
