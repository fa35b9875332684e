"""Formulas against exact arithmetic, and their forms against every sum that can occur."""

from dataclasses import replace
from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from model_files import shared_model

from holigrail_hw.golden.requantization import divide, rescale_twice
from holigrail_hw.models import IntegerGraph, ModelError, read
from holigrail_hw.models.certify.certificate import certify
from holigrail_hw.models.certify.search import (
    even_form,
    literal_form,
    multiplier_form,
    slope_of,
    threshold_form,
)
from holigrail_hw.models.certify.staircases import staircase
from holigrail_hw.models.formulas.affine import Affine
from holigrail_hw.models.formulas.arrays import fractions
from holigrail_hw.models.formulas.documents import formula_document, formula_of
from holigrail_hw.models.formulas.functions import Function
from holigrail_hw.models.formulas.rounded_floats import DoubleAway, Float32
from holigrail_hw.models.formulas.twice_rounded import TwiceRounded, mantissas
from holigrail_hw.models.graph.forms import Multiplier, form_document, form_of
from holigrail_hw.models.graph.nodes import Linear, Port, Requantise
from holigrail_hw.models.passes.forms import with_forms
from holigrail_hw.models.passes.signs import growing_formulas

ROUNDINGS = (
    "nearest_even",
    "nearest_away",
    "nearest_zero",
    "nearest_up",
    "toward_zero",
    "away_from_zero",
    "up",
    "down",
)


def exact(value, rounding):
    """A Fraction rounded, straight from the definitions."""
    below, above = floor(value), ceil(value)
    match rounding:
        case "nearest_even":
            return round(value)
        case "nearest_up":
            return floor(value + Fraction(1, 2))
        case "nearest_away" | "nearest_zero":
            far = (
                Fraction(1, 2)
                if rounding == "nearest_away"
                else Fraction(1, 2) - Fraction(1, 10**9)
            )
            size = floor(abs(value) + far)
            return size if value >= 0 else -size
        case "toward_zero":
            return int(value)
        case "away_from_zero":
            return above if value > 0 else below
        case "up":
            return above
    return below


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("seed", range(4))
def test_affine_is_exact_for_integers_and_floats(rounding, seed):
    rng = np.random.default_rng(seed)
    # Powers of two make ties; float32 scales have wide denominators and come close to them.
    if seed % 2:
        factor = fractions(rng.choice([0.5, 0.25, -0.125, 1.0], 3))
        offset = fractions(rng.choice([0.5, -0.25, 0.0], 3))
    else:
        scales = rng.uniform(0.001, 0.1, (2, 3)).astype(np.float32).astype(np.float64)
        factor = np.asarray(fractions(scales[0]) / fractions(scales[1]), object)
        offset = fractions(rng.normal(size=3))
    formula = Affine(factor, offset, -20, 30, rounding)
    values = rng.integers(-200, 200, (40, 3))
    if seed >= 2:
        values = np.asarray(values / 4)
    found = formula.apply(values)
    for index, value in np.ndenumerate(values):
        real = Fraction(float(value)) * factor[index[1]] + offset[index[1]]
        assert found[index] == min(max(exact(real, rounding), -20), 30)


def test_affine_agrees_with_the_golden_division():
    values = np.arange(-300, 300)
    for rounding in ROUNDINGS:
        formula = Affine(fractions([Fraction(1, 16)]), fractions([3]), -1000, 1000, rounding)
        assert (formula.apply(values) == divide(values, 4, rounding, 3)).all()


def test_affine_beyond_64_bits():
    wide = Affine(fractions([Fraction(2**70 + 1, 2**80)]), fractions([0]), -(1 << 40), 1 << 40)
    values = np.array([-(1 << 50) - 512, 1023, (1 << 50) + 512, 1 << 61])
    wanted = [round(Fraction(2**70 + 1, 2**80) * int(v)) for v in values]
    assert wide.apply(values).tolist() == [max(min(w, 1 << 40), -(1 << 40)) for w in wanted]


def test_a_float_near_a_tie_is_decided_exactly():
    third = Fraction(1, 3)
    formula = Affine(fractions([third]), fractions([Fraction(1, 6) - Fraction(1, 10**30)]), 0, 99)
    # 1/3 + 1/6 = 1/2, less almost nothing: float64 sees a tie and would round 2.5 to 2 as well.
    assert formula.apply(np.array([1.0, 4.0, 7.0, 10.0])).tolist() == [0, 1, 2, 3]


