"""What may be given for a parameter from Python: each form makes the same specification, or none.

The reference is always the text that the command line takes. Nothing here knows an operator, but
for the cases at the end.
"""

import enum

import numpy as np
import pytest
from amaranth.back import verilog
from hardware import check

from holigrail_hw.arith.scalable_mac.mode_names import ModeNames
from holigrail_hw.core import Engine, RequestError, Timing, find, operators, parameters_of
from holigrail_hw.core.parameters import construct, to_text
from holigrail_hw.core.parameters.boolean import Boolean
from holigrail_hw.core.parameters.choice import Choice
from holigrail_hw.core.parameters.format_name import FormatName
from holigrail_hw.core.parameters.given_file import FileContent
from holigrail_hw.core.parameters.integer import Integer
from holigrail_hw.core.parameters.integers import Integers, Matrices, Rows
from holigrail_hw.core.parameters.parts import Part
from holigrail_hw.formats import Format

OPERATORS = {
    name: cls
    for name, cls in operators().items()
    if cls.__module__.startswith("holigrail_hw.") and not cls.__module__.endswith("test")
}
NAN = float("nan")
WRONG = {
    Integer: ("x", "1.0", 1.0, np.float64(2), True, np.bool_(True), [1], b"1", 1j, object(), NAN),
    Boolean: ("maybe", "falsch", 2, -1, 1.0, np.float64(0), [], [True], object(), b"true"),
    Choice: ("no-such-choice", 3, 0, True, [], ["none"], b"down", object()),
    Part: ("no-operator", "mac", 3, True, 1.5, [], b"requantize", find("mac")(), object()),
    FormatName: ("int8x", "fp8_e4m9", 8, True, ["int8"], b"int8", object()),
    ModeNames: ("8", "8x", "x", 8, True, [], [8], [["8x8"]], b"8x8", object()),
    FileContent: ("no-such-word", "no-such-file.onnx", 3, True, ["example"], b"x", object()),
    Integers: (
        *("1,x", "1;2", 1.5, [1.5], [True], [[1]], [None], {1: 2}, {3}, True, b"1", object()),
        *(np.array([1.5]), np.array([NAN]), np.array([[1]]), np.array([True]), np.array([1j])),
    ),
    Rows: (
        *("1,x", "1|2", 7, 1.5, [1, 2], [[1.0]], [[True]], [[[1]]], {1: 2}, [{1}], [None]),
        *(np.array([1, 2]), np.array([[1.5]]), np.array([[NAN]]), np.array([[True]]), object()),
    ),
    Matrices: (
        *("1,x", 7, 1.5, [1], [[1]], [[[1.0]]], [[[True]]], [[[[1]]]], [{1}], [None]),
        *(np.array([[1]]), np.array([[[0.5]]]), object()),
    ),
}


def forms(kind, value) -> list:
    """Python and NumPy objects that mean ``value``, beside its text."""
    text = to_text(value)
    match kind:
        case Integer():
            fits = [np.int64(value), np.array(value)] if -(1 << 63) <= value < 1 << 63 else []
            return [value, text, hex(value), np.str_(text), *fits]
        case Boolean():
            words = ("true", "YES", "1") if value else ("false", "No", "0")
            return [value, np.bool_(value), int(value), np.int8(value), *words]
        case Choice():
            return [value, text, np.str_(text)]
        case FormatName() | FileContent():
            return [value, text, np.str_(text)]
        case ModeNames():
            return [value, text, [*value], text.split(",")]
        case Integers():
            return [value, [*value], *([np.array(value)] if value else []), [*map(np.int64, value)]]
        case Rows():
            found = [value, [[*row] for row in value], [np.array(row) for row in value]]
            if len({len(row) for row in value}) == 1:
                found += [np.array(value), np.array(value, float), np.array(value, object)]
            return [*found, [to_text(row) for row in value]]
        case Matrices():
            found = [value, [np.array(part) for part in value], [*map(to_text, value)]]
            return [*found, [np.array(part, np.float32) for part in value]]
    raise AssertionError(f"{kind}: this test must know every kind")


