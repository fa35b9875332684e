"""The multiplier of subwords: golden against Python's integers, hardware against golden."""

import numpy as np
import pytest
from hardware import check, make, referred

from holigrail_hw.arith.envision_multiplier import SUBWORDS, EnvisionMultiplier
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.prove import prove
from holigrail_hw.flow.simulate.gates import Gates

SIGNS = [(False, False), (True, True), (True, False), (False, True)]


def digit(word: int, bits: int, index: int, signed: bool) -> int:
    value = word >> bits * index & (1 << bits) - 1
    return value - (1 << bits) if signed and value >> bits - 1 else value


def product(spec: EnvisionMultiplier, a: int, b: int, mode: int) -> int:
    """Subword by subword, in Python."""
    count = (1, 2, 4, 4)[mode]
    bits = spec.width // count
    total = 0
    for index in range(count):
        x = digit(a, bits, index, spec.a_signed)
        y = digit(b, bits, index, spec.b_signed)
        total |= (x * y & (1 << 2 * bits) - 1) << 2 * bits * index
    return total


def every(width: int) -> dict[str, np.ndarray]:
    """Every pair of operands in every mode."""
    b, a, mode = (
        x.ravel() for x in np.meshgrid(np.arange(1 << width), np.arange(1 << width), range(4))
    )
    return {"a": a.astype(np.uint64), "b": b.astype(np.uint64), "mode": mode.astype(np.uint64)}


@pytest.mark.parametrize("width", [4, 8, 12, 16, 32])
@pytest.mark.parametrize("signs", SIGNS)
def test_golden(width, signs):
    spec = EnvisionMultiplier(width=width, a_signed=signs[0], b_signed=signs[1])
    codes = spec.items(1500, np.random.default_rng(3))
    wanted = [product(spec, *(int(codes[k][i]) for k in ("a", "b", "mode"))) for i in range(1500)]
    assert spec.golden(**codes)["p"].tolist() == wanted


def test_known_products():
    """-128 * -128, and what is left of it as two and as four products."""
    spec = EnvisionMultiplier(width=8)
    found = spec.golden(a=[0x80] * 3, b=[0x80] * 3, mode=[0, 1, 2])["p"]
    assert found.tolist() == [0x4000, 0x4000, 0x4000]
    found = spec.golden(a=[0xFF] * 3, b=[0x7F] * 3, mode=[0, 1, 2])["p"]
    # -1 * 127; -1 * 7 and -1 * -1; -1 * 1 and three times -1 * -1.
    assert found.tolist() == [0xFF81, 0xF901, 0xF111]
    assert SUBWORDS == (1, 2, 4)


@pytest.mark.parametrize("signs", SIGNS)
def test_all_products_of_four_bits(signs):
    check([EnvisionMultiplier(width=4, a_signed=signs[0], b_signed=signs[1])])


@pytest.mark.sampled
@pytest.mark.parametrize("signs", SIGNS[::-1])
def test_all_products_of_eight_bits(signs):
    spec = EnvisionMultiplier(width=8, a_signed=signs[0], b_signed=signs[1])
    codes = every(8)
    assert np.array_equal(Gates(spec).run(codes)["p"], spec.golden(**codes)["p"])


@pytest.mark.sampled
@pytest.mark.parametrize("period", [4.0, None, 2.0])
@pytest.mark.parametrize(("width", "signs"), [(16, SIGNS[1]), (20, SIGNS[2]), (32, SIGNS[3])])
def test_hardware(width, signs, period):
    """The mode changes with every item, however many are on their way."""
    spec = EnvisionMultiplier(width=width, a_signed=signs[0], b_signed=signs[1])
    check([spec], Timing(period_ns=period), count=2400)


def test_reference_circuit():
    check([referred(make(EnvisionMultiplier, width=8, a_signed=True, b_signed=False))])


@pytest.mark.heavy
def test_proof():
    assert prove.run(EnvisionMultiplier(width=4)).proved


def test_what_does_not_count_leaves_no_trace():
    """Four products of quarters: whatever differs outside of the squares leaves no trace."""
    spec, rng = EnvisionMultiplier(width=16), np.random.default_rng(5)
    design = Gates(spec)
    a, b = rng.integers(0, 1 << 16, (2, 4000), dtype=np.uint64)
    mode = np.full(4000, 2, np.uint64)
    whole = design.run({"a": a, "b": b, "mode": mode})["p"]
    for index in range(4):
        mask, place = np.uint64(0xF << 4 * index), np.uint64(8 * index)
        alone = design.run({"a": a & mask, "b": b & mask, "mode": mode})["p"]
        assert np.array_equal(alone >> place, whole >> place & np.uint64(0xFF))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"width": 10}, "width must be a multiple of 4, for four subwords, not 10"),
        (
            {"width": 36},
            "width must be between 4 and 32, not 36 (width of a and b, in bits, a multiple of 4)",
        ),
        ({"a_signed": "perhaps"}, "a_signed must be true or false, not perhaps"),
    ],
)
def test_refusals(given, message):
    with pytest.raises(RequestError) as caught:
        EnvisionMultiplier(**given)
    assert str(caught.value) == f"envision-multiplier: {message}"
