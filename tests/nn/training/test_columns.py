"""Adders of columns, and prices of words in them."""

import numpy as np
import pytest
from networks_for_training import dense

from holigrail_hw.nn.training.chain import chain_of
from holigrail_hw.nn.training.coefficients import coefficients
from holigrail_hw.nn.training.columns import Prices, product_adders, sum_adders
from holigrail_hw.nn.training.number_formats import Bits, chosen_formats, real_values
from holigrail_hw.nn.training.trainable import Trainable


@pytest.mark.parametrize(
    ("words", "adders"),
    [
        ([[0, 1, -64, 128]], 0),
        ([[3, 6, -12, 96]], 1),
        ([[3, 5, 7, -14]], 3),
        ([[3], [3], [-3]], 3),
        ([[45]], 2),
        ([[45, 90, 5]], 2),
        ([[45, 9]], 2),
        ([[0, 0], [0, 0]], 0),
    ],
)
def test_products_of_a_column_share_their_odd_factors(words, adders):
    assert product_adders(np.array(words)) == adders


@pytest.mark.parametrize(
    ("words", "bias", "adders"),
    [
        ([[1], [2], [3]], [0], 2),
        ([[1], [2], [3]], [5], 3),
        ([[0], [0], [0]], [5], 0),
        ([[0, 1], [0, -1], [0, 0]], [0, 0], 1),
    ],
)
def test_sums(words, bias, adders):
    assert sum_adders(np.array(words), np.array(bias)) == adders


@pytest.fixture
def network():
    model = dense([2, 3, 2], ["Relu", "linear"])
    chain, allowed = chain_of(model), coefficients("any", 8)
    x = np.random.default_rng(1).normal(0, 1, (10, 2))
    first, formats = chosen_formats(chain, x, Bits(), allowed)
    return Trainable(chain, first, formats, allowed, real_values(chain, x)[:-1])


# Two operands with three words each, then three with two.
WORDS = np.array([3, 6, 5, 1, 0, 45, 2, 7, 7, -7, 11, 11])


def test_prices_are_what_adders_change_by(network):
    """For every place: the adders of a word in place of another, less those with 0 there."""
    prices, allowed = Prices(network), network.allowed
    prices.observe(np.searchsorted(allowed.words, WORDS))
    shapes = [(2, 3), (3, 2)]

    def adders(flat):
        parts = np.split(flat, [6])
        split = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        return sum(product_adders(one) for one in split) + int((flat != 0).sum())

    # Words of at most one adder, so that what a column needs is the number of its factors.
    tried = np.array([0, 1, -16, 3, 12, 5, 7, -56, 9, 31])
    for place in (0, 1, 2, 3, 4, 6, 7, 8, 9):
        column = np.repeat(place, len(tried))
        found = prices.of(np.searchsorted(allowed.words, tried)[:, None])[:, column[0]]
        base = WORDS.copy()
        base[place] = 0
        wanted = []
        for word in tried:
            base[place] = word
            wanted.append(adders(base))
        # 45 and 11 cost what they cost beside a 9 or a 3, which a price does not know of.
        if place not in (3, 4):
            assert (found == np.array(wanted) - wanted[0]).all()


def test_the_cheapest_word_near_a_weight(network):
    prices, allowed = Prices(network), network.allowed
    prices.observe(np.searchsorted(allowed.words, WORDS))
    weights = WORDS + 0.25
    free = allowed.words[prices.cheapest(weights, 0.0)]
    assert (free == WORDS).all()
    dear = allowed.words[prices.cheapest(weights, 1e6)]
    assert (dear == 0).all()
    some = allowed.words[prices.cheapest(weights, 0.8)]
    # 5 would have an adder of its own; 3 and 6 share theirs, and a third word may join them.
    assert some[:3].tolist() == [3, 6, 6]
