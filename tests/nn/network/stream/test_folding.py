"""Foldings: the cheapest options that are fast enough, converters included."""

import itertools

import numpy as np
import pytest

from holigrail_hw.models.errors import ModelError
from holigrail_hw.nn.network.stream.folding import programme
from holigrail_hw.nn.network.stream.folding.greedy import descended, spent
from holigrail_hw.nn.network.stream.folding.problem import (
    PRICES,
    RESOURCES,
    Folding,
    Join,
    Layer,
    Option,
    converter,
)
from holigrail_hw.nn.network.stream.folding.search import Infeasible, fastest, folded


def divisors(number):
    return [n for n in range(1, number + 1) if number % n == 0]


def random_folding(rng):
    """Matrices one after the other, with a way around one of them."""
    sizes = [int(n) for n in rng.choice([4, 6, 8], 4)]
    layers, joins = [], []
    for at in range(3):
        inputs, outputs = sizes[at], sizes[at + 1]
        options = [
            Option(
                key=(lanes, parallel),
                lanes_in=(lanes,),
                lanes_out=parallel,
                cycles=inputs // lanes * outputs // parallel,
                luts=int(20 * lanes * parallel + rng.integers(10)),
                dsps=lanes * parallel * int(rng.integers(2)),
                memories=int(rng.integers(3)),
            )
            for lanes in divisors(inputs)
            for parallel in divisors(outputs)
        ]
        layers.append(Layer(f"layer{at}", tuple(options)))
        if at:
            joins.append(Join(at - 1, at, 0, inputs, 4))
    if sizes[1] == sizes[3]:
        both = [
            Option(key=(n,), lanes_in=(n, n), lanes_out=n, cycles=sizes[1] // n, luts=5 * n)
            for n in divisors(sizes[1])
        ]
        layers.append(Layer("add", tuple(both)))
        joins += [Join(2, 3, 0, sizes[3], 4), Join(0, 3, 1, sizes[1], 4)]
    return Folding(tuple(layers), tuple(joins))


def price(use):
    return sum(PRICES[name] * use[name] for name in RESOURCES)


def least(folding, interval, limits):
    """By trying everything."""
    best = None
    for options in itertools.product(*(layer.options for layer in folding.layers)):
        if max(option.cycles for option in options) > interval:
            continue
        slow = any(
            converter(j, options[j.producer].lanes_out, options[j.consumer].lanes_in[j.operand])[1]
            > interval
            for j in folding.joins
        )
        use = spent(folding, options)
        if slow or any(use[name] > limit for name, limit in limits.items()):
            continue
        best = price(use) if best is None else min(best, price(use))
    return best


@pytest.mark.parametrize("seed", range(6))
def test_the_programme_finds_the_least(seed):
    rng = np.random.default_rng(seed)
    folding = random_folding(rng)
    for interval, limits in ((64, {}), (8, {}), (4, {"dsps": 6}), (16, {"memories": 2})):
        wanted = least(folding, interval, limits)
        found = programme.cheapest(folding, interval, limits)
        assert (found is None) == (wanted is None)
        if found is None:
            continue
        options, proved = found
        use = spent(folding, options)
        assert proved and price(use) == wanted
        assert max(option.cycles for option in options) <= interval
        assert all(use[name] <= limit for name, limit in limits.items())
        descent = descended(folding, interval, limits)
        if descent is not None:
            assert wanted <= price(spent(folding, descent)) <= 2 * wanted
            assert max(option.cycles for option in descent) <= interval


def test_without_a_solver_the_descent_answers(monkeypatch):
    monkeypatch.setattr(programme, "solver_of", lambda *given: None)
    folding = random_folding(np.random.default_rng(1))
    found = folded(folding, 8, {})
    assert not found.proved and max(option.cycles for option in found.options) <= 8
    assert found.use == spent(folding, found.options)


def test_the_shortest_interval_within_a_budget():
    folding = random_folding(np.random.default_rng(3))
    limits = {"luts": 1200}
    found = fastest(folding, limits)
    assert found.use["luts"] <= 1200
    shorter = {
        o.cycles for layer in folding.layers for o in layer.options if o.cycles < found.interval
    }
    assert shorter and least(folding, max(shorter), limits) is None


def test_converters():
    join = Join(0, 1, 0, 24, 4)
    assert converter(join, 4, 4) == (0, 6)
    assert converter(join, 4, 12)[1] == 6
    assert converter(join, 6, 4)[1] == 12
    assert converter(join, 6, 4)[0] > converter(join, 6, 2)[0]


@pytest.mark.parametrize(
    ("interval", "limits", "text"),
    [
        (1, {}, "layer layer0 takes at least"),
        (64, {"luts": 1}, "must fit within 64 cycles per frame and 1 luts"),
    ],
)
def test_what_does_not_fit_is_said(interval, limits, text):
    options = (Option(key=(), lanes_in=(1,), lanes_out=1, cycles=4, luts=9),)
    folding = Folding((Layer("layer0", options),), ())
    with pytest.raises(Infeasible, match=text) as caught:
        folded(folding, interval, limits)
    assert {name: found.use[name] for name, found in caught.value.nearest.items()} == dict.fromkeys(
        limits, 9
    )
    if "luts" in limits:
        with pytest.raises(ModelError, match=text.replace("64", "4")):
            fastest(folding, limits)
