"""Precision-scalable units: golden against plain products, hardware against golden, refusals."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hardware import check

from holigrail_hw.arith.scalable_mac.bricks import allot
from holigrail_hw.arith.scalable_mac.operator import ScalableMac
from holigrail_hw.arith.scalable_mac.places import Place, constants_in_idle_places, places_of
from holigrail_hw.arith.scalable_mac.structures import STRUCTURES, Mode
from holigrail_hw.arith.scalable_mac.subword import side_by_side
from holigrail_hw.core import RequestError, Timing
from holigrail_hw.flow.prove import prove
from holigrail_hw.flow.simulate.gates import Gates

# The heavy run takes all cases.
pytestmark = pytest.mark.sampled

SPATIAL = [name for name, kind in STRUCTURES.items() if not kind.serial]
SERIAL = [name for name, kind in STRUCTURES.items() if kind.serial]
SIGNS = [*itertools.product((False, True), repeat=2)]


def unit(structure: str, **parameters) -> ScalableMac:
    return ScalableMac(structure=structure, **parameters)


def bounds(bits: int, signed: bool) -> tuple[int, int]:
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


# Results per cycle at full scalability, of the synthesis scripts of Camus et al., JETCAS 2019.
MODES = ("8x8", "8x4", "8x2", "4x4", "4x2", "2x2")
RATES = {
    "data-gated": (1, 1, 1, 1, 1, 1),
    "subword-apart": (1, 1, 1, 2, 2, 4),
    "subword-together": (1, 1, 1, 2, 2, 4),
    "divide-2d-together": (1, 2, 4, 4, None, 16),
    "divide-2d-apart": (1, 2, 4, 4, None, 16),
    "divide-1d-together": (1, 2, 4, 2, 4, 4),
    "divide-1d-apart": (1, 2, 4, 2, 4, 4),
}


@pytest.mark.parametrize("structure", SPATIAL)
def test_results_per_cycle_are_those_of_the_study(structure):
    spec = unit(structure, levels=2)
    expected = {n: r for n, r in zip(MODES, RATES[structure], strict=True) if r is not None}
    rates = {str(m): spec.kind.rate(8, spec.digit, m) for m in spec.mode_list}
    assert rates == expected
    # What the packing holds is what the table says, and the port codes are in its order.
    assert {
        str(mode): sum(map(len, found.products))
        for mode, found in zip(spec.mode_list, spec.packings, strict=True)
    } == expected


def test_one_level_has_the_rates_of_the_study():
    assert [unit("subword-apart").kind.products(8, Mode(4, 4))] == [2]
    found = unit("divide-2d-together")
    assert {str(m): found.kind.products(8, m) for m in found.mode_list} == {
        "8x8": 1,
        "8x4": 2,
        "4x4": 4,
    }


@pytest.mark.parametrize("digit", [1, 2, 4])
@pytest.mark.parametrize("structure", SERIAL)
def test_serial_rates_are_those_of_the_study(structure, digit):
    kind = unit(structure, levels=2, digit=digit).kind
    for name in MODES:
        mode = Mode.parse(name)
        rate = min(Fraction(digit, mode.weight), Fraction(1))
        if kind.serial == 2:
            rate *= min(Fraction(digit, mode.activation), Fraction(1))
        assert kind.rate(8, digit, mode) == rate


@pytest.mark.parametrize("signs", SIGNS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_golden_is_the_plain_sum_of_products_in_every_mode(structure, signs):
    rng = np.random.default_rng(4)
    for levels, lanes in ((1, 1), (2, 3)):
        extra = {"lanes": lanes} if structure in SERIAL else {}
        spec = unit(
            structure,
            levels=levels,
            headroom=12,
            signed_activations=signs[0],
            signed_weights=signs[1],
            **extra,
        )
        for mode in spec.mode_list:
            compare_with_products(spec, mode, rng)


def compare_with_products(spec: ScalableMac, mode: Mode, rng: np.random.Generator) -> None:
    """One fresh sum of 24 random or extreme products, by golden, against Python's integers."""
    ranges = (
        bounds(mode.activation, spec.signed_activations),
        bounds(mode.weight, spec.signed_weights),
    )
    packed = None if spec.kind.serial else spec.packings[spec.mode_list.index(mode)]
    turns = 24
    counts = (turns, turns)
    if packed is not None:
        counts = turns * len(packed.activations), turns * len(packed.weights)
    for extreme in (False, True):
        operands = [
            [int(rng.choice(r)) if extreme else int(rng.integers(r[0], r[1] + 1)) for _ in range(n)]
            for r, n in zip(ranges, counts, strict=True)
        ]
        items = {k: np.array(v, object) for k, v in spec.items_of(mode, *operands).items()}
        word = int(spec.golden(**items)["result"][-1])
        if packed is None:
            cycles = -(-turns // spec.lanes) * spec.kind.steps(spec.digit, mode)
            assert len(items["clear"]) == cycles
            total = sum(a * w for a, w in zip(*operands, strict=True))
            assert word == total % (1 << spec.result_width)
            continue
        for places, pairs in zip(packed.sums, packed.products, strict=True):
            steps = [n // turns for n in counts]
            total = sum(
                operands[0][t * steps[0] + i] * operands[1][t * steps[1] + j]
                for t in range(turns)
                for i, j in pairs
            )
            found = sum((word >> place & 1) << k for k, place in enumerate(places))
            assert found == (total << packed.shift) % (1 << len(places))


def column_sums(places: list[Place], mode: int, a: int, w: int, chunk: int, columns: range) -> int:
    """What the partial products in some columns add up to, from the bits of two words."""

    def product(place: Place) -> int:
        use = place.brick.uses[mode]
        return a >> use.activation * chunk + place.x & w >> use.weight * chunk + place.y & 1

    total = 0
    for place in places:
        if place.column not in columns:
            continue
        if mode in place.brick.uses:
            bit = product(place) ^ (mode in place.negative)
        elif mode in place.borrowed:
            bit = 1 - product(place.borrowed[mode])
        else:
            bit = int(mode in place.ones)
        total += bit << place.column - columns.start
    return total


def test_constants_of_complements_lie_in_idle_partial_products():
    rng = np.random.default_rng(6)
    for signs, width, levels in itertools.product(SIGNS[1:], (4, 8), (1, 2)):
        signed = dict(zip(("signed_activations", "signed_weights"), signs, strict=True))
        spec = unit("subword-apart", width=width, levels=levels, **signed)
        chunk = width >> levels
        packings, columns = side_by_side(spec)
        places = [
            p for b in allot(packings, chunk) for p in places_of(b, (signs[0], signs[1]), chunk)
        ]
        left = constants_in_idle_places(places, columns)
        if chunk > 1 and sum(signs) == 1:
            # Only the mode that leaves no partial product idle has a constant of its own.
            assert [str(m) for m, rest in zip(spec.mode_list, left, strict=True) if rest] == [
                f"{width}x{width}"
            ]
        for mode, found in enumerate(packings):
            for a, w in rng.integers(0, 1 << width, (20, 2)).tolist():
                for index, here in enumerate(columns[mode]):
                    operands = [
                        sum((word >> bit & 1) << k for k, bit in enumerate(bits))
                        - (is_signed and (word >> bits[-1] & 1) << len(bits))
                        for word, bits, is_signed in (
                            (a, found.activations[index], signs[0]),
                            (w, found.weights[index], signs[1]),
                        )
                    ]
                    expected = operands[0] * operands[1] << found.shift
                    expected += 1 << len(here) - 1
                    constant = left[mode] >> here.start & (1 << len(here)) - 1
                    total = column_sums(places, mode, a, w, chunk, here) + constant
                    # Equal, not only modulo the columns: no carry leaves them.
                    assert total == expected < 1 << len(here)


@pytest.mark.parametrize("restart", ["product", "zero"])
@pytest.mark.parametrize("signs", SIGNS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_hardware_equals_golden_with_modes_that_change(structure, signs, restart):
    check(
        [
            unit(
                structure,
                width=width,
                levels=levels,
                restart=restart,
                signed_activations=signs[0],
                signed_weights=signs[1],
            )
            for width, levels in ((4, 1), (6, 1))[: 1 + (restart == "zero")]
        ],
        count=600,
    )


@pytest.mark.parametrize(
    ("structure", "parameters"),
    [
        *((name, {"levels": 2}) for name in STRUCTURES),
        *((name, {"width": 4, "levels": 2, "headroom": 0}) for name in STRUCTURES),
        *((name, {"digit": 4, "lanes": 5}) for name in SERIAL),
        ("subword-apart", {"levels": 3}),
        ("subword-apart", {"width": 4, "levels": 2, "signed_activations": True}),
        ("divide-2d-together", {"levels": 2, "modes": "2x8,4x2,8x8"}),
        ("divide-1d-apart", {"levels": 1, "modes": "4x8"}),
        ("divide-2d-apart", {"levels": 2, "modes": "2x4,8x2"}),
        *(
            pytest.param(name, {"width": 16, "levels": levels}, marks=pytest.mark.heavy)
            for name in STRUCTURES
            for levels in (2, 3)
            if (name, levels) != ("divide-2d-apart", 3)
        ),
    ],
)
def test_hardware_of_many_shapes(structure, parameters):
    check([unit(structure, **parameters)], count=2000)


@pytest.mark.parametrize("period_ns", [12.0, 6.0])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_pipelined_hardware(structure, period_ns):
    check([unit(structure, width=4)], Timing(period_ns=period_ns), count=600)


def every_pair(spec: ScalableMac, mode: Mode) -> dict[str, np.ndarray]:
    """All pairs of words of a mode's first elements, each in a fresh sum, in lanes side by side."""
    found = spec.packings[spec.mode_list.index(mode)]
    a, w = np.meshgrid(np.arange(1 << mode.activation), np.arange(1 << mode.weight))
    words = []
    for values, elements in ((a.ravel(), found.activations), (w.ravel(), found.weights)):
        word = np.zeros(values.shape, object)
        for place, bits in enumerate(elements):
            # Other elements get other values, so that every product of the unit sees all pairs.
            value = (values + place * (values // 3 + 1)) % (1 << len(bits)) if place else values
            for index, bit in enumerate(bits):
                word |= (value.astype(object) >> index & 1) << bit
        words.append(word.astype(np.uint64))
    codes = {"activation": words[0], "weight": words[1]}
    if spec.mode_width:
        codes["mode"] = np.full(words[0].shape, spec.mode_list.index(mode), np.uint64)
    codes["clear"] = np.ones(words[0].shape, np.uint64)
    return {name: values[None] for name, values in codes.items()}


@pytest.mark.parametrize(
    ("structure", "width", "signs"),
    [
        *((name, 4, signs) for name in SPATIAL for signs in SIGNS),
        *(pytest.param(name, 8, (False, True), marks=pytest.mark.heavy) for name in SPATIAL),
    ],
)
def test_all_pairs_of_operands_in_every_mode(structure, width, signs):
    spec = unit(
        structure,
        width=width,
        levels=2,
        signed_activations=signs[0],
        signed_weights=signs[1],
    )
    design = Gates(spec)
    for mode in spec.mode_list:
        codes = every_pair(spec, mode)
        assert codes["clear"].size == 1 << mode.activation + mode.weight
        expected = spec.golden(**codes)["result"]
        assert (design.run(codes)["result"] == expected).all(), str(mode)


@pytest.mark.parametrize(
    "structure", [*SERIAL, "subword-together", "subword-apart", "divide-2d-together"]
)
def test_proof(structure):
    given = {"digit": 1} if structure in SERIAL else {"modes": "2x2,1x1"}
    width = 4 if structure in SERIAL else 2
    spec = unit(structure, width=width, levels=1, headroom=1, **given)
    assert prove.run(spec).proved


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"width": 7},
            "scalable-mac: width must be a multiple of 2 to be halved once, not 7",
        ),
        (
            {"width": 6, "levels": 2},
            "scalable-mac: width must be a multiple of 4 to be halved twice, not 6",
        ),
        (
            {"modes": "8x8,3x3"},
            "scalable-mac: modes must be among 8x8, 8x4, 4x8, 4x4 for subword-together of width 8"
            " with 1 level, not 3x3",
        ),
        (
            {"modes": "8x8,8x8"},
            "scalable-mac: modes must be among 8x8, 8x4, 4x8, 4x4 for subword-together of width 8"
            " with 1 level, each once, not 8x8,8x8",
        ),
        (
            {"levels": 4},
            "scalable-mac: levels must be between 1 and 3, not 4 (how often operands can"
            " be halved)",
        ),
        (
            {"modes": "8x8,"},
            "scalable-mac: modes must be modes separated by commas, as 8x8,4x4, not '8x8,'",
        ),
        ({"digit": 3}, "scalable-mac: digit must be 1, 2 or 4 bits, not 3"),
        (
            {"lanes": 2},
            "scalable-mac: lanes must be 1 for subword-together, which has its products by mode,"
            " not 2; serial-1d and serial-2d have lanes",
        ),
    ],
)
def test_refusals(given, message):
    with pytest.raises(RequestError) as error:
        ScalableMac(**given)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("structure", "mode", "operands", "message"),
    [
        (
            "subword-together",
            Mode(3, 3),
            ([1], [1]),
            "the mode must be one of 8x8, 8x4, 4x4, not 3x3",
        ),
        (
            "serial-2d",
            Mode(9, 1),
            ([1], [0]),
            "the operands of a mode must have 1 to 8 bits, not 9x1",
        ),
        (
            "serial-1d",
            Mode(8, 0),
            ([1], [0]),
            "the operands of a mode must have 1 to 8 bits, not 8x0",
        ),
        (
            "data-gated",
            Mode(8, 8),
            ([0, 300], [1]),
            "activations of mode 8x8 must be between 0 and 255, not 300 at 1",
        ),
        (
            "subword-apart",
            Mode(4, 4),
            ([15], [8]),
            "weights of mode 4x4 must be between -8 and 7, not 8 at 0",
        ),
        (
            "serial-2d",
            Mode(3, 5),
            ([1.5], [1]),
            "activations of mode 3x5 must be a whole number, not 1.5 at 0",
        ),
    ],
)
def test_items_hold_what_was_given(structure, mode, operands, message):
    """Nothing wraps on its way into a word."""
    with pytest.raises(RequestError) as error:
        unit(structure).items_of(mode, *operands)
    assert str(error.value) == f"scalable-mac: {message}" and error.value.hint is None