def test_rounding_twice_is_gemmlowps():
    rng = np.random.default_rng(0)
    factors = np.concatenate([rng.uniform(1e-6, 3.0, 60), [0.5, 1.0, 2.0**-20]])
    mantissa, shift = mantissas(factors)
    values = rng.integers(-(1 << 20), 1 << 20, (400, len(factors)))
    formula = TwiceRounded(mantissa, shift, 5, -(1 << 30), 1 << 30)
    assert (formula.apply(values) == 5 + rescale_twice(values, mantissa, -shift, 31)).all()
    shifted = TwiceRounded(mantissa, shift, 0, -(1 << 40), 1 << 40, 8, 3)
    wanted = rescale_twice((values - 3) << 8, mantissa, -shift, 31)
    assert (shifted.apply(values) == wanted).all()


def test_mantissas_reach_their_ends():
    mantissa, shift = mantissas([1 - 2.0**-40, 0.5, 2.0**-50])
    assert mantissa.tolist() == [1 << 30, 1 << 30, 0] and shift.tolist() == [1, 0, 0]


def test_rounded_floats():
    half = DoubleAway(np.array([0.5]), 0, -100, 100)
    assert half.apply(np.array([-3, -1, 1, 3, 5])).tolist() == [-2, -1, 1, 2, 3]
    # The greatest double below one half must not become 1 when a half is added.
    assert DoubleAway(np.array([0.49999999999999994]), 0, -1, 1).apply(np.array([1])).item() == 0
    even = Float32(np.array([0.5], np.float32), 10, 0, 255)
    assert even.apply(np.array([-3, -1, 1, 3, 5])).tolist() == [8, 10, 10, 12, 12]
    # float32 cannot hold 2^24 + 1.
    one = Float32(np.array([1.0], np.float32), 0, 0, 1 << 30)
    assert one.apply(np.array([(1 << 24) + 1])).item() == 1 << 24


def graph_of_one(formula, weights, low=-8, high=7):
    """One matrix and one formula."""
    bias = np.zeros(weights.shape[1], np.int64)
    nodes = (
        Linear(name="sums", inputs=("x",), weights=weights, bias=bias),
        Requantise(name="codes", inputs=("sums",), formula=formula),
    )
    shape = (weights.shape[0],)
    port = Port(name="x", tensor="x", file_shape=shape, shape=shape, low=low, high=high)
    end = Port(name="y", tensor="codes", file_shape=shape, shape=(weights.shape[1],))
    return IntegerGraph(name="one", inputs=(port,), outputs=(end,), nodes=nodes)


def all_formulas(channels, rng):
    """One of every kind, also one that falls in a channel, with ties and without."""
    scales = rng.uniform(0.05, 0.4, channels)
    falling = fractions(scales)
    falling[0] = -falling[0]
    mantissa, shift = mantissas(scales)
    ties = fractions(rng.choice([0.125, 0.25, 0.0625], channels))
    offset = fractions(rng.integers(-3, 4, channels) / 4)
    yield Affine(falling, fractions(rng.normal(size=channels)), -7, 7)
    for rounding in ROUNDINGS:
        yield Affine(ties, offset, -8, 7, rounding)
    yield Affine(fractions(scales), offset, -1, 1, "sign")
    yield Float32(scales.astype(np.float32), 3, -8, 7)
    yield DoubleAway(scales, -2, -8, 7)
    yield TwiceRounded(mantissa, shift, 1, -8, 7)
    yield Function((("Tanh", {}),), scales, scales * 0, 1 / 8, 0, -8, 7)


