"""Reference circuits against golden: every operand code, odd formats, every rounding mode."""

import numpy as np
import pytest
from hardware import check, make, referred

from holigrail_hw.core import find
from holigrail_hw.formats import Rounding, parse
from holigrail_hw.hdl import reference

FORMATS = (
    "e3m2", "e2m3_finite", "e3m2_fnuz_flush", "e4m1_sat", "e1m2", "e3m0", "e2m2_flush", "e4m3",
    "e1m1_fnuz_flush", "e3m0_flush", "sfix5_en2", "ufix3_en-1", "int4", "uint3", "int1", "ternary",
    "binary",
)  # fmt: skip
ROUNDED = {
    "add": ("a", "b", "result"),
    "multiply": ("a", "b", "result"),
    "fma": ("a", "b", "c", "result"),
    "convert": ("source", "result"),
}


def chosen(seed: int, count: int):
    """Random formats and options for every operator in turn."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        name = (*ROUNDED, "compare", "max", "min")[index % 7]
        names = [str(name) for name in rng.choice(FORMATS, 4)]
        if name in ROUNDED:
            texts = dict(zip(ROUNDED[name], names, strict=False))
            texts |= {"rounding": str(rng.choice(list(Rounding))), "random_width": "3"}
            texts["overflow"] = str(rng.choice(["wrap", "saturate"]))
            if name == "add":
                texts["operation"] = str(rng.choice(["add", "subtract"]))
        elif name == "compare":
            texts = {"a": names[0], "b": names[index % 2]}
        else:
            texts = {"format": names[0], "nan": str(rng.choice(["number", "propagate"]))}
        yield make(find(name), **texts)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.heavy)])
def test_every_code_of_odd_formats(seed):
    """Up to 16 operand bits all of them, some thousand beyond."""
    check(referred(spec) for spec in chosen(seed, 14 if seed == 1 else 700))


@pytest.mark.parametrize(
    "rounding",
    [
        mode
        if mode in (Rounding.NEAREST_EVEN, Rounding.STOCHASTIC)
        else pytest.param(mode, marks=pytest.mark.heavy)
        for mode in Rounding
    ],
)
def test_every_rounding_mode(rounding):
    texts = {"rounding": rounding, "random_width": "2"}
    check(
        referred(make(find("convert"), **texts, source=source, result=result, overflow="wrap"))
        for source, result in (("e4m5", "e3m2"), ("e4m4", "sfix4_en1"), ("int9", "e3m2_flush"))
    )


POSITS = (
    ("add", {"a": "posit6_1", "b": "posit6_1"}),
    ("multiply", {"a": "posit5_2", "b": "posit6_0"}),
    ("fma", {"a": "posit4_1", "b": "e2m2", "c": "posit5_0"}),
    ("convert", {"source": "e4m3", "result": "posit6_1"}),
    ("convert", {"source": "posit7_2", "result": "e3m2_fnuz"}),
    ("convert", {"source": "posit7_1", "result": "sfix6_en3"}),
    ("convert", {"source": "int9", "result": "posit2_0"}),
    ("compare", {"a": "posit6_1"}),
    ("compare", {"a": "posit5_1", "b": "int5"}),
    ("max", {"format": "posit6_2", "nan": "number"}),
    ("min", {"format": "posit6_0", "nan": "propagate"}),
)


@pytest.mark.parametrize("name, texts", POSITS, ids=str)
def test_posits(name, texts):
    check([referred(make(find(name), **texts))])


@pytest.mark.parametrize(
    "rounding",
    [
        pytest.param(mode, marks=() if mode is Rounding.TO_ODD else pytest.mark.heavy)
        for mode in Rounding
        if mode is not Rounding.STOCHASTIC_C
    ],
)
def test_posits_in_every_rounding_mode(rounding):
    texts = {"rounding": rounding, "random_width": "2"}
    check(
        referred(make(find(name), **texts, result=result, **operands))
        for name, operands, result in (
            ("convert", {"source": "e4m4"}, "posit5_1"),
            ("convert", {"source": "sfix9_en4"}, "posit4_0"),
            ("multiply", {"a": "posit5_1", "b": "posit4_2"}, "posit5_1"),
        )
    )


@pytest.mark.parametrize(
    "name, texts",
    [
        ("add", {"a": "posit16_1", "b": "posit16_1"}),
        pytest.param("multiply", {"a": "posit16_2", "b": "posit16_2"}, marks=pytest.mark.heavy),
        ("add", {"a": "fp16", "b": "fp16"}),
        pytest.param("add", {"a": "fp32", "b": "fp16"}, marks=pytest.mark.heavy),
        pytest.param("multiply", {"a": "bf16", "b": "fp32"}, marks=pytest.mark.heavy),
        pytest.param("fma", {"a": "fp16", "b": "fp16", "c": "fp32"}, marks=pytest.mark.heavy),
        pytest.param("compare", {"a": "fp32", "b": "int32"}, marks=pytest.mark.heavy),
        pytest.param("max", {"format": "fp32"}, marks=pytest.mark.heavy),
        ("thresholds", {"thresholds": "-5,4,9;0,1,2;-70,-60,300", "structure": "search"}),
    ],
    ids=str,
)
def test_wide_formats(name, texts):
    check([referred(make(find(name), **texts))], count=2000)


def test_too_wide_to_be_written_out():
    wide, narrow = parse("e2m2_bias1000"), parse("e2m2_bias-999")
    assert find("add")(a=wide, b=narrow).reference_circuit is None
    assert find("compare")(a=wide, b=narrow).reference_circuit is None
    assert find("max")(format=wide).reference_circuit is not None
    assert not reference.fits((-600, 0), (0, 601)) and reference.fits((-600, 0), (0, 600))