@pytest.mark.parametrize("mode", [Mode(7, 5), Mode(1, 8), Mode(8, 1)])
@pytest.mark.parametrize("structure", SERIAL)
def test_serial_units_have_every_width(structure, mode):
    for digit in (1, 2, 4):
        spec = unit(structure, digit=digit, lanes=3, headroom=8)
        compare_with_products(spec, mode, np.random.default_rng(5))


@pytest.mark.parametrize(
    ("structure", "mode", "places"),
    [
        # Sums and where in their place they begin, activations, weights.
        ("data-gated", "8x4", ("19:0", 4, "7:0", "7:4")),
        ("subword-together", "8x4", ("19:0", 4, "7:0", "7:4")),
        # The halves of the weight change places, so that both products weigh 2^4.
        ("subword-together", "4x4", ("19:0", 4, "3:0, 7:4", "7:4, 3:0")),
        ("subword-apart", "4x4", ("11:0, 23:12", 0, "3:0, 7:4", "3:0, 7:4")),
        ("subword-apart", "8x8", ("23:12+7:0", 0, "7:0", "7:0")),
        ("divide-1d-apart", "8x4", ("15:0, 31:16", 0, "7:0", "3:0, 7:4")),
        ("divide-1d-apart", "4x4", ("15:0, 31:16", 4, "7:4", "3:0, 7:4")),
        # The columns of narrow products lie in the middle of those of wide ones, up to half a step.
        ("divide-1d-together", "8x4", ("19:0", 4, "7:0, 15:8", "3:0, 7:4")),
        ("divide-2d-apart", "8x4", ("15:0, 31:16", 0, "7:0", "3:0, 7:4")),
        (
            "divide-2d-together",
            "4x4",
            ("19:0", 4, "3:0, 7:4, 11:8, 15:12", "3:0, 7:4, 11:8, 15:12"),
        ),
    ],
)
def test_where_operands_and_sums_lie(structure, mode, places):
    """By hand, for golden and hardware both read it off the packing."""
    row = next(row for row in unit(structure).views()[0].rows if row[0] == mode)
    assert row[5:] == places


def test_what_info_says():
    spec = unit("divide-2d-together", levels=2)
    assert spec.facts()["mode 2x2"] == (
        "code 4, products per cycle: 16; activations 1:0, 3:2 ... 31:30;"
        " weights 1:0, 3:2 ... 31:30; 1 sum in 19:0, from bit 6 of it"
    )
    table = spec.views()[0]
    assert [row[:6] for row in table.rows][3] == ("4x4", 3, "4", 1, 1, "19:0")
    assert str(table.rows[3][7]).startswith("3:0, 7:4")
    serial = unit("serial-2d", levels=2, digit=2, lanes=16).views()[0]
    assert [(row[0], row[2], row[3]) for row in serial.rows][0] == ("8x8", "1", 16)
    assert unit("serial-1d", digit=1).facts()["mode 8x4"] == (
        "products per cycle: 1/4; 8 bits, 4 digits of 1; 4 cycles a product"
    )