def values(parameter) -> list:
    """Default, samples, choices and bounds."""
    found = [parameter.default, *parameter.samples, *parameter.choices]
    found += [parameter.low, parameter.high] if isinstance(parameter.kind, Integer) else []
    found += [False, True] if isinstance(parameter.kind, Boolean) else []
    parsed = [parameter.parse(value) for value in found if value is not None]
    return [value for value in dict.fromkeys(parsed) if value is not None]


def outcome(make) -> tuple:
    """A specification, or the message that refuses it."""
    try:
        return make(), None
    except RequestError as error:
        return None, str(error)


def is_plain(kind, value) -> bool:
    """Whether a value is of the declared type, all the way down."""
    if isinstance(value, tuple):
        return kind.type is tuple and all(type(v) is int or is_plain(kind, v) for v in value)
    if kind.type is Format:
        return isinstance(value, Format)
    return type(value) is kind.type


CASES = [(name, key) for name, cls in OPERATORS.items() for key in parameters_of(cls)]
# Forms of parts are in test_parts.py.
PLAIN = [(n, k) for n, k in CASES if not isinstance(parameters_of(OPERATORS[n])[k].kind, Part)]


@pytest.mark.parametrize(("name", "key"), PLAIN)
def test_every_form_makes_the_same_specification(name, key):
    cls, parameter = OPERATORS[name], parameters_of(OPERATORS[name])[key]
    made = 0
    for value in values(parameter):
        wanted, refusal = outcome(lambda v=value: construct(cls, {key: to_text(v)}, who=name))
        for form in forms(parameter.kind, value):
            found, why = outcome(lambda form=form: cls(**{key: form}))
            assert (found, why) == (wanted, refusal), form
            if found is None:
                continue
            made += 1
            assert hash(found) == hash(wanted)
            # Names of designs that are searched for take a search; effort is no part of them. A
            # parameter may need another one before there is hardware.
            if parameter.hardware:
                assert outcome(found.top_name) == outcome(wanted.top_name)
            assert found.parameters() == wanted.parameters()
            held = getattr(found, key)
            assert is_plain(parameter.kind, held), (form, held)
    assert made or parameter.default is None


@pytest.mark.parametrize(("name", "key"), CASES)
def test_every_other_kind_is_refused_by_name(name, key):
    cls, parameter = OPERATORS[name], parameters_of(OPERATORS[name])[key]
    wrong = [*WRONG[type(parameter.kind)], *([] if parameter.optional else [None])]
    if getattr(parameter.kind, "real", False):
        # Numbers that are integers are taken in any form; fractions need a format.
        wrong = [given for given in wrong if not (repr(given) == "[[1.0]]")]
    if parameter.type is str:
        assert parameter.choices, "a text without choices has no wrong kind"
    for given in wrong:
        with pytest.raises(RequestError) as caught:
            cls(**{key: given})
        message = str(caught.value)
        assert message.startswith(f"{name}: {key}") and (
            "must be" in message or "no format" in message
        )
        assert "\n" not in message


def test_none_is_a_value_only_where_it_may_be():
    for name, key in PLAIN:
        if parameters_of(OPERATORS[name])[key].optional:
            default = OPERATORS[name](**{key: None})
            for text in ("none", "auto", ""):
                assert OPERATORS[name](**{key: text}) == default


def test_all_kinds_are_in_use():
    kinds = {type(p.kind) for cls in OPERATORS.values() for p in parameters_of(cls).values()}
    assert kinds == set(WRONG)


def test_everything_wrong_is_told_at_once():
    with pytest.raises(RequestError) as caught:
        find("mac")(a="int8x", b=8, products=1.0, rounding="up!", restart=None)
    assert [line.split(" must")[0].split(": no")[0] for line in str(caught.value).splitlines()] == [
        *("mac: a", "mac: b", "mac: products", "mac: rounding", "mac: restart"),
    ]
    assert caught.value.hint is not None and "int8" in caught.value.hint