@pytest.mark.parametrize("prefer", ["auto", "thresholds", "multiplier"])
def test_every_form_is_equal_for_every_sum(prefer):
    """Beside the proof by bisection: all sums are enumerated."""
    rng = np.random.default_rng(11)
    weights = rng.integers(-7, 8, (6, 5))
    weights[:, 3] = 0  # a channel with one sum only
    kinds = set()
    for formula in all_formulas(5, rng):
        graph = with_forms(graph_of_one(formula, weights), prefer=prefer, most_thresholds=4)
        certificate = certify(graph)
        assert certificate.verdict == "exact", certificate.text()
        assert certificate.entries[1].verdict == "proved"
        tensor = graph.tensors["sums"]
        covered = int((tensor.high - tensor.low + 1).sum())
        assert certificate.entries[1].sums == covered
        sums = np.arange(tensor.low.min(), tensor.high.max() + 1)
        spread = np.clip(sums[:, None], tensor.low, tensor.high)
        form = graph.nodes[1].form
        kinds.add(form.kind)
        assert (form.apply(spread) == formula.apply(spread)).all(), formula.text()
        again = form_of(form_document(form), "form")
        assert (again.apply(spread) == form.apply(spread)).all()
        same = formula_of(formula_document(formula), "formula")
        assert (same.apply(spread) == formula.apply(spread)).all()
    assert prefer == "auto" or prefer.rstrip("s") in {kind.rstrip("s") for kind in kinds}


def test_signs_move_into_weights_and_biases():
    """A falling formula grows afterwards, and the network computes the same."""
    rng = np.random.default_rng(14)
    weights = rng.integers(-7, 8, (6, 3))
    formula = Affine(fractions([-0.3, 0.2, -0.1]), fractions([0.1, 0.2, 0.3]), -8, 7)
    graph = graph_of_one(formula, weights)
    linear = graph.nodes[0].changed(bias=np.array([5, -3, 11]))
    graph = graph.changed(nodes=(linear, graph.nodes[1]))
    grown = growing_formulas(graph)
    assert (grown.nodes[1].formula.direction > 0).all()
    x = rng.integers(-8, 8, (200, 6))
    assert np.array_equal(grown.evaluate(x), graph.evaluate(x))


def test_a_wrong_form_is_found_and_listed():
    """One unit in the constant of one channel moves some codes, and no others are listed."""
    rng = np.random.default_rng(12)
    weights = rng.integers(-7, 8, (6, 4))
    formula = Affine(fractions(rng.uniform(0.05, 0.4, 4)), fractions([0] * 4), -8, 7)
    graph = with_forms(graph_of_one(formula, weights), prefer="multiplier")
    good = graph.nodes[1].form
    assert isinstance(good, Multiplier)
    constant = good.constant.copy()
    constant[2] += 1 << int(good.shift[2]) - 1
    bad = Multiplier(good.factor, constant, good.shift, good.low, good.high)
    wrong = graph.changed(nodes=(graph.nodes[0], graph.nodes[1].changed(form=bad)))
    certificate = certify(wrong)
    assert certificate.verdict == "exact up to listed cases"
    listed = {
        (d.channel, s)
        for d in certificate.entries[1].deviations
        for s in range(d.first, d.last + 1)
    }
    tensor = graph.tensors["sums"]
    wanted = set()
    for channel in range(4):
        for s in range(int(tensor.low[channel]), int(tensor.high[channel]) + 1):
            sums = np.full((1, 4), s)
            if formula.apply(sums)[0, channel] != bad.apply(sums)[0, channel]:
                wanted.add((channel, s))
    assert wanted and listed == wanted
    assert "channel 2: sums" in certificate.text()


def test_a_factor_that_is_too_narrow_leads_to_thresholds():
    rng = np.random.default_rng(13)
    weights = rng.integers(-100, 101, (50, 3))
    formula = Affine(fractions([0.00123456, 0.0034567, 0.0019]), fractions([0.3] * 3), -128, 127)
    graph = graph_of_one(formula, weights, -128, 127)
    narrow = with_forms(graph, prefer="multiplier", factor_bits=4)
    assert narrow.nodes[1].form.kind == "thresholds"
    wide = with_forms(graph, prefer="multiplier")
    assert wide.nodes[1].form.kind == "multiplier"
    assert certify(narrow).verdict == certify(wide).verdict == "exact"


def test_the_smallest_shift_is_found():
    """x / 4 rounded up at halves needs no more than a constant of 2 and a shift of 2."""
    formula = Affine(fractions([Fraction(1, 4)]), fractions([0]), -8, 7, "nearest_up")
    stairs = staircase(formula.apply, formula.direction, np.array([-99]), np.array([99]), "test")
    form = multiplier_form(stairs, slope_of(formula, stairs), (-8, 7), 31)
    assert (form.factor.item(), form.constant.item(), form.shift.item()) == (1, 2, 2)
    assert threshold_form(stairs).values.reshape(-1).tolist() == [4 * k - 2 for k in range(-7, 8)]


