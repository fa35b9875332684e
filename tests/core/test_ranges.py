"""Lists and ranges of parameters for an exploration: what they stand for, by the kind alone."""

import enum

import pytest

from holigrail_hw.core import operators
from holigrail_hw.core.parameters import leaf_parameters
from holigrail_hw.core.parameters.boolean import Boolean
from holigrail_hw.core.parameters.choice import Choice
from holigrail_hw.core.parameters.format_name import FormatName
from holigrail_hw.core.parameters.given_file import FileContent
from holigrail_hw.core.parameters.integer import Integer
from holigrail_hw.core.parameters.integers import Integers, Rows
from holigrail_hw.core.parameters.parts import Part
from holigrail_hw.formats import parse


class Fruit(enum.Enum):
    APPLE = "apple"
    PEAR = "pear"
    PLUM = "plum"


BOUNDED, FREE = Integer(1, 6), Integer()
FORMATS, FRUIT, TEXT = FormatName(), Choice(Fruit, tuple(Fruit)), Choice(str)


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        (FREE, "2..5", "2 3 4 5"),
        (FREE, "5..2", "5 4 3 2"),
        (FREE, "-1..1", "-1 0 1"),
        (FREE, "2..9..3", "2 5 8"),
        (FREE, "9..2..3", "9 6 3"),
        (FREE, "0x8..10,1,9", "8 9 10 1"),
        (BOUNDED, "..", "1 2 3 4 5 6"),
        (BOUNDED, "4..", "4 5 6"),
        (BOUNDED, "..2", "1 2"),
        (BOUNDED, "none,3..4", "none 3 4"),
        (FORMATS, "int2..int5", "int2 int3 int4 int5"),
        (FORMATS, "int5..int3", "int5 int4 int3"),
        (FORMATS, "e4m3..e4m5", "e4m3 e4m4 e4m5"),
        (FORMATS, "e2m1..e3m2", "e2m1 e2m2 e3m1 e3m2"),
        (FORMATS, "sfix8_en2..sfix9_en3,fp16", "sfix8_en2 sfix8_en3 sfix9_en2 sfix9_en3 fp16"),
        (FORMATS, "posit8_0..posit8_2", "posit8_0 posit8_1 posit8_2"),
        (FRUIT, "..", "apple pear plum"),
        (FRUIT, "plum..pear", "plum pear"),
        (FRUIT, "pear..", "pear plum"),
        (TEXT, "../here,a..b", "../here a..b"),
        (Boolean(), "..", "false true"),
        (Boolean(), "yes,no", "yes no"),
        (Integers(), "1,2:3..4", "1,2 3..4"),
        (Rows(), "../rows.csv:1;2", "../rows.csv 1;2"),
        (FileContent((".onnx",)), "../a.onnx,b.onnx", "../a.onnx b.onnx"),
        (Part((operators()["add"], operators()["mac"])), "..", "add mac"),
    ],
)
def test_values(kind, text, values):
    assert kind.several(text) == values.split()


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (FREE, "2..x", "must have a range of integers, not 2..x"),
        (FREE, "2..", "must have a range with both ends, for nothing bounds it, not 2.."),
        (FREE, "2..8..0", "must have a range with a step of 1 or more, not 2..8..0"),
        (FREE, "1..2..3..4", "must have a range FIRST..LAST or FIRST..LAST..STEP, not 1..2..3..4"),
        (FREE, "0..10000", "must have a range of at most 10000 values, not 10001 as 0..10000"),
        (
            *(FORMATS, "e1m1..e999m999"),
            "must have a range of at most 10000 values, not 998001 as e1m1..e999m999",
        ),
        (
            *(FORMATS, "int4..uint8"),
            "must have a range between names that differ in their numbers only, not int4..uint8",
        ),
        (FORMATS, "int4..int8..2", "must have a range of names without a step, not int4..int8..2"),
        (FRUIT, "fig..", "must have a range between two of apple, pear, plum, not fig"),
    ],
)
def test_what_is_no_range(kind, text, message):
    with pytest.raises(ValueError) as caught:
        kind.several(text)
    assert str(caught.value) == message


def test_a_range_of_names_holds_formats():
    assert [parse(name).width for name in FORMATS.several("e2m1..e3m2")] == [4, 5, 5, 6]


def test_every_parameter_knows_single_values():
    for cls in operators().values():
        for parameter in leaf_parameters(cls).values():
            assert parameter.several("one") == ["one"]


def test_lists_of_documents():
    known = leaf_parameters(operators()["mcm"])
    assert known["constants"].listed([-7, 19]) == "-7,19"
    assert known["input"].listed(["int4", "int8"]) == "int4,int8"
    assert known["input"].listed("int4..int8") == "int4..int8"
    assert leaf_parameters(operators()["cmvm"])["matrix"].listed([[1, 2], [3, 4]]) == "1,2;3,4"
