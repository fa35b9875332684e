"""Stochastic rounding, three variants: hardware and reference circuits equal golden, every word."""

import doctest

import fraction_operators
import numpy as np
import pytest
from fraction_reference import STOCHASTIC
from hardware import check, make, referred

from holigrail_hw.core import RequestError, Timing, operators
from holigrail_hw.flow.verify import verify
from holigrail_hw.formats import Rounding, parse
from holigrail_hw.golden import shift_register
from holigrail_hw.golden.shift_register import random_words
from holigrail_hw.hdl.number.project import can_round

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

NEW = STOCHASTIC[1:]
CASES = [
    ("convert", {"source": "fp8_e4m3", "result": "fp6_e3m2"}, 3),
    ("convert", {"source": "fp8_e5m2", "result": "e3m1_flush"}, 1),
    ("convert", {"source": "e4m3", "result": "binary6p2u"}, 4),
    ("convert", {"source": "fp8_e5m2", "result": "int5"}, 3),
    ("convert", {"source": "sfix8_en6", "result": "sfix5_en1"}, 2),
    ("add", {"a": "fp6_e3m2", "b": "fp6_e3m2", "result": "fp4_e2m1"}, 4),
    ("multiply", {"a": "fp6_e2m3", "b": "fp6_e3m2", "result": "e3m1"}, 3),
    ("add", {"a": "e4m2", "b": "e4m2", "operation": "subtract"}, 2),
    ("fma", {"a": "fp4_e2m1", "b": "fp4_e2m1", "c": "fp4_e2m1", "result": "e4m0"}, 4),
]


def drawn(mode):
    for name, given, bits in CASES:
        yield make(operators()[name], **given, rounding=mode, random_width=bits)


@pytest.mark.parametrize("mode", NEW)
def test_hardware_equals_golden(mode):
    check(drawn(mode), count=4000)


@pytest.mark.parametrize("mode", NEW)
def test_reference_circuits_equal_golden(mode):
    check((referred(spec) for spec in list(drawn(mode))[::3]), count=4000)


@pytest.mark.parametrize("mode", NEW)
def test_golden_equals_fractions(mode):
    for spec in drawn(mode):
        if any(format.kind == "P3109 float" for format in (spec.target, *spec.operands().values())):
            continue
        codes = spec.items(300, np.random.default_rng(5))
        (found,) = spec.golden(**codes).values()
        for index, code in enumerate(found.tolist()):
            numbers = [
                fraction_operators.decode(format, int(codes[port][index]))
                for port, format in spec.operands().items()
            ]
            wanted = fraction_operators.OPERATORS[spec.name](spec, *numbers)
            word = int(codes["random"][index])
            assert code == fraction_operators.encode(spec.target, wanted, spec, word)


@pytest.mark.parametrize("mode", NEW)
def test_running_sums(mode):
    given = {"a": "fp6_e3m2", "b": "fp6_e3m2", "accumulator": "binary8p4", "random_width": 5}
    cascade = {"accumulation": "cascade", "product": "fp6_e3m2"}
    exact = {"accumulation": "exact", "accumulator": "int12"}
    mac = operators()["mac"]
    check([make(mac, **given | {"rounding": mode} | more) for more in ({}, cascade, exact)])


def test_the_first_variant_has_two_names():
    spec = make(operators()["add"], a="fp16", b="fp16", rounding="stochastic_a")
    assert spec.rounding is Rounding.STOCHASTIC
    assert spec.parameters()["rounding"] == "stochastic"


def test_posits_round_in_two_of_the_variants():
    posit = parse("posit8_2")
    assert [can_round(posit, Rounding(mode)) for mode in STOCHASTIC] == [True, True, False]
    with pytest.raises(RequestError) as caught:
        make(operators()["convert"], source="fp16", result="posit8_2", rounding="stochastic_c")
    wanted = "rounding must not be stochastic_c where result is posit8_2, a posit number"
    assert wanted in str(caught.value)


LFSR = {"a": "fp6_e3m2", "b": "fp6_e3m2", "accumulator": "e4m4", "random_source": "lfsr"}


def bits_of_the_register(seed, count):
    """Bit by bit, by the polynomial x^32 + x^22 + x^2 + x + 1."""
    bits = [seed >> place & 1 for place in range(32)]
    while len(bits) < count:
        bits.append(bits[-32] ^ bits[-31] ^ bits[-30] ^ bits[-10])
    return bits


@pytest.mark.parametrize("width", [1, 8, 10, 11, 23, 32])
def test_words_of_the_shift_register(width):
    bits = bits_of_the_register(0xC0FFEE, 50 * width)
    found = random_words(0xC0FFEE, width, 50).tolist()
    parts = [bits[width * n : width * (n + 1)] for n in range(50)]
    assert found == [sum(bit << place for place, bit in enumerate(part)) for part in parts]
    assert doctest.testmod(shift_register).failed == 0


@pytest.mark.parametrize(
    ("more", "timing"),
    [
        ({"rounding": "stochastic", "random_width": 3}, None),
        ({"rounding": "stochastic_c", "random_width": 12, "lfsr_seed": 77}, Timing(period_ns=6.0)),
        ({"rounding": "stochastic_b", "accumulation": "cascade", "product": "fp6_e3m2"}, None),
        ({"rounding": "stochastic", "accumulation": "exact", "accumulator": "int6"}, None),
    ],
)
def test_sums_with_words_of_their_own(more, timing):
    spec = make(operators()["mac"], **LFSR | more)
    assert set(spec.inputs()) == {"a", "b", "clear", "enable"}
    check([spec], timing, count=3000)


def test_the_same_words_from_a_port():
    own = make(operators()["mac"], **LFSR, rounding="stochastic", random_width=5, lfsr_seed=9)
    port = make(
        operators()["mac"],
        **LFSR | {"random_source": "port"},
        rounding="stochastic",
        random_width=5,
    )
    codes = own.items(200, np.random.default_rng(3))
    given = port.golden(**codes, random=random_words(9, 5, 200))
    assert (own.golden(**codes)["result"] == given["result"]).all()
    other = make(operators()["mac"], **LFSR, rounding="stochastic", random_width=5, lfsr_seed=10)
    assert (own.golden(**codes)["result"] != other.golden(**codes)["result"]).any()


@pytest.mark.heavy
def test_streams_keep_the_words_with_the_items():
    spec = make(operators()["mac"], **LFSR, rounding="stochastic", random_width=4)
    found = verify.run(spec, levels=["compiled"], timing=Timing(shell="stream"))
    assert found.vectors > 1000


def test_two_words_must_fit():
    with pytest.raises(RequestError, match="random_width must be at most 16 for the two words"):
        make(
            operators()["mac"],
            **LFSR,
            rounding="stochastic",
            accumulation="cascade",
            random_width=17,
        )
