"""Conditions between parameters: what they mean, and that nothing in them is ever run."""

import inspect
import sys

import pytest

from holigrail_hw.core import RequestError
from holigrail_hw.flow.explore.sweep.conditions import read
from holigrail_hw.formats import parse

NAMES = ("a", "b", "requantiser", "requantiser.scale_width", "rounding", "lanes", "period_ns")
VALUES = {
    "a": parse("int8"),
    "b": parse("fp16"),
    "requantiser": None,
    "requantiser.scale_width": 12,
    "rounding": "up",
    "lanes": 4,
    "period_ns": 2.5,
}
MADE_OF = (
    "the condition must be made of parameters, numbers, texts, comparisons, and, or, not,"
    " + - * / // %, min, max and abs, not of "
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a.width >= b.width", False),
        ("a.width < b.width and lanes == 4", True),
        ("a.width == 9 or not lanes > 4", True),
        ("a == 'int8' and b != a", True),
        ("requantiser.scale_width % 5 == 2", True),
        ("requantiser == 'none'", True),
        ("rounding in ('up', 'down')", True),
        ("rounding not in ['up', 'down']", False),
        ("4 <= a.width <= 8 < b.width", True),
        ("4 <= a.width <= 7 < b.width", False),
        ("max(a.width, b.width, 3) - min(2, lanes) == 14", True),
        ("abs(-lanes) * 2 // 3 == 2 and lanes / 8 == 0.5", True),
        ("period_ns > 2", True),
        ("a.signed", True),
        ("a.is_integer and not b.is_integer", True),
        ("  lanes + 1 > 4", True),
    ],
)
def test_conditions(text, holds):
    assert read(text, NAMES).holds(VALUES) is holds


def test_only_what_is_asked_about_is_needed():
    condition = read("requantiser.scale_width > a.width", NAMES)
    assert condition.names == {"requantiser.scale_width", "a"}


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("a.width >=", "the condition must be an expression, not broken (invalid syntax)"),
        ("lanes = 4", "the condition must be an expression, not broken (invalid syntax)"),
        ("", "the condition must be an expression, not broken (invalid syntax)"),
        ("(" * 300, "the condition must be an expression, not broken ("),
        ("-" * 990 + "1", "the condition must be an expression, not broken ("),
        ("__import__('os').system('x')", MADE_OF + "__import__('os').system('x')"),
        ("a.__class__.width > 1", "no parameter named 'a.__class__.width'"),
        ("c > 1", "no parameter named 'c'"),
        ("open('x')", MADE_OF + "open('x')"),
        ("max(4)", MADE_OF + "max(4)"),
        ("max(*[1])", MADE_OF + "max(*[1])"),
        ("max(1, 2, key=3)", MADE_OF + "max(1, 2, key=3)"),
        ("[x for x in a]", MADE_OF + "[x for x in a]"),
        ("(lambda: 1)()", MADE_OF + "(lambda: 1)()"),
        ("lanes ** 99", MADE_OF + "lanes ** 99"),
        ("lanes << 99", MADE_OF + "lanes << 99"),
        ("a is b", MADE_OF + "is"),
        ("f'{a}' == 'x'", MADE_OF + "f'{a}'"),
        ("lanes if a else b", MADE_OF + "lanes if a else b"),
        ("a[0] > 1", MADE_OF + "a[0]"),
        ("(lanes := 3) > 1", MADE_OF + "(lanes := 3)"),
        ("b'x' == a", MADE_OF + "b'x'"),
        ("...", MADE_OF + "..."),
        ("1 > 2", "the condition must ask about a parameter, not about none"),
        ("0", "the condition must ask about a parameter, not about none"),
        ("1" * 1001, "the condition must have at most 1000 characters, not 1001"),
    ],
)
def test_what_is_no_condition(text, end):
    with pytest.raises(RequestError) as caught:
        read(text, NAMES)
    assert str(caught.value).startswith(f"explore: --where {text[:1000]!r}: {end}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("a.weight > 1", "the condition must ask a for what it has, not int8 for weight"),
        ("a._dtype == 1", "the condition must ask a for what it has, not int8 for _dtype"),
        ("a.encode == 1", "the condition must ask a for what it has, not int8 for encode"),
        ("lanes.width > 1", "the condition must ask lanes for what it has, not 4 for width"),
        (
            "a < 4",
            "the condition must compare what can be compared, not fail ('<' not supported between"
            " instances of 'str' and 'int')",
        ),
        (
            "'x' * 1000 == a",
            "the condition must compare what can be compared, not fail ('x' is no number)",
        ),
        (
            "1 % (lanes - 4) == 0",
            "the condition must compare what can be compared, not fail (integer modulo by zero)",
        ),
        ("a.width", "the condition must be true or false, not 8"),
        ("rounding", "the condition must be true or false, not up"),
        (
            "rounding == 'down' or 'to_odd'",
            "the condition must compare what can be compared, not fail ('to_odd' is neither"
            " true nor false)",
        ),
        (
            "not lanes",
            "the condition must compare what can be compared, not fail (4 is neither true nor"
            " false)",
        ),
    ],
)
def test_what_cannot_be_compared(text, end):
    with pytest.raises(RequestError) as caught:
        read(text, NAMES).holds(VALUES)
    assert str(caught.value) == f"explore: --where {text!r}: {end}"
    assert caught.value.hint == 'for example --where "a.width >= b.width"'


def test_a_deep_condition_is_no_traceback():
    condition = read("lanes" + " - 1" * 240 + " > 0", NAMES)
    limit, depth = sys.getrecursionlimit(), len(inspect.stack(0))
    sys.setrecursionlimit(depth + 100)
    try:
        with pytest.raises(RequestError, match="maximum recursion depth"):
            condition.holds(VALUES)
    finally:
        sys.setrecursionlimit(limit)