@pytest.mark.sampled
@pytest.mark.parametrize("name", [n for n, c in OPERATORS.items() if not issubclass(c, Engine)])
def test_the_same_verilog(name):
    """All parameters at once, each in a form of Python."""
    cls = OPERATORS[name]
    known = parameters_of(cls)
    default = cls()
    given = {key: getattr(default, key) for key in known}
    last = {k: v if v is None else forms(known[k].kind, v)[-1] for k, v in given.items()}
    texts = construct(cls, {key: to_text(value) for key, value in given.items()}, who=name)
    one, two = (verilog.convert(s.component(Timing()), name="top") for s in (cls(**last), texts))
    assert one == two


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("cmvm", {"matrix": ((3, -5), (7, 1)), "input": "sfix6_en3", "result": "int8"}),
        ("cmvm", {"matrix": np.array([[3, -5], [7, 1]]), "input": "sfix6_en3", "result": "int6"}),
        ("add", {"a": "fp8_e4m3", "b": "fp8_e5m2"}),
        ("mac", {"a": "fp4_e2m1", "b": "fp4_e2m1", "accumulator": "fp8_e5m2"}),
    ],
)
@pytest.mark.parametrize("rounding", ["nearest_even", "down", "up", "to_odd", "rne"])
def test_a_rounding_mode_as_text_in_hardware(name, given, rounding):
    check([find(name)(**given, rounding=rounding)], count=600)


def test_text_that_is_never_true_by_itself():
    gemm = find("gemm")
    assert gemm(guard="false") == gemm(guard=False) != gemm(guard="true")
    with pytest.raises(RequestError, match="cmvm: rounding must need no random numbers"):
        find("cmvm")(rounding="stochastic", result="int8")


class Twin(enum.Enum):
    """Another enumeration with the same words."""

    DOWN = "down"


def test_another_enumeration_is_no_rounding_mode():
    with pytest.raises(RequestError, match="add: rounding must be one of .*, not down"):
        find("add")(rounding=Twin.DOWN)


def test_derived_formats_beyond_the_widest_can_be_named():
    """As long as the name is that of what the other parameters derive."""
    multiply = find("multiply")
    wide = multiply(a="int64", b="int64")
    assert multiply(a="int64", b="int64", result="int128") == wide
    with pytest.raises(RequestError, match="multiply: result: int127: width must be between"):
        multiply(a="int64", b="int64", result="int127")
    with pytest.raises(RequestError, match="multiply: result: int128: width"):
        multiply(a="int64", b="int32", result="int128")


TIMINGS = [
    ({"period_ns": 10}, {"period_ns": 10.0}),
    ({"period_ns": "10"}, {"period_ns": 10.0}),
    ({"period_ns": np.float32(2.5)}, {"period_ns": 2.5}),
    ({"period_ns": np.int64(3)}, {"period_ns": 3.0}),
    ({"latency": np.int8(3)}, {"latency": 3}),
    ({"latency": "3"}, {"latency": 3}),
    (
        {"shell": np.str_("stream"), "device": np.str_("ecp5")},
        {"shell": "stream", "device": "ecp5"},
    ),
]


@pytest.mark.parametrize(("given", "plain"), TIMINGS)
def test_timings_are_plain(given, plain):
    found = Timing(**given)
    assert found == Timing(**plain) and hash(found) == hash(Timing(**plain))
    for key, value in plain.items():
        assert type(getattr(found, key)) is type(value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"period_ns": "fast"}, "timing: period_ns must be a number of ns, not 'fast'"),
        ({"period_ns": True}, "timing: period_ns must be a number of ns, not True"),
        ({"period_ns": 1j}, "timing: period_ns must be a number of ns, not 1j"),
        ({"period_ns": [1.0]}, r"timing: period_ns must be a number of ns, not \[1.0\]"),
        ({"period_ns": NAN}, "timing: period must be a positive number of ns, not nan"),
        ({"latency": 2.0}, "timing: latency must be an integer, not 2.0"),
        ({"latency": False}, "timing: latency must be an integer, not False"),
        ({"device": 3}, "timing: device must be a name, not 3"),
        ({"device": None}, "timing: device must be a name, not None"),
        ({"shell": None}, "timing: shell must be a name, not None"),
        ({"shell": "box"}, "timing: shell must be one of plain"),
    ],
)
def test_wrong_timings(given, message):
    with pytest.raises(RequestError, match=message):
        Timing(**given)
