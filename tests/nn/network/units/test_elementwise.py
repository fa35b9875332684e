"""Thresholds, products with a shift, tables: values and cycles."""

import numpy as np
import pytest
from timed import check, measured

from holigrail_hw.core import Timing
from holigrail_hw.models.formulas.twice_rounded import TwiceRounded
from holigrail_hw.models.graph import forms
from holigrail_hw.nn.network.stream.units.elementwise.shape import Requantiser, Table, Thresholds
from holigrail_hw.nn.network.stream.units.unit import Integers


def stairs(seed, count, channels, lanes, step=1, falls=False):
    rng = np.random.default_rng(seed)
    values = np.sort(rng.integers(-40, 50, (count, channels)), axis=0)
    sign = rng.choice([-1, 1], channels) if falls else np.ones(channels, np.int64)
    base = rng.integers(-3, 4, channels) if falls else np.full(channels, -2)
    form = forms.Thresholds(values, base, step, sign)
    ends = Integers(int(base.min()), int(base.max()) + step * count)
    fields = {"input": Integers(-35, 45), "output": ends, "elements": 6 * channels, "lanes": lanes}
    return Thresholds.of(form, (6, channels), **fields)


@pytest.mark.parametrize("case", [(3, 1, 1), (1, 6, 2), (7, 6, 3, 2, True), (4, 3, 1, 1, True)])
def test_thresholds(case):
    check(stairs(1, *case), seed=2)


def scaled(seed, channels, lanes, even, device="ecp5", period=6.0, signs=(1,), **options):
    rng = np.random.default_rng(seed)
    factor = rng.integers(1, 300, channels) * rng.choice(signs, channels)
    shift = rng.integers(3, 7, channels)
    constant = rng.integers(-2000, 2000, channels)
    form = forms.Multiplier(factor, constant, shift, -9, 100, even)
    fields = {"input": Integers(-600, 500), "output": Integers(-9, 100), "lanes": lanes}
    timing = Timing(period_ns=period, device=device)
    return Requantiser.of(
        form, (5, channels), elements=5 * channels, timing=timing, **fields, **options
    )


CASES = [
    (1, 1, 0, {}),
    (6, 2, 1, {"signs": (-1, 1)}),
    (4, 1, 0, {"multiplier": "dsp", "period": 12.0}),
    (2, 2, 1, {"period": None, "signs": (-1, 1)}),
    (3, 3, 0, {"multiplier": "tree", "period": 3.0}),
]


@pytest.mark.parametrize("case", CASES)
def test_requantisers(case):
    channels, lanes, even, options = case
    check(scaled(3, channels, lanes, even, **options), seed=4)


OPENS = 150


def test_stages_fill_while_the_output_waits():
    """As many beats are taken as there are stages, however far apart they come."""
    for unit in (stairs(1, 3, 1, 1), scaled(3, 1, 1, 0, period=3.0)):
        got, taken, _ = measured(
            unit.component(),
            [np.arange(9)[:, None]],
            9,
            lambda k, cycle, m: cycle >= 10 * m,
            lambda k, cycle: cycle >= OPENS,
        )
        assert unit.latency > 2
        assert sum(cycle < OPENS for cycle in taken[0]) == unit.latency
        wanted = [unit.apply(np.full((1, unit.elements), x))[0, 0] for x in range(9)]
        assert got[0][:, 0].tolist() == wanted


def test_tables():
    formula = TwiceRounded(np.array(1 << 30), np.array(-3), 4, -128, 127, 6, 1)
    wide = Integers(-128, 127)
    table = Table.of(formula.apply, wide, (2, 3, 2), elements=12, lanes=2)
    assert table.period == 1
    assert np.array_equal(table.apply(np.arange(-6, 6)[None])[0], formula.apply(np.arange(-6, 6)))
    check(table)
    squares = Table.of(lambda x: x * np.arange(6) + x * x, Integers(-2, 3), (2, 6), **SOME)
    assert squares.period == 6
    check(squares)


SOME = {"elements": 12, "lanes": 3}