def test_ties_to_even_need_their_own_rounding():
    formula = Affine(fractions([Fraction(3, 8)]), fractions([Fraction(1, 4)]), -8, 7)
    stairs = staircase(formula.apply, formula.direction, np.array([-50]), np.array([50]), "test")
    assert multiplier_form(stairs, slope_of(formula, stairs), (-8, 7), 4) is None
    form = even_form(formula, 8)
    assert (form.factor.item(), form.constant.item(), form.shift.item(), form.even) == (3, 2, 3, 1)
    values = np.arange(-50, 51)
    assert (form.apply(values) == formula.apply(values)).all()


def test_too_many_codes_are_refused():
    formula = Affine(fractions([Fraction(1, 3)]), fractions([0]), -(1 << 20), 1 << 20)
    with pytest.raises(ModelError, match="there must be at most 4096 codes"):
        with_forms(graph_of_one(formula, np.full((6, 1), 1000), -128, 127))
    with pytest.raises(ModelError, match="prefer must be one of auto, thresholds, multiplier"):
        with_forms(graph_of_one(formula, np.ones((1, 1), np.int64)), prefer="best")


LITERAL = [
    ("down", Fraction(1, 8), Fraction(3, 16), (2, 3, 4, 0)),
    ("nearest_up", Fraction(1, 8), 0, (1, 4, 3, 0)),
    ("nearest_up", Fraction(5, 4), Fraction(-3, 8), (10, 1, 3, 0)),
    ("nearest_up", 3, -7, (3, -7, 0, 0)),
    ("nearest_even", Fraction(-3, 8), Fraction(1, 4), (-3, 2, 3, 1)),
]


@pytest.mark.parametrize(("rounding", "factor", "offset", "numbers"), LITERAL)
def test_products_and_shifts_may_have_any_number_of_codes(rounding, factor, offset, numbers):
    """They are taken as they stand, and proved as such; a changed number is a deviation."""
    formula = Affine(fractions([factor]), fractions([offset]), -9000, 9000, rounding)
    graph = with_forms(graph_of_one(formula, np.array([[500]]), -128, 127))
    form = graph.nodes[-1].form
    arrays = (form.factor, form.constant, form.shift)
    assert (*(array.item() for array in arrays), form.even) == numbers
    values = np.arange(-70000, 70001)
    assert (form.apply(values) == formula.apply(values)).all()
    entry = certify(graph).entries[-1]
    assert entry.verdict == "proved" and entry.form.endswith("as the formula has them")
    wrong = graph.nodes[-1].changed(form=replace(form, constant=form.constant + 1))
    with pytest.raises(ModelError, match="there must be at most 4096 codes"):
        certify(graph.changed(nodes=(*graph.nodes[:-1], wrong)))


@pytest.mark.parametrize(
    ("rounding", "factor"), [("nearest_away", Fraction(1, 2)), ("down", Fraction(1, 3))]
)
def test_others_may_not(rounding, factor):
    formula = Affine(fractions([factor]), fractions([0]), -9000, 9000, rounding)
    assert literal_form(formula, 31) is None
    with pytest.raises(ModelError, match="there must be at most 4096 codes"):
        with_forms(graph_of_one(formula, np.array([[500]]), -128, 127))


@pytest.mark.parametrize(
    "document", [None, [], {"kind": "other"}, {"kind": "affine"}, {"kind": "float32", "zero": 1}]
)
def test_documents_that_are_no_formulas(document):
    with pytest.raises(ModelError, match="formula"):
        formula_of(document, "formula")


@pytest.mark.parametrize("name", ["tiny_kws_int8.tflite", "ortq_mnist_conv_qoperator.onnx"])
def test_networks_of_others_are_exact_in_every_form(name):
    graph = read(shared_model(name))
    assert isinstance(graph, IntegerGraph)
    rng = np.random.default_rng(0)
    port = graph.inputs[0]
    x = rng.integers(port.low, port.high + 1, (3, *port.shape))
    formed = with_forms(graph)
    assert certify(formed).verdict == "exact"
    assert np.array_equal(formed.evaluate(x), graph.evaluate(x))
    (open_,) = {e.verdict for e in certify(graph).entries if e.kind == "requantise"} - {"exact"}
    assert open_ == "formula only"
