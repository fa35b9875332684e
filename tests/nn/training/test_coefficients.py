"""Sets of coefficients: costs against a search of their own, and the nearest words."""

import itertools

import numpy as np
import pytest

from holigrail_hw.models import ModelError
from holigrail_hw.nn.training.coefficients import adder_cost, coefficients, fundamental

# Words of each cost among all signed words of so many bits (exhaustive over adder graphs).
COUNTS = {4: [8, 8], 5: [10, 18, 4], 6: [12, 32, 20], 8: [16, 72, 138, 30]}


@pytest.mark.parametrize("bits", COUNTS)
def test_how_many_words_have_which_cost(bits):
    words = range(-(1 << bits - 1), 1 << bits - 1)
    costs = [adder_cost(word) for word in words]
    assert [costs.count(cost) for cost in range(max(costs) + 1)] == COUNTS[bits]


def test_costs_against_a_search_of_all_pairs():
    """Odd factors by the number of adders, from shifted sums and differences of known ones."""
    limit, known = 1 << 9, {1: 0}
    for cost in (1, 2):
        made = set()
        for (u, i), (v, j) in itertools.product(known.items(), repeat=2):
            if max(i, j) != cost - 1 or (u != v and min(i, j) > 0):
                continue
            for shift in range(10):
                for total in (u + (v << shift), abs(u - (v << shift))):
                    if total and fundamental(total) < limit:
                        made.add(fundamental(total))
        for factor in made:
            known.setdefault(factor, cost)
    checked = range(1, 128, 2)
    assert [adder_cost(f) for f in checked] == [known.get(f, 3) for f in checked]


def test_what_words_are_made_of():
    words = [0, 1, -1, 64, -128, 3, -3, 96, 45, -90, 11]
    assert [fundamental(w) for w in words] == [0, 1, 1, 1, 1, 3, 3, 3, 45, 45, 11]
    assert [adder_cost(w) for w in words] == [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("text", "bits", "count"),
    [("power-of-two", 8, 16), ("cost-1", 8, 88), ("cost-2", 8, 226), ("any", 8, 256)]
    + [("power-of-two", 2, 4), ("any", 3, 8), ("-4,0,3", 3, 3), ("5, 1,1,-1", 8, 3)],
)
def test_sets(text, bits, count):
    found = coefficients(text, bits)
    assert len(found.words) == count and (np.diff(found.words) > 0).all()
    assert found.words[0] >= -(1 << bits - 1) and found.words[-1] < 1 << bits - 1
    assert found.costs.tolist() == [adder_cost(w) for w in found.words]
    assert found.factors.tolist() == [fundamental(w) for w in found.words]


@pytest.mark.parametrize("text", ["power-of-two", "cost-1", "-3,0,7"])
def test_the_nearest_word(text):
    found = coefficients(text, 8)
    values = np.random.default_rng(1).uniform(-200, 200, 500)
    distances = np.abs(found.words[:, None] - values)
    chosen = found.words[found.nearest(values)]
    assert (np.abs(chosen - values) == distances.min(axis=0)).all()
    middle = (found.words[0] + found.words[1]) / 2
    assert found.words[found.nearest(np.array([middle]))] == [found.words[0]]


def test_words_around_a_value():
    found = coefficients("-8,-2,0,1,4", 8)
    around = found.words[found.around(np.array([0.9, -30.0]), 1)]
    assert around[:, 0].tolist() == [0, 1, 4, 0]
    assert around[:, 1].tolist() == [-8, -8, -2, 0]
    without = coefficients("2,5", 8)
    assert without.words[without.around(np.array([5.0]), 1)][:, 0].tolist() == [2, 5, 5, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "cheap",
            "coefficients must be power-of-two, cost-1, cost-2, any, or integers separated by"
            " commas, not 'cheap'",
        ),
        ("1,128", "coefficients must be two or more integers from -128 to 127, not 128"),
        ("4", "coefficients must be two or more integers from -128 to 127, not 4 alone"),
    ],
)
def test_refusals(text, message):
    with pytest.raises(ModelError) as error:
        coefficients(text, 8)
    assert str(error.value) == message
